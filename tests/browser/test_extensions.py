"""Pages of plugins in a real browser: found by the navigation, at home in our frame, quiet; what a
page smuggles in does nothing. And the operator's page of a plugin that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.operating import new_operator
from tests.browser.shelf import new_shelf
from tests.browser.watch import Watch
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

GUESTBOOK = '''
from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from shortd.plugin import Access, Caller, Link, Plugin, Visit, hookimpl


class Guestbook(Plugin[None, None]):
    """Lets everybody with an account say something."""

    name = "guestbook"
    pages = {"Guestbook": "/", "Its keys": "/keys"}
    everywhere = True

    def start(self) -> None:
        self.entries: list[str] = []

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: None) -> None:
        raise RuntimeError("no")

    @hookimpl
    def routes(self) -> Sequence[Any]:
        @get("/", access=Access.ACCOUNT)
        async def show(caller: Caller) -> Response[bytes]:
            return await self.page(
                caller, "Guestbook", self.template("guestbook.html"), entries=self.entries
            )

        @post("/", access=Access.ACCOUNT)
        async def say(caller: Caller) -> Redirect:
            form = await caller.request.form()
            self.entries.append(form["said"])
            return Redirect("/-/x/guestbook/", status_code=303)

        @get("/keys")
        async def keys(caller: Caller) -> Response[bytes]:
            return await self.page(caller, "Its keys", "<p>Keys</p>")

        return [show, say, keys]
'''
TEMPLATE = """
<form class="card pad stack" method="post" action="/-/x/guestbook/">
<p class="fld"><label for="said">What do you say?</label>
<input class="in" id="said" name="said" required maxlength="80"></p>
<div class="acts"><button class="b go">{{ icon("plus") }}Say it</button></div>
</form>
<ul aria-label="Entries">
{% for said in entries %}
<li>{{ said }}</li>
{% endfor %}
</ul>
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("guestbook")
    (folder / "plugins" / "templates").mkdir(parents=True)
    (folder / "plugins" / "guestbook.py").write_text(GUESTBOOK)
    (folder / "plugins" / "templates" / "guestbook.html").write_text(TEMPLATE)
    environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(folder / "plugins")}
    process = ServerProcess(folder / "data", environ)
    process.start()
    yield process
    process.stop()


@pytest.mark.parametrize("width", [1200, 380])
def test_a_page_of_a_plugin(tab: Page, watch: Watch, house: ServerProcess, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    new_shelf(house).enter(tab.context)
    tab.goto(f"{house.url}/-/account")
    tab.get_by_role("link", name="Guestbook").locator("visible=true").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Guestbook")
    said = f"<img src=x onerror=alert({width})>"
    tab.get_by_label("What do you say?").fill(said)
    tab.get_by_role("button", name="Say it").click()
    expect(tab.get_by_role("list", name="Entries")).to_contain_text(said)
    expect(tab.locator("[aria-current=page]", has_text="Guestbook")).to_have_count(1)
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert watch.complaints == []


def test_a_plugin_that_fails_is_switched_on_again(
    tab: Page, watch: Watch, house: ServerProcess
) -> None:
    short_url = new_shelf(house).link("https://example.com/")["shorturl"]
    for _ in range(5):
        tab.request.get(short_url, max_redirects=0)
    new_operator(house).enter(tab.context)
    tab.goto(f"{house.url}/-/admin/plugins")
    tab.locator("h2 a", has_text="guestbook").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Plugin guestbook")
    expect(tab.get_by_text("destination failed 5 times in a minute").first).to_be_visible()
    assert violations(tab) == []
    tab.get_by_role("button", name="Switch on again").click()
    expect(tab.locator("#say")).to_contain_text("On again: destination.")
    expect(tab.get_by_role("button", name="Switch on again")).to_have_count(0)
    tab.get_by_role("link", name="Its keys").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Its keys")
    assert watch.complaints == []
