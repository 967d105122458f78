"""All parts of pages on one page, which no server serves: parts.html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shortd.web.pages import Pages
from shortd.web.render import Viewer
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PARTS_PATH = "/-/static/parts.html"
TEMPLATE = Path(__file__).with_name("parts.html")


def show_parts(tab: Page, site: ServerProcess) -> None:
    """Opens the page, as the server would send it."""
    headers: dict[str, str] = {}

    def answer(route: Route) -> None:
        route.fulfill(body=parts_page(), headers=headers)

    response = tab.request.get(f"{site.url}/")
    headers["content-security-policy"] = response.headers["content-security-policy"]
    headers["content-type"] = "text/html; charset=utf-8"
    tab.route(f"**{PARTS_PATH}", answer)
    tab.goto(site.url + PARTS_PATH)


def parts_page() -> str:
    """The page's HTML."""
    pages = Pages("http://sd.example")
    source = TEMPLATE.read_text(encoding="utf-8")
    template = pages.environment("en").from_string(source)
    return pages.rendered(template, path=PARTS_PATH, nonce="", viewer=Viewer("Ada", left=10**9))
