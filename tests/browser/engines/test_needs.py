"""What the tests of this package need; one line each tells what is missing."""

from __future__ import annotations

import pytest

from tests.browser.engines.conftest import needed_minibrowser
from tests.tools import needed, needed_library


@pytest.mark.parametrize("program", ["firefox-esr", "WebKitWebDriver", "Xvfb"])
def test_the_program_is_installed(program: str) -> None:
    needed(program)


def test_minibrowser_is_installed() -> None:
    needed_minibrowser()


@pytest.mark.parametrize("library", ["marionette_driver", "selenium"])
def test_the_library_is_installed(library: str) -> None:
    needed_library(library)
