"""Below a path of another program's host: whole lives behind nginx, which passes the path or cuts
it, and every page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, WATCHED
from tests.browser.shots import PAGES
from tests.browser.test_sharing import share
from tests.browser.unlocking import Downloader
from tests.browser.watch import Watch, WatchOfDownloads
from tests.documents import block
from tests.fronts import nginx
from tests.server_process import ServerProcess, free_port

EVERY = int(os.environ.get("EVERY_PAGE", "4"))
"""One page in so many is opened; `EVERY_PAGE=1` opens all."""
NOT_THERE = {"parts"}
"""No server serves it."""
STRAYS = """(base) => ["action", "formaction", "href", "src"].flatMap((name) =>
    [...document.querySelectorAll(`[${name}^="/"]`)].map((one) => one.getAttribute(name))
).filter((address) => !address.startsWith(base))"""


@pytest.fixture(params=["passed", "cut"])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    yield from _house(tmp_path, cuts=request.param == "cut")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from _house(tmp_path_factory.mktemp("lasting"), cuts=False)


def _house(folder: Path, *, cuts: bool) -> Iterator[ServerProcess]:
    """A server behind nginx as the documentation has it, below /s."""
    front = free_port()
    base = f"http://127.0.0.1:{front}/s"
    environ = {**WATCHED, "SHORTD_PUBLIC_URL": base}
    process = ServerProcess(
        folder / "data", {**environ, "SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    )
    location = block("docs/proxies.md", "nginx", "location /s/")
    if cuts:
        location = location.replace("http://shortd;", "http://shortd/;")
    site = (
        f"upstream shortd {{ server 127.0.0.1:{process.port}; }}"
        f"server {{ listen 127.0.0.1:{front}; client_max_body_size 0; {location}"
        ' location / { default_type text/plain; return 404 "Another program"; } }'
    )
    process.start()
    process.url = base
    try:
        with nginx(site, folder):
            yield process
    finally:
        process.stop()


def test_a_life(chromium: Browser, house: ServerProcess, tmp_path: Path) -> None:
    watch, url = WatchOfDownloads(), house.url
    context = chromium.new_context()
    tab = watch.attach(context)
    tab.goto(f"{url}/")
    tab.get_by_label("Long address").fill("https://example.org/spring")
    tab.get_by_role("button", name="Shorten").click()
    expect(tab.locator(".mine li")).to_have_count(1)
    tab.get_by_role("link", name="Sign up").first.click()
    tab.get_by_label("E-mail").fill("ann@nowhere.example")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_label("Once more").fill(PASSWORD)
    tab.get_by_role("button", name="Sign up").click()
    expect(tab.locator(".row")).to_have_count(1)
    short_url = tab.locator(".row").get_attribute("data-url") or ""
    assert short_url.startswith(f"{url}/")
    # Counted while the list is open.
    visit = tab.request.get(short_url, max_redirects=0, headers={"user-agent": "Firefox/140.0"})
    assert visit.headers["location"] == "https://example.org/spring"
    expect(tab.locator(".row [data-count]")).to_have_text("1")
    tab.locator(".row .go2").click()
    expect(tab.locator("#numbers")).to_be_visible()
    tab.goto(f"{short_url}+")
    expect(tab.locator("main img")).to_have_js_property("complete", True)
    assert tab.locator("main img").evaluate("image => image.naturalWidth") > 0
    # A file that nobody but who has the link can read.
    file = tmp_path / "plans.bin"
    file.write_bytes(os.urandom(3 << 20))
    tab.goto(f"{url}/-/share")
    address = share(tab, "key", file)
    assert address.startswith(f"{url}/")
    visitor = Downloader(context.new_page(), house)
    visitor.tab.goto(address)
    visitor.save()
    visitor.saved_sha256()
    assert visitor.downloads[0].path().read_bytes() == file.read_bytes()
    cookies = {cookie["name"]: cookie["path"] for cookie in context.cookies()}
    assert set(cookies.values()) == {"/s"}
    tab.goto(f"{url}/-/logout")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab).to_have_url(f"{url}/")
    context.close()
    assert watch.complaints == []
    assert watch.strangers(url) == []


def test_every_page_stays_below(chromium: Browser, lasting: ServerProcess) -> None:
    watch = Watch()
    for name in sorted(PAGES.keys() - NOT_THERE)[::EVERY]:
        context = chromium.new_context()
        tab: Page = watch.attach(context)
        PAGES[name](tab, lasting)
        tab.wait_for_load_state()
        assert tab.evaluate(STRAYS, "/s/") == [], name
        context.close()
        assert watch.complaints == [], name
    # The pages' own way in has no slash at its end.
    assert set(watch.strangers(lasting.url)) <= {lasting.url}
