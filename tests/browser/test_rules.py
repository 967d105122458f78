"""A link's rules in a browser: made, moved and saved, with scripts and without."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.browser.shelf import Shelf, new_shelf
from tests.browser.watch import Watch
from tests.server_process import ServerProcess


def open_settings(tab: Page, shelf: Shelf, link: int) -> None:
    tab.goto(f"{shelf.site.url}/-/links/{link}/edit")
    tab.locator("#way > summary").click()


def make_two(tab: Page) -> None:
    """A rule for Germany and one for robots, which is moved before it."""
    tab.get_by_label("Countries").fill("DE")
    tab.get_by_label("Destination", exact=True).last.fill("https://de.example/")
    tab.get_by_role("button", name="Add a rule").click()
    second = tab.locator('[name="2.robot"]')
    second.select_option("yes")
    tab.get_by_role("button", name="Move rule 2 up").click()
    expect(tab.locator('[name="rule"]').first).to_have_value("2")
    tab.locator('[name="1.name"]').wait_for(state="attached")


def kept(shelf: Shelf, short_url: str) -> object:
    return shelf.call("get_plugin", shorturl=short_url, plugin="rules")["data"]


MADE = {
    "rules": [
        {"conditions": {"robot": True}},
        {"conditions": {"country": ["DE"]}, "url": "https://de.example/"},
    ]
}


def test_with_scripts(tab: Page, site: ServerProcess) -> None:
    shelf = new_shelf(site)
    shelf.enter(tab.context)
    link = shelf.link("https://example.org/")
    open_settings(tab, shelf, link["id"])
    address = tab.url
    make_two(tab)
    # Nothing was loaded anew. The rule is the first now: it can be moved back.
    assert tab.url == address
    expect(tab.locator(":focus")).to_have_attribute("value", "down.2")
    tab.locator("#rules button.go").click()
    expect(tab.locator("#say")).to_contain_text("Saved")
    assert kept(shelf, link["shorturl"]) == MADE
    # Enter in a field saves, as in every form, and says so again.
    tab.locator("#say").evaluate("(say) => say.replaceChildren()")
    tab.locator("#way > summary").click()
    tab.locator("#rules summary").last.click()
    tab.locator('[name="2.weight"]').fill("50")
    tab.locator('[name="2.weight"]').press("Enter")
    expect(tab.locator("#say")).to_contain_text("Saved")
    assert "'weight': 50" in str(kept(shelf, link["shorturl"]))


def test_without_scripts(chromium: Browser, watch: Watch, site: ServerProcess) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = watch.attach(context)
    shelf = new_shelf(site)
    shelf.enter(context)
    link = shelf.link("https://example.org/")
    open_settings(tab, shelf, link["id"])
    make_two(tab)
    assert tab.url.endswith("/rules")
    tab.locator("#rules button.go").click()
    expect(tab.locator("#say")).to_contain_text("Saved")
    assert kept(shelf, link["shorturl"]) == MADE
    context.close()
    assert watch.complaints == []
