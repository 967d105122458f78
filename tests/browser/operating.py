"""The operator's pages of a server on which some people are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from shortd.control import asking
from shortd.settings import Settings
from shortd.upkeep.backup import back_up
from tests.browser.shelf import Shelf, new_shelf
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "5a" * 32
"""Of a shelf."""
HELD = "https://held.example/"
"""Begins what the plugin `watch` has held, on the server of `tests.browser.conftest.site`."""
TEAM_DOMAIN = "go-{}.example.org"


def command(site: ServerProcess, name: str, /, **args: object) -> None:
    """One of the operator's commands, to a server that runs."""
    asking.act(Settings(data_dir=site.data_dir), name, json.loads(msgspec.json.encode(args)))


def new_operator(site: ServerProcess) -> Shelf:
    """An operator who has just signed in."""
    name = f"operator-{uuid4().hex[:8]}"
    made = new_shelf(site, name)
    command(site, "user set", user=name, changes={"operator": True})
    login = site.call("login", username_email=name, password=PASSWORD)
    return Shelf(site, made.userid, login["token"])


def inhabited(site: ServerProcess) -> tuple[Shelf, int]:
    """Somebody with a link and a domain, one of whom something was done to already; the link's
    id."""
    name = f"ada-{uuid4().hex[:8]}"
    shelf = new_shelf(site, name)
    link = shelf.link("https://example.org/campaigns/2026/autumn", "autumn", clicks=2)
    guest = site.call("temporary_account")["userid"]
    site.call("url", userid=guest, url="https://example.org/guest")
    command(site, "domain add", team=name, name=TEAM_DOMAIN.format(uuid4().hex[:6]))
    command(site, "user lock", user=name)
    command(site, "user unlock", user=name)
    return shelf, int(link["id"])


def at_admin(path: str, *, open_details: bool = False) -> Callable[[Page, ServerProcess], None]:
    """A page of the operator's; "{person}" and "{link}" stand for somebody and his link, "{own}"
    for himself."""

    def open_page(tab: Page, site: ServerProcess) -> None:
        operator = new_operator(site)
        shelf, link_id = inhabited(site)
        operator.enter(tab.context)
        named = {"person": shelf.userid, "link": link_id, "own": operator.userid}
        tab.goto(site.url + path.format(**named))
        if open_details:
            tab.locator("summary").first.click()

    return open_page


def person_refused(tab: Page, site: ServerProcess) -> None:
    """With a form that lacks its reason."""
    at_admin("/-/admin/people/{person}")(tab, site)
    # As sent by a browser that does not look at `required`.
    tab.locator("form[action$=lock]").evaluate("(form) => { form.noValidate = true; }")
    tab.locator("form[action$=lock] button").click()
    tab.get_by_role("alert").wait_for()


def blocked(tab: Page, site: ServerProcess) -> None:
    """With patterns of all kinds, one that cannot be, and links that were switched off."""
    for pattern in ("blocked.example", "=files.blocked.example", f"/{'casino-' * 20}[0-9]+/"):
        args = {"pattern": pattern, "reason": "Phishing, seen twice", "disable_existing": False}
        command(site, "link block", **args)
    at_admin("/-/admin/blocked?url=https://www.blocked.example/")(tab, site)
    tab.locator("#pattern").fill("/(/")
    tab.locator("[name=off]").check()
    tab.locator("form[method=post] button").first.click()
    tab.get_by_role("alert").wait_for()


def held(tab: Page, site: ServerProcess) -> None:
    """Links that a plugin has had held, one of them about to be refused."""
    shelf = new_shelf(site)
    for number in range(2):
        shelf.link(f"{HELD}{'login/' * 30}{number}", "offer")
    at_admin("/-/admin/held")(tab, site)
    tab.locator("main details summary").first.click()


def reported(tab: Page, site: ServerProcess) -> None:
    """Links that visitors have reported."""
    shelf = new_shelf(site)
    for number in range(2):
        entry = shelf.link(f"https://reported.example/{'login/' * 30}{number}", "offer")
        report(tab, site, str(entry["shorturl"]))
    at_admin("/-/admin/reports")(tab, site)


def one_reported(tab: Page, site: ServerProcess) -> None:
    """What is said of one of them, with a form that lacks its reason."""
    reported(tab, site)
    tab.locator("main .go2").first.click()
    tab.locator("form[action$=off]").evaluate("(form) => { form.noValidate = true; }")
    tab.locator("form[action$=off] button").click()
    tab.get_by_role("alert").wait_for()


def report(tab: Page, site: ServerProcess, short_url: str) -> None:
    """Reports a link, as a visitor does from its preview."""
    tab.goto(f"{short_url}+")
    tab.locator("a[href*='/-/report']").click()
    tab.locator("#reason").select_option("phishing")
    tab.locator("#note").fill("It asks for my bank's password.\nhttps://" + "bank" * 40)
    tab.locator("form[action$='/-/report'] button").click()
    tab.wait_for_url("**/-/report?sent=1")


def report_refused(tab: Page, site: ServerProcess) -> None:
    """The form of visitors, filled in and come back."""
    tab.goto(f"{site.url}/-/report?link={site.url}/nosuch")
    tab.locator("#reason").select_option("other")
    tab.locator("form[action$='/-/report'] button").click()
    tab.get_by_role("alert").wait_for()


def backed_up(tab: Page, site: ServerProcess) -> None:
    """With backups, one of them damaged, and with everything that can have been put aside."""
    with TemporaryDirectory() as folder:
        dest = Path(folder, "backups-of-a-server-with-a-long-name" * 3)
        (dest / "20251128T033000Z").mkdir(parents=True)
        back_up(site.data_dir, dest, verify=True)
        for name in ("db-before-schema-21", "db-before-fix-20261120T120000Z"):
            copy = site.data_dir / name
            copy.mkdir(exist_ok=True)
            (copy / "data.mdb").write_bytes(bytes(5_300_000))
        aside = site.data_dir.with_name(f"{site.data_dir.name}.before-restore-20261101T090000Z")
        (aside / "db").mkdir(parents=True, exist_ok=True)
        at_admin("/-/admin/backups")(tab, site)


ADMIN_PAGES: Mapping[str, Callable[[Page, ServerProcess], None]] = {
    "admin": at_admin("/-/admin"),
    "admin-people": at_admin("/-/admin/people"),
    "admin-guests": at_admin("/-/admin/people?is=guests"),
    "admin-person": at_admin("/-/admin/people/{person}"),
    "admin-person-refused": person_refused,
    "admin-own": at_admin("/-/admin/people/{own}"),
    "admin-new-person": at_admin("/-/admin/people/new"),
    "admin-links": at_admin("/-/admin/links?q=autumn"),
    "admin-link": at_admin("/-/admin/links/{link}", open_details=True),
    "admin-held": held,
    "admin-blocked": blocked,
    "admin-reports": reported,
    "admin-report": one_reported,
    "admin-domains": at_admin("/-/admin/domains", open_details=True),
    "admin-plugins": at_admin("/-/admin/plugins"),
    "admin-plugin": at_admin("/-/admin/plugins/mobile"),
    "admin-block-lists": at_admin("/-/x/safety/?url=bad.example"),
    "admin-backups": backed_up,
    "admin-settings": at_admin("/-/admin/settings"),
    "admin-settings-set": at_admin("/-/admin/settings?only=set"),
    "admin-log": at_admin("/-/admin/log"),
    "admin-log-nothing": at_admin("/-/admin/log?q=nosuch"),
}
"""By the name of their pictures."""
