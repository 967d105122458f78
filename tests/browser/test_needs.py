"""What the tests of this package need; one line tells what is missing."""

from __future__ import annotations

from tests.tools import needed, needed_library


def test_playwright_is_installed() -> None:
    needed_library("playwright")


def test_chromium_is_installed() -> None:
    needed("chromium")
