"""A link that asks for its password, in a real browser: with and without script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ARRIVED, PASSWORD
from tests.browser.target import Arrival, Target
from tests.browser.watch import Watch
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, watch: Watch) -> Page:
    context = chromium.new_context(java_script_enabled=request.param)
    request.addfinalizer(context.close)
    return watch.attach(context)


def count(site: ServerProcess, userid: str, short_url: str) -> int:
    entry = site.call("get_entry", userid=userid, shorturl=short_url)["entry"]
    return int(entry["count"])


def test_the_password_leads_on(
    visitor: Page, watch: Watch, site: ServerProcess, userid: str, protected: str, behind: Target
) -> None:
    before = count(site, userid, protected)
    behind.arrivals.clear()
    visitor.goto(protected)
    expect(visitor.get_by_role("heading", level=1)).to_have_text("This link asks for a password")
    field = visitor.get_by_label("Password")
    field.fill("a guess")
    visitor.get_by_role("button", name="Open").click()
    expect(visitor.get_by_role("alert")).to_contain_text("not the link's password")
    expect(field).to_have_value("")
    assert behind.arrivals == []
    field.fill(PASSWORD)
    field.press("Enter")
    visitor.wait_for_url(f"{behind.url}/{ARRIVED}")
    # Where the visitor came from is nobody's business, the signed address least of all.
    assert behind.arrivals == [Arrival(f"/{ARRIVED}", None)]
    assert count(site, userid, protected) == before + 1
    assert watch.complaints == []


def test_nothing_is_kept_in_the_browser(tab: Page, protected: str, behind: Target) -> None:
    tab.goto(protected)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Open").click()
    tab.wait_for_url(f"{behind.url}/*")
    assert tab.context.cookies() == []
    tab.goto(protected)
    expect(tab.get_by_label("Password")).to_be_visible()
