"""An operator's day: somebody is found, locked and unlocked, a link turned off, all of it by mouse
and keyboard; and what people call things does not break his pages."""

from __future__ import annotations

import tarfile
import urllib.error
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.operating import PASSWORD, command, new_operator
from tests.browser.shelf import Shelf, new_shelf
from tests.browser.test_every_page import CUT, evaluate
from tests.browser.test_longest_values import HEBREW, MARKUP, URL
from tests.browser.watch import Watch
from tests.server_process import ServerProcess


def status(url: str) -> int:
    """What a visitor gets."""
    opener = urllib.request.build_opener(_Stay)
    try:
        return int(opener.open(url).status)
    except urllib.error.HTTPError as answer:
        return answer.code


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, request: Any, answer: Any, *_: Any) -> Any:
        return answer


def test_a_day(tab: Page, site: ServerProcess) -> None:
    operator, ada = new_operator(site), new_shelf(site)
    name = ada.call("get_account_info")["username"]
    short_url = ada.link("https://phishing.example/login")["shorturl"]
    operator.enter(tab.context)
    tab.goto(f"{site.url}/-/account")
    tab.get_by_role("link", name="Operation of this server").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Now")

    size = tab.viewport_size
    assert size is not None
    tab.set_viewport_size({"width": 360, "height": 740})
    tab.get_by_role("link", name="Log", exact=True).click()
    expect(tab.get_by_role("link", name="Log", exact=True)).to_be_in_viewport(ratio=0.9)
    tab.set_viewport_size(size)
    tab.get_by_role("link", name="People").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("People")
    # Scripts come behind the page.
    tab.wait_for_load_state()
    tab.keyboard.press("/")
    expect(tab.get_by_role("searchbox")).to_be_focused()
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")
    tab.get_by_role("list", name="People").get_by_role("link", name=name).click()
    lock = tab.locator("form[action$='/lock']")
    lock.get_by_label("Reason").fill("Phishing, again")
    lock.get_by_role("button").click()
    expect(tab.locator("#say")).to_contain_text("The account is locked.")
    assert status(short_url) == 404
    tab.get_by_role("button", name="Unlock the account").click()
    expect(tab.locator("#say")).to_contain_text("unlocked")
    assert status(short_url) == 302

    tab.get_by_role("navigation", name="Operation").get_by_role("link", name="Links").click()
    tab.get_by_label("Leads to the host").fill("phishing.example")
    tab.get_by_label("Whose").fill(name)
    tab.keyboard.press("Enter")
    tab.locator(".go2").click()
    off = tab.locator("form[action$='/off']")
    off.get_by_label("Reason").fill("Reported")
    off.get_by_role("button").click()
    expect(tab.get_by_text("off, by an operator")).to_be_visible()
    assert status(short_url) == 404

    tab.get_by_role("link", name="What operators did to it").click()
    expect(tab.get_by_role("listitem").filter(has_text="Turned off the link")).to_contain_text(
        "Reason: Reported"
    )
    tab.goto(f"{site.url}/-/admin/log?q={name}")
    told = tab.get_by_role("list", name="What operators did").get_by_role("listitem")
    expect(told).to_have_count(2)
    expect(told.nth(1)).to_contain_text("Phishing, again")


def test_a_backup_is_taken_along(tab: Page, site: ServerProcess, watch: Watch) -> None:
    operator = new_operator(site)
    operator.enter(tab.context)
    tab.goto(f"{site.url}/-/admin/backups")
    way = tab.get_by_role("link", name="Show that it is you")
    confirm = f"{site.url}{way.get_attribute('href')}"
    proof: dict[str, str | float | bool] = {
        "password_sha256": PASSWORD,
        "password_pbkdf2": PASSWORD,
    }
    tab.context.request.post(confirm, form=proof, headers={"origin": site.url})
    tab.reload()
    button = tab.get_by_role("button", name="Download a backup")
    for _ in range(2):
        with tab.expect_download() as waiting:
            button.press("Enter")
        with tarfile.open(waiting.value.path()) as tar:
            assert any(name.endswith("/manifest.json") for name in tar.getnames())
    expect(button).to_be_visible()
    # So Chromium calls a form whose answer is a file.
    watch.complaints[:] = [one for one in watch.complaints if "ERR_ABORTED" not in one]


@pytest.fixture(scope="package")
def strange(site: ServerProcess) -> tuple[Shelf, Shelf, int]:
    """An operator, somebody who is called as long as can be, and his link."""
    operator, shelf = new_operator(site), new_shelf(site, "m" * 64)
    link = shelf.link(URL[:8190], "c" * 11, title=HEBREW)
    shelf.link("https://example.org/", title=MARKUP * 4)
    command(site, "user set", user="m" * 64, changes={"username": MARKUP[:60]})
    command(site, "user lock", user=MARKUP[:60])
    command(site, "team add", owner=operator.userid, name="w" * 64)
    return operator, shelf, int(link["id"])


@pytest.mark.parametrize(
    "path", ["people?is=locked", "people/{person}", "links", "links/{link}", "log"]
)
def test_nothing_sticks_out(
    tab: Page, site: ServerProcess, strange: tuple[Shelf, Shelf, int], path: str
) -> None:
    operator, shelf, link_id = strange
    operator.enter(tab.context)
    tab.goto(f"{site.url}/-/admin/{path.format(person=shelf.userid, link=link_id)}")
    tab.wait_for_load_state()
    for width in (320, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        assert evaluate(tab, "document.documentElement.scrollWidth") <= width
        assert evaluate(tab, CUT) == [], width
    assert violations(tab) == []
    assert evaluate(tab, "document.images.length") <= 1, "no markup of theirs is any of ours"
