"""Programs and libraries that some tests need and not every machine has."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import NoReturn

import pytest


def needed(program: str) -> str:
    """The program's path; without it the test is skipped, or fails where CI is set."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        unusable(f"{program} is not installed")
    return path


def needed_library(name: str) -> None:
    """Without this library the test is skipped, or fails where CI is set."""
    if find_spec(name) is None:
        unusable(f"the library {name} is not installed")


def unusable(reason: str) -> NoReturn:
    """Skips the test, or fails it where CI is set: there everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
