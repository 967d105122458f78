"""Pages of a link with the longest and strangest values that there can be: all stays inside."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.axe import violations
from tests.browser.shelf import Shelf, new_shelf
from tests.browser.test_every_page import CUT, evaluate
from tests.server_process import ServerProcess

MARKUP = "\"'><img src=x onerror=alert(1)></script>{{ 7 * 7 }}"
URL = "https://" + "long-label-of-a-name." * 8 + "example.org/" + "w" * 8000
HEBREW = "\u05e9\u05dc\u05d5\u05dd " * 40
PATHS = (
    *("/-/dashboard", "/-/links/{id}", "/-/links/{id}/visits", "/-/links/{id}/qr"),
    *("/-/links/{id}/edit", "/-/links/{id}/explain", "/-/tags"),
)


@pytest.fixture(scope="module")
def crowded(site: ServerProcess) -> tuple[Shelf, int]:
    """Somebody with such links, and the id of one that has them all."""
    shelf = new_shelf(site, "n" * 64)
    terms: dict[str, Any] = {"tags": [MARKUP, HEBREW[:60], "w" * 64], "title": HEBREW}
    made = [
        shelf.link(URL[:8190], "b" * 11, clicks=1, **terms),
        shelf.link("https://example.org/", title=MARKUP * 4),
        shelf.link("https://example.org/", title="w" * 512, expiration_utime=1),
    ]
    return shelf, int(made[0]["id"])


@pytest.mark.parametrize("path", PATHS)
def test_nothing_sticks_out(
    tab: Page, site: ServerProcess, crowded: tuple[Shelf, int], path: str
) -> None:
    shelf, link_id = crowded
    shelf.enter(tab.context)
    tab.goto(site.url + path.format(id=link_id))
    tab.wait_for_load_state("networkidle")
    for width in (320, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        assert evaluate(tab, "document.documentElement.scrollWidth") <= width
        assert evaluate(tab, CUT) == [], width
    assert violations(tab) == []
    assert evaluate(tab, "document.images.length") <= 3, "no markup of theirs is any of ours"
