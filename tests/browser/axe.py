"""axe-core on a page: what it finds wrong for people who do not see it, or not with a mouse."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Best practices as well: no violation of any level.
_RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map(({ id, impact, nodes }) => [
        id, impact, nodes.map((node) => `${node.html} ${node.failureSummary}`),
    ]);
}"""


def violations(tab: Page) -> list[Any]:
    """What axe says, as [rule, impact, elements]."""
    tab.evaluate(_source())
    found: list[Any] = tab.evaluate(_RUN)
    return found


@cache
def _source() -> str:
    folder = Path(str(axe_playwright_python.__file__)).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")
