"""The whole life of a link, three times: by mouse, by keyboard alone, and without scripts.

Made by somebody without an account, who signs up, finds it, changes it, sees it clicked, turns it
off with another one, deletes it, takes that back and deletes it again. Then the server is started
anew, and half a minute after its deletion the link is gone for good.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.shelf import Shelf
from tests.browser.watch import Watch
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

WAYS = ("mouse", "keyboard", "no scripts")
PASSWORD = "Trial151! and more"
TABS = 120
"""Most presses of a key that lead anywhere on a page."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that is started anew in the end."""
    process = ServerProcess(tmp_path / "data", GENEROUS)
    process.start()
    yield process
    process.stop()


class Hand:
    """Uses a page in one of the ways."""

    def __init__(self, tab: Page, way: str) -> None:
        self.tab = tab
        self.way = way

    def press(self, place: Locator) -> None:
        if self.way != "keyboard":
            place.click()
            return
        self._reach(place)
        self.tab.keyboard.press("Space" if place.get_attribute("type") == "checkbox" else "Enter")

    def write(self, place: Locator, text: str) -> None:
        if self.way == "keyboard":
            self._reach(place)
            self.tab.keyboard.press("Control+a")
            self.tab.keyboard.type(text)
        else:
            place.fill(text)

    def _reach(self, place: Locator) -> None:
        expect(place).to_be_visible()
        for _ in range(TABS):
            if place.evaluate("element => element === document.activeElement"):
                return
            self.tab.keyboard.press("Tab")
        raise AssertionError(f"no key leads to {place}")


def test_from_its_making_to_its_end(chromium: Browser, house: ServerProcess) -> None:
    deleted = [live(chromium, house, way) for way in WAYS]
    house.stop()
    house.start()
    for ending, shelf in deleted:
        # No event tells of it; what can be seen is that the ending is free.
        while shelf.refusal("url", url="https://new.example/", code=ending) == "code_taken":
            time.sleep(0.1)


def live(chromium: Browser, house: ServerProcess, way: str) -> tuple[str, Shelf]:
    """A link's life up to its deletion: its ending, and whose it was."""
    watch = Watch()
    context = chromium.new_context(java_script_enabled=way != "no scripts")
    tab = watch.attach(context)
    hand, url, ending = Hand(tab, way), house.url, f"life{secrets.token_hex(3)}"
    tab.goto(url)
    hand.write(tab.get_by_label("Long address"), "https://example.org/spring")
    hand.press(tab.get_by_role("button", name="Shorten"))
    expect(tab.locator(".mine li")).to_have_count(1)
    # Signs up: it comes along.
    tab.goto(f"{url}/-/signup")
    hand.write(tab.get_by_label("E-mail"), f"{ending}@nowhere.example")
    hand.write(tab.get_by_label("Name (optional)"), ending)
    hand.write(tab.get_by_label("Password"), PASSWORD)
    hand.write(tab.get_by_label("Once more"), PASSWORD)
    hand.press(tab.get_by_role("button", name="Sign up"))
    expect(tab.locator(".row")).to_have_count(1)
    shelf = shelf_of(house, context)
    shelf.link("https://other.example/", title="Something else")
    # Found and changed.
    tab.goto(f"{url}/-/dashboard")
    hand.write(tab.get_by_label("Search"), "spring")
    if way == "no scripts":
        tab.keyboard.press("Enter")
    # Whoever types slowly has half of it searched for, too.
    expect(tab).to_have_url(re.compile(r"q=spring\b"))
    expect(tab.locator(".row")).to_have_count(1)
    hand.press(tab.locator(".row .go2"))
    hand.press(tab.get_by_role("link", name="Settings"))
    hand.write(tab.get_by_label("Title"), "Spring campaign")
    hand.write(tab.get_by_label("Ending"), ending)
    hand.press(tab.get_by_role("button", name="Save").first)
    expect(tab.locator("#say")).to_contain_text(f"Saved {url.partition('://')[2]}/{ending}")
    # Clicked, while the list is open.
    tab.goto(f"{url}/-/dashboard?q=spring")
    expect(tab.locator(".row .t")).to_have_text("Spring campaign")
    shelf.visit(f"{url}/{ending}")
    if way == "no scripts":
        tab.reload()
    expect(tab.locator(".row [data-count]")).to_have_text("1")
    # Off and on again with all the others.
    tab.goto(f"{url}/-/dashboard")
    for box in tab.locator(".row > .cb").all():
        hand.press(box)
    hand.press(tab.locator(".bulk").get_by_role("button", name="Turn off"))
    expect(tab.locator(".row.off")).to_have_count(2)
    hand.press(tab.get_by_role("button", name="Undo"))
    expect(tab.locator(".row.off")).to_have_count(0)
    # Deleted, had back, deleted.
    for is_last in (False, True):
        tab.goto(f"{url}/-/dashboard?q=spring")
        hand.press(tab.get_by_role("button", name="More for"))
        hand.press(tab.get_by_role("button", name="Delete").locator("visible=true").last)
        expect(tab.locator(".row")).to_have_count(0)
        assert tab.request.get(f"{url}/{ending}", max_redirects=0).status == 404
        if not is_last:
            hand.press(tab.get_by_role("button", name="Undo"))
            expect(tab.locator(".row")).to_have_count(1)
            assert tab.request.get(f"{url}/{ending}", max_redirects=0).status == 302
    assert shelf.refusal("url", url="https://new.example/", code=ending) == "code_taken"
    context.close()
    assert watch.complaints == []
    assert watch.strangers(url) == []
    return ending, shelf


def shelf_of(house: ServerProcess, context: BrowserContext) -> Shelf:
    """The account that a browser has signed in to."""
    [value] = [cookie["value"] for cookie in context.cookies() if cookie["name"] == "shortd"]
    userid, _, token = value.partition(".")
    return Shelf(house, userid, token)
