"""Draws the icons that phones show of the installed pages, from `favicon.svg`.

    python -m tests.browser.icons

The masked one fills its whole square, since phones cut their own shape out of it.
"""

from __future__ import annotations

from pathlib import Path

from shortd.web import assets
from tests.browser.conftest import ARGUMENTS, light_chromium

STATIC = Path(assets.__file__).parent / "static"
CORNER = ' rx="9"'
ICONS = {"icon-192.png": (192, False), "icon-512.png": (512, False), "icon-mask.png": (512, True)}
"""Their sides in px, and whether a phone cuts them."""


def main() -> None:
    from playwright.sync_api import sync_playwright

    drawing = (STATIC / "favicon.svg").read_text()
    assert CORNER in drawing
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=light_chromium(), args=ARGUMENTS)
        for name, (side, is_cut) in ICONS.items():
            tab = browser.new_page(viewport={"width": side, "height": side})
            shown = drawing.replace(CORNER, "") if is_cut else drawing
            tab.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{shown}")
            tab.screenshot(path=STATIC / name, omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
