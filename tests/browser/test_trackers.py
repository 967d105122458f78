"""The page of the plugin trackers in a real browser; the providers are stand-ins on this machine.

Time in the page stands still where a test says so, so that what waits and what does not is no
matter of luck.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, expect

from tests.browser.conftest import NewLink, stop_time
from tests.browser.target import Arrival, Target
from tests.browser.test_pages import FAINT, HOSTILE
from tests.browser.watch import Watch
from tests.server_process import ServerProcess

QUORA = "04cef90e73704e779a9e42d0a779889f"
IDS = {
    "facebook": "121145523322155",
    "google_analytics": "G-AB12CD34EF",
    "quora": QUORA,
    "twitter": "o1abc",
    "google_tag_manager": "GTM-AB12CD3",
    "linkedin": "4661356",
    "google_ads": "AW-1066203895",
    "pinterest": "2612695586321",
    "segment": "aB3dE6gH9jK2mN5p",
}
ADDRESSES = (
    "https://www.facebook.com/tr?id=121145523322155&",
    "https://www.google-analytics.com/g/collect?v=2&tid=G-AB12CD34EF&",
    f"https://q.quora.com/_/ad/{QUORA}/pixel?",
    "https://analytics.twitter.com/i/adsct?txn_id=o1abc&",
    "https://t.co/i/adsct?txn_id=o1abc&",
    "https://px.ads.linkedin.com/collect/?pid=4661356&",
    "https://googleads.g.doubleclick.net/pagead/viewthroughconversion/1066203895/?",
    "https://ct.pinterest.com/v3/?event=init&tid=2612695586321&",
    "https://api.segment.io/v1/pixel/page?writeKey=aB3dE6gH9jK2mN5p&",
    "https://www.googletagmanager.com/ns.html?id=GTM-AB12CD3",
)
GIF = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b"
)
EVIL = "https://evil.example/"
CONTAINER = f"""<!doctype html><title>A container</title>
<img src="https://www.googletagmanager.com/pixel">
<a href="{EVIL}" target="_top">away</a>
<form action="{EVIL}" target="_top"><input name="a"></form>
<script>document.forms[0].submit(); top.location = "{EVIL}"; open("{EVIL}")</script>
"""

Mode = Literal["answering", "dead", "silent"]
Track = Callable[..., str]


class Providers:
    """All of https: answers every request, refuses it, or never answers."""

    def __init__(self) -> None:
        self.mode: Mode = "answering"
        self.referers: dict[str, str | None] = {}
        """By address."""

    def handle(self, route: Route) -> None:
        self.referers[route.request.url] = route.request.headers.get("referer")
        if self.mode == "dead":
            route.abort("connectionrefused")
        elif self.mode == "answering" and route.request.resource_type == "document":
            route.fulfill(body=CONTAINER, content_type="text/html")
        elif self.mode == "answering" and "/g/collect" in route.request.url:
            route.fulfill(status=204)
        elif self.mode == "answering":
            route.fulfill(body=GIF, content_type="image/gif")


@pytest.fixture
def providers(tab: Page, watch: Watch) -> Iterator[Providers]:
    providers = Providers()
    tab.context.route(re.compile("^https:"), providers.handle)
    yield providers
    # A slow machine: the visitor went on before an answer, or the page itself, was all there.
    watch.complaints[:] = [
        complaint for complaint in watch.complaints if not complaint.endswith("net::ERR_ABORTED")
    ]


@pytest.fixture
def track(site: ServerProcess, userid: str, new_link: NewLink) -> Track:
    """Makes a link with trackers, by default Facebook's."""

    def make(url: str, *names: str) -> str:
        short_url = new_link(url)
        trackers = [{"provider": name, "id": IDS[name]} for name in names or ("facebook",)]
        data = {"trackers": trackers}
        site.call("set_plugin", userid=userid, shorturl=short_url, plugin="trackers", data=data)
        return short_url

    return make


def arrive(tab: Page, short_url: str) -> None:
    tab.goto(short_url, wait_until="commit")
    expect(tab).to_have_title("Arrived")


def asked(watch: Watch) -> list[str]:
    return [url for url in watch.requests if url.startswith("https:")]


def take_container_complaints(watch: Watch) -> None:
    """The browser says that it runs no script of the container, and has nothing else to say."""
    assert watch.complaints
    assert all("frame is sandboxed" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def told(site: ServerProcess, userid: str, short_url: str) -> dict[str, int]:
    answer = site.call("get_plugin", userid=userid, shorturl=short_url, plugin="trackers")
    clicks: dict[str, int] = answer["clicks"]
    return clicks


def test_each_provider_is_told_once_and_nobody_else(
    tab: Page,
    watch: Watch,
    site: ServerProcess,
    target: Target,
    providers: Providers,
    track: Track,
    userid: str,
) -> None:
    names = [name for name in IDS if name != "google_tag_manager"]
    short_url = track(target.url + "/page?a=b", *names)
    arrive(tab, short_url)
    assert len(asked(watch)) == len(ADDRESSES) - 1
    for url, address in zip(asked(watch), ADDRESSES, strict=False):
        assert url.startswith(address)
    assert watch.strangers(site.url, target.url) == asked(watch)
    assert target.arrivals == [Arrival("/page?a=b", None)]
    assert told(site, userid, short_url) == {"told": 1}


def test_a_provider_learns_the_servers_name_and_not_the_destination(
    tab: Page,
    watch: Watch,
    site: ServerProcess,
    target: Target,
    providers: Providers,
    track: Track,
) -> None:
    short_url = track(target.url + "/elsewhere?x=y", *IDS)
    # Until all have answered.
    stop_time(tab)
    arrive(tab, short_url)
    pixels = [url for url in asked(watch) if url.startswith(ADDRESSES)]
    assert len(pixels) == len(ADDRESSES)
    assert {providers.referers[url] for url in pixels} == {f"{site.url}/"}
    assert not any("elsewhere" in url for url in asked(watch))
    take_container_complaints(watch)


def test_a_container_runs_no_script_and_leads_nowhere(
    tab: Page, watch: Watch, target: Target, providers: Providers, track: Track
) -> None:
    stop_time(tab)
    arrive(tab, track(target.url + "/page", "google_tag_manager"))
    assert [arrival.path for arrival in target.arrivals] == ["/page"]
    assert asked(watch) == [ADDRESSES[-1], "https://www.googletagmanager.com/pixel"]
    assert len(tab.context.pages) == 1
    take_container_complaints(watch)


def test_who_has_been_told_the_visitor_goes_on_at_once(
    tab: Page, target: Target, providers: Providers, track: Track
) -> None:
    stop_time(tab)
    arrive(tab, track(target.url + "/page", "facebook", "google_analytics"))
    assert [arrival.path for arrival in target.arrivals] == ["/page"]


def test_dead_providers_keep_nobody(
    tab: Page, watch: Watch, target: Target, providers: Providers, track: Track
) -> None:
    providers.mode = "dead"
    stop_time(tab)
    arrive(tab, track(target.url + "/page", *IDS))
    assert [arrival.path for arrival in target.arrivals] == ["/page"]
    assert len(asked(watch)) == len(ADDRESSES)
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def test_silent_providers_keep_a_visitor_for_half_a_second(
    tab: Page, watch: Watch, site: ServerProcess, target: Target, providers: Providers, track: Track
) -> None:
    providers.mode = "silent"
    short_url = track(target.url + "/page", *IDS)
    stop_time(tab)
    tab.goto(short_url, wait_until="commit")
    expect(tab.get_by_role("link")).to_have_text(target.url + "/page")
    tab.clock.run_for(499)
    assert tab.url == short_url
    tab.clock.run_for(1)
    expect(tab).to_have_title("Arrived")
    assert len(asked(watch)) == len(ADDRESSES)


def test_silent_providers_keep_nobody_in_real_time(
    tab: Page, target: Target, providers: Providers, track: Track
) -> None:
    providers.mode = "silent"
    arrive(tab, track(target.url + "/page", *IDS))
    assert [arrival.path for arrival in target.arrivals] == ["/page"]


def test_the_page_can_be_read_and_gone_on_from(
    tab: Page, site: ServerProcess, target: Target, providers: Providers, track: Track
) -> None:
    providers.mode = "silent"
    stop_time(tab)
    short_url = track(target.url + "/page" + "long" * 200, "facebook", "google_analytics")
    tab.goto(short_url, wait_until="commit")
    heading = tab.get_by_role("heading", level=1)
    expect(heading).to_have_text("On to " + target.url.removeprefix("http://"))
    expect(tab.locator("main")).to_contain_text("lets Facebook and Google Analytics count")
    backgrounds = set()
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        tab.emulate_media(color_scheme=scheme)
        assert tab.evaluate(FAINT) == [], scheme
        backgrounds.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    tab.set_viewport_size({"width": 320, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") == 320
    tab.get_by_role("link").click()
    expect(tab).to_have_title("Arrived")


def test_without_script_the_visitor_arrives_and_nobody_is_told(
    chromium: Browser, watch: Watch, target: Target, track: Track
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    providers = Providers()
    providers.mode = "silent"
    context.route(re.compile("^https:"), providers.handle)
    tab = watch.attach(context)
    path = "/page?a='b'&c=%22;url=https://evil.example/&lt;"
    arrive(tab, track(target.url + path, *IDS))
    assert target.arrivals == [Arrival(path.replace("'", "%27"), None)]
    assert asked(watch) == []
    assert watch.complaints == []
    context.close()


@pytest.mark.parametrize(
    "path",
    [
        HOSTILE.removeprefix("https://example.com"),
        "/'-alert(1)-'?\"><svg/onload=alert(2)>",
        "/</script><script>alert(1)</script>?</template><img/src=x/onerror=alert(2)>",
        "/?</noscript><meta/http-equiv=refresh/content=0;url=//evil.example>",
    ],
)
def test_what_a_destination_smuggles_in_stays_text(
    tab: Page,
    watch: Watch,
    site: ServerProcess,
    target: Target,
    providers: Providers,
    track: Track,
    path: str,
) -> None:
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    tab.on("dialog", dismiss)
    providers.mode = "silent"
    short_url = track(target.url + path)
    stop_time(tab)
    tab.goto(short_url, wait_until="commit")
    expect(tab.get_by_role("link")).to_have_count(1)
    assert tab.evaluate("document.scripts.length") == 1
    assert tab.evaluate("document.images.length") == 1
    tab.clock.run_for(500)
    expect(tab).to_have_title("Arrived")
    assert len(target.arrivals) == 1
    assert dialogs == []
    [facebook] = asked(watch)
    assert facebook.startswith(ADDRESSES[0])
    assert watch.strangers(site.url, target.url) == [facebook]


@pytest.mark.parametrize(
    ("path", "arriving"), [("/page", "/page#a-key-perhaps"), ("/page#own", "/page#own")]
)
def test_a_fragment_goes_along_and_nobody_is_told(
    tab: Page,
    watch: Watch,
    target: Target,
    providers: Providers,
    track: Track,
    path: str,
    arriving: str,
) -> None:
    arrive(tab, track(target.url + path) + "#a-key-perhaps")
    assert tab.url == target.url + arriving
    assert asked(watch) == []


def test_back_leads_to_where_the_visitor_came_from(
    tab: Page, target: Target, providers: Providers, track: Track
) -> None:
    tab.goto(target.url + "/before")
    short_url = track(target.url + "/page")
    tab.evaluate("(url) => { location.href = url }", short_url)
    tab.wait_for_url("**/page")
    tab.go_back()
    assert tab.url == target.url + "/before"


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
def test_who_does_not_want_it_is_not_told_of(
    tab: Page,
    watch: Watch,
    site: ServerProcess,
    target: Target,
    providers: Providers,
    track: Track,
    userid: str,
    header: str,
) -> None:
    tab.set_extra_http_headers({header: "1"})
    short_url = track(target.url + "/page", *IDS)
    arrive(tab, short_url)
    assert asked(watch) == []
    assert told(site, userid, short_url) == {}
