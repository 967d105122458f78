"""Fixtures: people with accounts on the `app` of the tests above."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from jinja2 import Environment, FileSystemBytecodeCache

from shortd.testing import RunningApp
from shortd.web import pages
from tests.v2.people import Person, registered, temporary


@pytest.fixture(scope="package", autouse=True)
def templates_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiling the pages would be two thirds of the time it takes to open an app."""
    cache = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "Environment", partial(Environment, bytecode_cache=cache))
        yield


@pytest.fixture
def guest(app: RunningApp) -> Person:
    """Owner of a temporary account."""
    return temporary(app)


@pytest.fixture
def stranger(app: RunningApp) -> Person:
    """Owner of another one."""
    return temporary(app)


@pytest.fixture
def member(app: RunningApp) -> Person:
    """Owner of a registered account named "Member"."""
    return registered(app, username="Member")
