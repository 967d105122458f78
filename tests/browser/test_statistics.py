"""A link's page of statistics in a browser: numbers that move, charts that read themselves out."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.shelf import new_shelf
from tests.patience import begin_a_day
from tests.server_process import ServerProcess


def test_numbers_move(tab: Page, site: ServerProcess) -> None:
    begin_a_day()
    shelf = new_shelf(site)
    shelf.enter(tab.context)
    entry = shelf.link("https://example.org/", clicks=2)
    tab.goto(f"{site.url}/-/links/{entry['id']}")
    expect(tab.locator("#ever")).to_have_text("2")
    shelf.visit(f"{entry['shorturl']}?qr")
    expect(tab.locator("#ever")).to_have_text("3")
    # The rest follows, and can still be read out.
    expect(tab.locator(".sums dd").nth(2)).to_have_text("1")
    expect(tab.locator(".live b")).to_have_text("3")
    tab.locator(".plot .area").focus()
    tab.keyboard.press("End")
    expect(tab.locator(".plot .tip")).to_contain_text("3 clicks")


def test_days_that_are_over_stay_as_they_were(tab: Page, site: ServerProcess) -> None:
    shelf = new_shelf(site)
    shelf.enter(tab.context)
    entry = shelf.link("https://example.org/", clicks=1)
    tab.goto(f"{site.url}/-/links/{entry['id']}?from=2020-01-01&to=2020-01-31")
    expect(tab.locator("#ever")).to_have_text("1")
    with tab.expect_response(lambda answer: answer.url.endswith("to=2020-01-31")):
        shelf.visit(entry["shorturl"])
    expect(tab.locator("#ever")).to_have_text("2")
    expect(tab.locator(".sums dd").first).to_have_text("0")
