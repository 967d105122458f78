"""The home page in a browser: paste, Enter, copied; by mouse, by keyboard, without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import stop_time
from tests.browser.watch import Watch
from tests.server_process import ServerProcess

ADDRESS = "https://example.org/a/very/long/address"


@pytest.fixture
def context(chromium: Browser, watch: Watch) -> Iterator[BrowserContext]:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield context
    context.close()
    assert watch.complaints == []


@pytest.fixture
def home(context: BrowserContext, watch: Watch, site: ServerProcess) -> Page:
    tab = watch.attach(context)
    # What has been copied is told for two seconds.
    stop_time(tab)
    tab.goto(site.url)
    return tab


def clipboard(tab: Page) -> str:
    return str(tab.evaluate("navigator.clipboard.readText()"))


def put(tab: Page, text: str) -> None:
    tab.evaluate("(text) => navigator.clipboard.writeText(text)", text)


def made(tab: Page) -> str:
    """The short URL that stands there as made."""
    return str(tab.locator("[data-focus]").get_attribute("data-copy"))


def test_paste_enter_copied(home: Page, site: ServerProcess) -> None:
    put(home, ADDRESS)
    expect(home.get_by_label("Long address")).to_be_focused()
    home.keyboard.press("Control+v")
    home.keyboard.press("Enter")
    copy = home.get_by_role("button", name="Copy", exact=True)
    expect(copy).to_be_focused()
    assert clipboard(home) == ADDRESS, "nothing gets there unasked"
    home.keyboard.press("Enter")
    expect(home.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(home) == made(home)
    assert made(home).startswith(f"{site.url}/")
    expect(home.locator("#heard")).to_have_text("Copied")
    home.clock.run_for(2000)
    expect(copy).to_be_visible()


def test_what_was_made_stands_selected(home: Page) -> None:
    home.get_by_label("Long address").fill(ADDRESS)
    home.keyboard.press("Enter")
    expect(home.locator("#made")).to_be_visible()
    home.keyboard.press("Control+c")
    assert clipboard(home) == made(home)


def test_pasting_anywhere_fills_the_field(home: Page) -> None:
    put(home, ADDRESS)
    home.get_by_role("heading", level=1).click()
    home.keyboard.press("Control+v")
    expect(home.get_by_label("Long address")).to_have_value(ADDRESS)
    expect(home.get_by_label("Long address")).to_be_focused()


@pytest.mark.parametrize("inside", [True, False])
def test_pasting_several_makes_room_for_them(home: Page, inside: bool) -> None:
    put(home, "example.org/1\r\nexample.org/2\n\nexample.org/3\n")
    if not inside:
        home.get_by_role("heading", level=1).click()
    home.keyboard.press("Control+v")
    field = home.get_by_label("Long address")
    expect(field).to_have_value("example.org/1\nexample.org/2\nexample.org/3")
    home.get_by_role("button", name="Shorten").click()
    expect(home.get_by_text("3 links are ready")).to_be_visible()
    home.keyboard.press("Enter")
    expect(home.get_by_role("button", name="Copied")).to_be_visible()
    assert len(clipboard(home).splitlines()) == 3


def test_what_is_wrong_stands_at_its_field(home: Page) -> None:
    home.get_by_label("Long address").fill("nonsense")
    home.keyboard.press("Enter")
    field = home.get_by_label("Long address")
    expect(home.get_by_role("alert")).to_contain_text("This is no web address.")
    expect(field).to_be_focused()
    expect(field).to_have_value("nonsense")
    assert field.get_attribute("aria-invalid") == "true"
    home.keyboard.type(".example.org")
    home.keyboard.press("Enter")
    expect(home.get_by_role("button", name="Copy", exact=True)).to_be_focused()


def test_a_taken_ending_is_exchanged_by_a_press(home: Page, site: ServerProcess) -> None:
    group = home.get_by_role("group", name="Endings that are free")
    for answer in (home.locator("#made"), group):
        home.get_by_label("Long address").fill(ADDRESS)
        home.locator("summary").click()
        home.get_by_label("Own ending").fill("meadow")
        home.keyboard.press("Enter")
        expect(answer).to_be_visible()
    chosen = group.get_by_role("button").first.inner_text()
    assert chosen.startswith("meadow") and chosen != "meadow"
    group.get_by_role("button").first.click()
    expect(home.locator("#made")).to_contain_text(chosen)
    assert made(home) == f"{site.url}/{chosen}"


def test_the_browser_remembers_what_it_made(home: Page, site: ServerProcess) -> None:
    home.get_by_label("Long address").fill(ADDRESS)
    home.keyboard.press("Enter")
    expect(home.locator("#made")).to_be_visible()
    short_url = made(home)
    home.goto(site.url)
    row = home.get_by_role("region", name="Made in this browser").get_by_role("listitem")
    expect(row).to_contain_text("0 clicks")
    row.get_by_role("button", name=f"Copy {short_url.partition('://')[2]}").click()
    expect(home.locator("#heard")).to_have_text("Copied")
    assert clipboard(home) == short_url


def test_keys(home: Page, site: ServerProcess) -> None:
    home.keyboard.press("Escape")
    home.keyboard.press("?")
    expect(home).to_have_url(f"{site.url}/-/keyboard")
    home.goto(site.url)
    home.keyboard.press("Escape")
    home.keyboard.press("n")
    field = home.get_by_label("Long address")
    expect(field).to_be_focused()
    home.keyboard.type("n?gl")
    expect(field).to_have_value("n?gl")


def test_without_scripts(chromium: Browser, watch: Watch, site: ServerProcess) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = watch.attach(context)
    tab.goto(site.url)
    tab.get_by_label("Long address").fill(ADDRESS)
    tab.get_by_label("Long address").press("Enter")
    short = tab.get_by_label("Short link", exact=True)
    expect(short).to_be_focused()
    value = short.input_value()
    assert value.startswith(f"{site.url}/")
    tab.goto(site.url)
    expect(tab.get_by_role("region", name="Made in this browser")).to_contain_text(
        value.rpartition("/")[2]
    )
    tab.get_by_role("link", name="Deutsch").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Link einfügen.")
    context.close()
    assert watch.complaints == []


def test_german_all_through(chromium: Browser, watch: Watch, site: ServerProcess) -> None:
    context = chromium.new_context(
        locale="de-DE", permissions=["clipboard-read", "clipboard-write"]
    )
    tab = watch.attach(context)
    stop_time(tab)
    tab.goto(site.url)
    tab.get_by_label("Lange Adresse").fill(ADDRESS)
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("button", name="Kopieren", exact=True)).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("button", name="Kopiert")).to_be_visible()
    context.close()
    assert watch.complaints == []
