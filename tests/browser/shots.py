"""Pictures of every page, to be looked at.

    python -m tests.browser.shots FOLDER [PAGE…]

Each page in both schemes, 1280 and 360 wide, as FOLDER/PAGE-SCHEME-WIDTH.png. A folder of an
earlier run is written over.
"""

from __future__ import annotations

import secrets
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from pyotp import TOTP

from tests.browser.conftest import ARGUMENTS, WATCHED, light_chromium
from tests.browser.operating import ADMIN_PAGES, HELD, new_operator, report_refused
from tests.browser.parts import show_parts
from tests.browser.shelf import Shelf, filled_shelf, filled_team, new_shelf
from tests.bundles import new_bundle
from tests.moving.reading import SAMPLES
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = ((1280, 860), (360, 780))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LONG = "https://example.org/campaigns/2026/autumn/landing?utm_source=flyer&utm_medium=print"

FACTORS = "/-/account/second-factor"

Open = Callable[["Page", ServerProcess], object]
"""Brings a fresh tab to its page."""


def show_reference(tab: Page, site: ServerProcess) -> None:
    """With some calls of each API: there are too many for a picture, and one is as the other."""
    tab.goto(f"{site.url}/-/docs")
    tab.evaluate("""() => {
        for (const section of document.querySelectorAll(".docs section")) {
            const articles = [...section.querySelectorAll("article")];
            for (const article of articles.slice(3)) article.remove();
        }
    }""")


def at(path: str) -> Open:
    def open_page(tab: Page, site: ServerProcess) -> None:
        tab.goto(site.url + path)

    return open_page


def preview(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{_link(site)}+")


def ended(tab: Page, site: ServerProcess) -> None:
    tab.goto(_link(site, expiration_utime=1))


def held(tab: Page, site: ServerProcess) -> None:
    tab.goto(_link(site, url=HELD))


def statistics_held(tab: Page, site: ServerProcess) -> None:
    """A link that is held, as its owner sees it, with what a plugin shows of it."""
    shelf = new_shelf(site)
    entry = shelf.link(f"{HELD}{'path/' * 30}", "offer")
    shelf.enter(tab.context)
    tab.goto(f"{site.url}/-/links/{entry['id']}")


def dashboard_held(tab: Page, site: ServerProcess) -> None:
    shelf = new_shelf(site)
    for number in range(2):
        shelf.link(f"{HELD}{'path/' * 30}{number}", "offer")
    shelf.enter(tab.context)
    tab.goto(f"{site.url}/-/dashboard")


def _link(site: ServerProcess, **terms: object) -> str:
    userid = site.call("temporary_account")["userid"]
    return str(site.call("url", **{"userid": userid, "url": LONG, **terms})["entry"]["shorturl"])


def home_made(tab: Page, site: ServerProcess) -> None:
    tab.goto(site.url)
    for address in ("docs.example.org/handbook/onboarding/first-week.html", LONG):
        tab.locator("#url").fill(address)
        tab.locator(".make .go").click()
        # The one before stands there until then.
        tab.locator(".made .to").get_by_text(address.removeprefix("https://")[:20]).wait_for()


def home_options(tab: Page, site: ServerProcess) -> None:
    tab.goto(site.url)
    tab.locator("summary").first.click()


def signed_in(path: str) -> Open:
    """A page of an account with links; "{id}" stands for one of them."""

    def open_page(tab: Page, site: ServerProcess) -> None:
        shelf = filled_shelf(site)
        shelf.enter(tab.context)
        entries = shelf.call("get_entries", count=100)["entries"]
        [split] = [one for one in entries if "jobs.example" in one["url"]]
        tab.goto(site.url + path.replace("{id}", str(split["id"])))

    return open_page


def of_newcomer(path: str) -> Open:
    """A page of somebody with an account of his own, and nothing in it."""

    def open_page(tab: Page, site: ServerProcess) -> None:
        name = secrets.token_hex(4)
        password = "ab" * 32
        person = site.call("signup", email=f"{name}@example.org", username=name, password=password)
        cookie = f"{person['userid']}.{person['token']}"
        tab.context.add_cookies([{"name": "shortd", "value": cookie, "url": site.url}])
        tab.goto(site.url + path)

    return open_page


def login_refused(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/login?next=/-/account")
    tab.locator("#name").fill("nobody")
    tab.locator("#password").fill("wrong password")
    tab.locator("main .go").click()
    tab.get_by_role("alert").wait_for()


def account_refused(tab: Page, site: ServerProcess) -> None:
    """With all that is folded away unfolded."""
    of_newcomer("/-/account")(tab, site)
    tab.locator("#username").fill("a@b")
    tab.locator("#username").press("Enter")
    tab.get_by_role("alert").wait_for()
    for summary in tab.locator("summary").all():
        summary.click()


def key_made(tab: Page, site: ServerProcess) -> None:
    of_newcomer("/-/account/keys")(tab, site)
    for name in ("Backup", "Telephone of a name that is rather long, and of many words"):
        tab.locator("#name").fill(name)
        tab.locator("main .go").click()
        # The one before stands there until then.
        tab.locator("#h-made").get_by_text(name).wait_for()


def app_begun(tab: Page, site: ServerProcess) -> str:
    """The secret of an authenticator app that is being set up."""
    of_newcomer(FACTORS)(tab, site)
    tab.locator("[action$='second-factor/app'] button").click()
    return tab.locator("#secret").inner_text().replace(" ", "")


def recovery_codes(tab: Page, site: ServerProcess) -> None:
    tab.locator("#code").fill(TOTP(app_begun(tab, site)).now())
    tab.locator("[action$='app/code'] button").click()
    tab.locator("#codes").wait_for()


def code_refused(tab: Page, site: ServerProcess) -> None:
    """Behind the password of an account with an app."""
    name, password = secrets.token_hex(4), "Password 1"
    tab.goto(f"{site.url}/-/signup?next={FACTORS}")
    tab.locator("#email").fill(f"{name}@example.org")
    tab.locator("#username").fill(name)
    tab.locator("#password_new").fill(password)
    tab.locator("#password_again").fill(password)
    tab.locator("main .go").click()
    tab.locator("[action$='second-factor/app'] button").click()
    secret = tab.locator("#secret").inner_text().replace(" ", "")
    tab.locator("#code").fill(TOTP(secret).now())
    tab.locator("[action$='app/code'] button").click()
    tab.locator("#codes").wait_for()
    tab.context.clear_cookies()
    tab.goto(f"{site.url}/-/login")
    tab.locator("#name").fill(name)
    tab.locator("#password").fill(password)
    tab.locator("main .go").click()
    tab.locator("#code").fill("000000")
    tab.locator("main .go").click()
    tab.get_by_role("alert").wait_for()


def selected(tab: Page, site: ServerProcess) -> None:
    signed_in("/-/dashboard")(tab, site)
    if tab.viewport_size and tab.viewport_size["width"] > 720:
        for box in tab.locator(".row > .cb").all()[1:3]:
            box.check()


def row_menu(tab: Page, site: ServerProcess) -> None:
    signed_in("/-/dashboard")(tab, site)
    tab.locator(".act > button").nth(2).click()


def empty_list(tab: Page, site: ServerProcess) -> None:
    new_shelf(site).enter(tab.context)
    tab.goto(f"{site.url}/-/dashboard")


def dry_run(tab: Page, site: ServerProcess) -> None:
    new_shelf(site).enter(tab.context)
    tab.goto(f"{site.url}/-/import")
    table = "url,code,colour\nhttps://a.example/,spring,1\nnothing,,\nhttps://b.example/,,\n"
    tab.locator("#text").fill(table)
    tab.locator("form:has(#text) .go").click()
    tab.locator("table").wait_for()


def import_looked(tab: Page, site: ServerProcess) -> None:
    new_shelf(site).enter(tab.context)
    tab.goto(f"{site.url}/-/import")
    tab.locator("#source").set_input_files(SAMPLES / "yourls" / "yourls-1.10.sql")
    tab.locator("form:has(#source) .go").click()
    tab.locator("table").wait_for()


def import_done(tab: Page, site: ServerProcess) -> None:
    import_looked(tab, site)
    tab.locator("form[action$='/apply'] .go").click()
    tab.locator("form[action$='/apply']").wait_for(state="detached")
    tab.locator("main dl.facts").wait_for()


def import_refused(tab: Page, site: ServerProcess) -> None:
    new_shelf(site).enter(tab.context)
    tab.goto(f"{site.url}/-/import")
    tab.locator("#format").select_option("polr")
    tab.locator("#source").set_input_files(SAMPLES / "bookmarks" / "bookmarks.html")
    tab.locator("form:has(#source) .go").click()
    tab.locator("[role=alert]").wait_for()


def import_of_operator(tab: Page, site: ServerProcess) -> None:
    new_operator(site).enter(tab.context)
    tab.goto(f"{site.url}/-/import")
    tab.locator("form:has(#source) summary").click()


def of_team(below: str = "", *, who: int = 0) -> Open:
    """A page of a team, as its owner (0) or a member (1) sees it; "{team}" stands for its id."""

    def open_page(tab: Page, site: ServerProcess) -> None:
        *people, path = filled_team(site)
        people[who].enter(tab.context)
        tab.goto(site.url + (below.replace("{team}", path.rpartition("/")[2]) or path))

    return open_page


def teams_alone(tab: Page, site: ServerProcess) -> None:
    new_shelf(site, f"ada-{secrets.randbelow(10**7)}").enter(tab.context)
    tab.goto(f"{site.url}/-/teams")


def team_open(tab: Page, site: ServerProcess) -> None:
    """With all that is folded away unfolded, and something that was refused."""
    of_team()(tab, site)
    tab.locator("#guest").fill("nobody-of-this-name")
    tab.locator("#offers .go").click()
    tab.get_by_role("alert").wait_for()
    tab.locator("main details").evaluate_all("(all) => all.forEach((one) => (one.open = true))")


def every_group(tab: Page, site: ServerProcess) -> None:
    signed_in("/-/links/{id}/edit")(tab, site)
    for group in ("until", "who", "lists", "way", "told"):
        tab.locator(f"#{group} > summary").click()


def share_queue(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/share")
    name = "example.org-minutes-of-the-meeting-of-20-November-2026-corrected.pdf"
    for way in ("open", "key"):
        tab.locator(f"[value={way}]").check()
        file = {"name": name, "mimeType": "application/pdf", "buffer": bytes(2400)}
        tab.locator("#file").set_input_files([file])  # type: ignore[arg-type]
        tab.locator("#send").click()
        tab.locator(".file [data-ready]:visible").nth(int(way == "key")).wait_for()
    tab.locator("[value=password]").check()
    tab.locator("#six").click()
    tab.wait_for_function("document.getElementById('password').value")
    tab.locator("#file").set_input_files([file])  # type: ignore[arg-type]


POINT = "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
"""A point of P-256: its generator."""


def boxes(tab: Page, site: ServerProcess) -> None:
    shelf = new_shelf(site)
    _box(shelf, "Invoices and receipts of the whole autumn of 2026, each with its number")
    box = shelf.call("create_box", name="Votes", public_key=POINT)["entry"]
    shelf.call("close_box", shorturl=box["shorturl"])
    shelf.enter(tab.context)
    tab.goto(f"{site.url}/-/boxes")


def box_of_owner(*, sealed: bool = False) -> Open:
    """The page of a box; of an encrypted one, without its key."""

    def open_page(tab: Page, site: ServerProcess) -> None:
        shelf = new_shelf(site)
        entry = _box(shelf, "Votes", public_key=POINT if sealed else None)
        shelf.enter(tab.context)
        tab.goto(f"{site.url}/-/boxes/{entry['id']}")

    return open_page


def box_of_sender(**terms: object) -> Open:
    """The page on which files are sent."""

    def open_page(tab: Page, site: ServerProcess) -> None:
        note = "Please number the invoices.\nEach as a file of its own."
        entry = _box(new_shelf(site), "Invoices", note=note, types=[".pdf", "image/*"], **terms)
        tab.goto(entry["shorturl"])
        name = "example.org-minutes-of-the-meeting-of-20-November-2026-corrected.pdf"
        file = {"name": name, "mimeType": "application/pdf", "buffer": bytes(2400)}
        tab.locator("#file").set_input_files([file])  # type: ignore[arg-type]
        tab.locator("#send").click()
        tab.locator(".file [data-ready]:visible").wait_for()
        other = {"name": "x.txt", "mimeType": "text/plain", "buffer": b"x"}
        tab.locator("#file").set_input_files([other])  # type: ignore[arg-type]

    return open_page


def _box(shelf: Shelf, name: str, **terms: object) -> dict[str, Any]:
    entry: dict[str, Any] = shelf.call("create_box", name=name, **terms)["entry"]
    if terms.get("public_key") is None:
        path = f"/-/box/{entry['shorturl'].rpartition('/')[2]}"
        body = (
            b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nAs we said.\r\n'
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a-long-name-of-a-file'
            b'-with-everything-that-was-said-on-20-November-2026.pdf"\r\n\r\nx\r\n--x--\r\n'
        )
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        urllib.request.urlopen(urllib.request.Request(shelf.site.url + path, body, headers)).close()
    return entry


def bundle(tab: Page, site: ServerProcess) -> None:
    names = ["readme.txt", *(f"photos/2026/IMG_{number:04}.jpg" for number in range(70))]
    entry = new_bundle(site, {name: bytes(2400) for name in names}, filename="Summer 2026")
    tab.goto(entry["shorturl"])


PAGES: Mapping[str, Open] = {
    "parts": show_parts,
    "home": at("/"),
    "home-made": home_made,
    "home-options": home_options,
    "new": at("/-/new?url=https%3A%2F%2Fexample.org%2F&title=Hello&tag=print"),
    "share": at("/-/share"),
    "share-queue": share_queue,
    "boxes": boxes,
    "box": box_of_owner(),
    "box-sealed": box_of_owner(sealed=True),
    "box-sent": box_of_sender(),
    "box-sent-sealed": box_of_sender(public_key=POINT),
    "tools": at("/-/tools"),
    "keyboard": at("/-/keyboard"),
    "not-found": at("/nosuch"),
    "ended": ended,
    "held": held,
    "preview": preview,
    "report": at("/-/report"),
    "report-refused": report_refused,
    "verify": at(f"/-/verify?email=ada@example.org&code={'0' * 32}"),
    "reset": at(f"/-/reset?email=ada@example.org&code={'0' * 32}"),
    "unlock": at("/-/unlock"),
    "bundle": bundle,
    "docs": show_reference,
    "login": at("/-/login"),
    "login-refused": login_refused,
    "signup": at("/-/signup"),
    "forgot": at("/-/forgot"),
    "login-link-old": at("/-/login/link/old"),
    "logout": of_newcomer("/-/logout"),
    "signed-out": at("/-/logout/done"),
    "confirm": of_newcomer("/-/account/confirm?next=/-/account"),
    "account": of_newcomer("/-/account"),
    "account-refused": account_refused,
    "second-factor": of_newcomer(FACTORS),
    "second-factor-app": app_begun,
    "second-factor-codes": recovery_codes,
    "code-refused": code_refused,
    "keys": of_newcomer("/-/account/keys"),
    "key-made": key_made,
    "dashboard": signed_in("/-/dashboard"),
    "dashboard-selected": selected,
    "dashboard-held": dashboard_held,
    "dashboard-menu": row_menu,
    "dashboard-empty": empty_list,
    "dashboard-nothing": signed_in("/-/dashboard?q=nosuch&is=file&tag=print"),
    "statistics": signed_in("/-/links/{id}"),
    "statistics-held": statistics_held,
    "statistics-table": signed_in("/-/links/{id}?view=table&days=7"),
    "statistics-sources": signed_in("/-/links/{id}?sources=days&days=7"),
    "statistics-list": signed_in("/-/links/{id}?chart=os"),
    "statistics-none": signed_in("/-/links/{id}?from=2020-01-01&to=2020-01-31"),
    "visits": signed_in("/-/links/{id}/visits"),
    "qr": signed_in("/-/links/{id}/qr"),
    "qr-refused": signed_in("/-/links/{id}/qr?fg=red&border=1"),
    "explain": signed_in("/-/links/{id}/explain"),
    "edit": signed_in("/-/links/{id}/edit"),
    "edit-open": every_group,
    "tags": signed_in("/-/tags"),
    "teams": of_team("/-/teams"),
    "teams-alone": teams_alone,
    "team-owner": of_team(),
    "team-open": team_open,
    "team-member": of_team(who=1),
    "team-home": of_team("/?team={team}"),
    "team-dashboard": of_team("/-/dashboard?team={team}"),
    "import": signed_in("/-/import"),
    "import-dry": dry_run,
    "import-looked": import_looked,
    "import-done": import_done,
    "import-refused": import_refused,
    "import-operator": import_of_operator,
    **ADMIN_PAGES,
}
"""Every page, by the name of its pictures."""


@contextmanager
def running() -> Iterator[tuple[Browser, ServerProcess]]:
    """A browser and a server."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder:
        # As README has it.
        site = ServerProcess(Path(folder) / "data", WATCHED, port=8080)
        site.start()
        try:
            with sync_playwright() as playwright:
                path = light_chromium()
                yield playwright.chromium.launch(executable_path=path, args=ARGUMENTS), site
        finally:
            site.stop()


def main(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with running() as (browser, site):
        for name in names or PAGES:
            for scheme in SCHEMES:
                for width, height in SIZES:
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme=scheme,
                        device_scale_factor=2 if width < 720 else 1,
                    )
                    tab = context.new_page()
                    tab.on("console", lambda message: print(name, message.text))  # noqa: B023
                    PAGES[name](tab, site)
                    tab.wait_for_load_state()
                    tab.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
                    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
