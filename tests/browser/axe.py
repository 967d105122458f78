"""axe-core on a page: what it finds wrong for people who do not see it, or not with a mouse."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Best practices as well: no violation of any level.
_RUN = """async (rules) => {
    // A colour on its way to another is none that anybody reads.
    for (const one of document.getAnimations()) {
        if (Number.isFinite(one.effect.getComputedTiming().endTime)) one.finish();
    }
    const options = { resultTypes: ["violations"] };
    if (rules) options.runOnly = { type: "rule", values: rules };
    const found = await axe.run(document, options);
    return found.violations.map(({ id, impact, nodes }) => [
        id, impact, nodes.map((node) => `${node.html} ${node.failureSummary}`),
    ]);
}"""
_OF_COLOURS = ("color-contrast", "link-in-text-block")


def violations(tab: Page, *, of_colours: bool = False) -> list[Any]:
    """What axe says, as [rule, impact, elements]. `of_colours`: by the rules alone that look at
    these, for a page that differs in nothing else from one that was looked at."""
    # What was seen on a page may have come before its style.
    tab.wait_for_load_state()
    if tab.evaluate("typeof axe") == "undefined":
        tab.evaluate(_source())
    found: list[Any] = tab.evaluate(_RUN, list(_OF_COLOURS) if of_colours else None)
    return found


@cache
def _source() -> str:
    folder = Path(str(axe_playwright_python.__file__)).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")
