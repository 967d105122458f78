"""Every page in both schemes and widths: accessible, quiet, at home, inside its window."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.browser.axe import violations
from tests.browser.shots import PAGES
from tests.browser.watch import Watch
from tests.server_process import ServerProcess

CUT = """[...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    if (!box.width || box.left < 0 || box.right <= innerWidth + 1) return false;
    if (element.closest(".vh, .skip, [hidden]") || !element.checkVisibility()) return false;
    // What can be scrolled to is not cut off, nor is what ends in dots.
    for (let around = element; around !== document.body; around = around.parentElement) {
        const { overflowX, textOverflow } = getComputedStyle(around);
        if (["auto", "scroll"].includes(overflowX) || textOverflow === "ellipsis") return false;
    }
    return true;
}).map((element) => element.outerHTML.slice(0, 80))"""
LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (
    *(("light", 1280), ("dark", 1280)),
    *(("light", 320), ("dark", 320)),
)
"""Of one width, dark differs from light in colours alone."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(tab: Page, watch: Watch, site: ServerProcess, name: str) -> None:
    PAGES[name](tab, site)
    tab.wait_for_load_state()
    for scheme, width in LOOKS:
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        tab.set_viewport_size({"width": width, "height": 800})
        assert violations(tab, of_colours=scheme == "dark") == [], (scheme, width)
        assert evaluate(tab, "document.documentElement.scrollWidth") <= width
        assert evaluate(tab, CUT) == [], width
    assert watch.strangers(site.url) == []


def test_axe_finds_what_is_wrong(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/keyboard")
    tab.evaluate("""() => {
        document.querySelector("main").append(document.createElement("input"));
        document.querySelector("h1").remove();
    }""")
    assert {"label", "page-has-heading-one"} <= {rule for rule, *_ in violations(tab)}


@pytest.mark.parametrize("of_colours", [False, True])
def test_axe_finds_colours_that_cannot_be_read(
    tab: Page, site: ServerProcess, of_colours: bool
) -> None:
    tab.goto(f"{site.url}/-/keyboard")
    tab.evaluate("""() => {
        for (const { style } of document.querySelectorAll("main *")) {
            style.color = "#777";
            style.background = "#666";
        }
    }""")
    assert "color-contrast" in {rule for rule, *_ in violations(tab, of_colours=of_colours)}


def evaluate(tab: Page, expression: str) -> Any:
    # What was seen on a page may have come before its style.
    tab.wait_for_load_state()
    return tab.evaluate(expression)
