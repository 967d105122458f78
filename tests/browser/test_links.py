"""The life of a link in a browser: by mouse, by keyboard alone, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import stop_time
from tests.browser.shelf import Shelf, filled_shelf, new_shelf
from tests.browser.watch import Watch
from tests.server_process import ServerProcess


@pytest.fixture
def shelf(site: ServerProcess, tab: Page) -> Shelf:
    """Somebody whose browser `tab` is."""
    shelf = new_shelf(site)
    shelf.enter(tab.context)
    return shelf


@pytest.fixture
def plain_tab(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A tab where no script runs."""
    context = chromium.new_context(java_script_enabled=False)
    yield watch.attach(context)
    context.close()
    assert watch.complaints == []


def test_by_mouse(tab: Page, site: ServerProcess, shelf: Shelf) -> None:
    tab.goto(f"{site.url}/-/dashboard")
    tab.get_by_label("Long address").fill("https://example.org/spring")
    tab.get_by_role("button", name="Shorten").click()
    tab.get_by_role("button", name="Copy", exact=True).wait_for()
    other = shelf.link("https://other.example/", title="Something else")
    [made] = [one for one in shelf.call("get_entries")["entries"] if one["id"] != other["id"]]
    ending = made["shorturl"].rpartition("/")[2]
    tab.goto(f"{site.url}/-/dashboard")
    tab.get_by_label("Search").fill("spring")
    expect(tab.locator(".row")).to_have_count(1)
    expect(tab).to_have_url(f"{site.url}/-/dashboard?q=spring")
    # Counts move by themselves.
    shelf.visit(made["shorturl"])
    expect(tab.locator(f'[data-count="{made["id"]}"]')).to_have_text("1")
    # The menu, and what it does where it stands.
    tab.get_by_role("button", name="More for").click()
    tab.get_by_role("button", name="Turn off").click()
    expect(tab.locator(".row.off")).to_have_count(1)
    expect(tab.locator("#say")).to_contain_text("Turned off")
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".row.off")).to_have_count(0)
    assert tab.url == f"{site.url}/-/dashboard?q=spring"
    # Settings.
    tab.get_by_role("button", name="More for").click()
    tab.get_by_role("link", name="Edit").click()
    tab.get_by_label("Title").fill("Spring campaign")
    tab.get_by_role("button", name="Save").first.click()
    expect(tab.locator("#say")).to_contain_text(f"Saved {site.url.partition('://')[2]}/{ending}")
    # All selected, deleted, undone as one.
    tab.goto(f"{site.url}/-/dashboard")
    expect(tab.locator(".row .t").first).to_have_text("Something else")
    tab.locator("[data-every]").check()
    expect(tab.locator("[data-selected]")).to_have_text("2 selected")
    tab.locator(".bulk").get_by_role("button", name="Delete").click()
    expect(tab.locator(".row")).to_have_count(0)
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".row")).to_have_count(2)


def test_a_late_answer_stands_in_place_of_no_later_one(
    tab: Page, site: ServerProcess, shelf: Shelf
) -> None:
    for name in ("spring", "summer"):
        shelf.link(f"https://{name}.example/")
    late: list[Route] = []
    stop_time(tab)
    tab.route(lambda url: url.endswith("?q=s"), lambda route: late.append(route))
    tab.goto(f"{site.url}/-/dashboard")
    field = tab.get_by_label("Search")
    with tab.expect_request(lambda request: request.url.endswith("?q=s")):
        field.press("s")
        tab.clock.run_for(250)
    field.fill("spring")
    tab.clock.run_for(250)
    expect(tab).to_have_url(f"{site.url}/-/dashboard?q=spring")
    with tab.expect_event("requestfinished", lambda one: one.url.endswith("?q=s")):
        late[0].continue_()
    # What follows from an answer has followed once the page has been asked for something else.
    tab.evaluate("fetch('/-/health')")
    expect(tab).to_have_url(f"{site.url}/-/dashboard?q=spring")
    expect(tab.locator(".row")).to_have_count(1)


def test_by_keyboard(tab: Page, site: ServerProcess, shelf: Shelf) -> None:
    for name in ("first", "second", "third"):
        shelf.link(f"https://{name}.example/")
    tab.goto(f"{site.url}/-/dashboard")
    press = tab.keyboard.press
    press("j")
    press("j")
    expect(tab.locator(".row").nth(1).locator(".go2")).to_be_focused()
    press("o")
    expect(tab.locator(".row.off")).to_have_count(1)
    expect(tab.locator(".row.off .go2")).to_be_focused()
    press("u")
    expect(tab.locator(".row.off")).to_have_count(0)
    press("j")
    press("x")
    expect(tab.locator("[data-selected]")).to_have_text("1 selected")
    press("t")
    tab.keyboard.type("print")
    press("Enter")
    expect(tab.locator(".row .tag")).to_have_text("print")
    press("j")
    press("Delete")
    expect(tab.locator(".row")).to_have_count(2)
    expect(tab.locator(".sum")).to_contain_text("2 links")
    expect(tab.locator(".row").first.locator(".go2")).to_be_focused()
    press("u")
    expect(tab.locator(".row")).to_have_count(3)
    press("/")
    expect(tab.get_by_label("Search")).to_be_focused()
    tab.keyboard.type("tag:print")
    # Whoever types slowly has half of it searched for, too.
    expect(tab).to_have_url(f"{site.url}/-/dashboard?q=tag%3Aprint")
    expect(tab.locator(".row")).to_have_count(1)
    press("Escape")
    press("j")
    press("e")
    expect(tab.get_by_role("link", name="Settings")).to_have_attribute("aria-current", "page")


def test_without_scripts(plain_tab: Page, site: ServerProcess) -> None:
    tab, shelf = plain_tab, new_shelf(site)
    shelf.enter(tab.context)
    for name in ("first", "second"):
        shelf.link(f"https://{name}.example/")
    tab.goto(f"{site.url}/-/dashboard")
    tab.get_by_label("Search").fill("second")
    tab.get_by_label("Search").press("Enter")
    expect(tab.locator(".row")).to_have_count(1)
    tab.get_by_role("button", name="More for").click()
    tab.get_by_role("button", name="Delete").click()
    expect(tab.get_by_text("Deleted")).to_be_visible()
    expect(tab.locator(".row")).to_have_count(0)
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".row")).to_have_count(1)
    tab.goto(f"{site.url}/-/dashboard")
    expect(tab.locator(".row")).to_have_count(2)
    for box in tab.locator(".row > .cb").all():
        box.check()
    tab.locator(".bulk").get_by_role("button", name="Turn off").click()
    expect(tab.locator(".row.off")).to_have_count(2)
    tab.get_by_role("button", name="More for").first.click()
    tab.get_by_role("link", name="Edit").click()
    tab.locator("#who > summary").click()
    tab.get_by_label("Password").fill("Sesame")
    tab.get_by_role("button", name="Set the password").click()
    expect(tab.get_by_text("Whoever knows the password")).to_be_visible()


def test_a_run_is_selected_with_shift(tab: Page, site: ServerProcess) -> None:
    filled_shelf(site).enter(tab.context)
    tab.goto(f"{site.url}/-/dashboard")
    boxes = tab.locator(".row > .cb")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(tab.locator("[data-selected]")).to_have_text("4 selected")
    tab.keyboard.press("Escape")
    expect(tab.locator(".row > .cb:checked")).to_have_count(0)


def test_keys_can_be_off(tab: Page, site: ServerProcess, shelf: Shelf) -> None:
    shelf.link("https://example.org/")
    tab.goto(f"{site.url}/-/dashboard")
    tab.evaluate("document.documentElement.dataset.keys = 'off'")
    tab.keyboard.press("j")
    expect(tab.locator(".go2")).not_to_be_focused()
