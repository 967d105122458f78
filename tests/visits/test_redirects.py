"""Visits as visitors make them: what a short link, its preview and its images answer, and what
of it counts. Rules and their order are those of docs/api.md, "Visiting".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import ada_url
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.hosts.destinations import quoted, with_query, without_mark
from shortd.links.addresses import LINK_PATH
from shortd.links.qr import QrOptions, render
from shortd.models.common import NEVER
from shortd.testing import RunningApp, open_app
from shortd.visits.request_heads import LANGUAGE_LIMIT, REFERRER_LIMIT, USER_AGENT_LIMIT
from tests.conftest import GENEROUS
from tests.kept_visits import kept_visits
from tests.visitors.agents import people, robots

TARGET = "https://target.example/some/path?with=query#and-fragment"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PREVIEW_AGENT = {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
GOOGLEBOT = {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
PREFETCH = {"sec-purpose": "prefetch"}


class Owner:
    """Somebody's links on a running app."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.userid: str = app.call("temporary_account")["userid"]

    def link(self, url: str = TARGET, **terms: Any) -> str:
        """A new link's path."""
        entry = self.app.call("url", userid=self.userid, url=url, **terms)["entry"]
        return "/" + str(entry["shorturl"]).rpartition("/")[2]

    def short_url(self, path: str) -> str:
        return self.app.services.settings.public_url + path

    def call(self, name: str, path: str, **inputs: Any) -> None:
        self.app.call(name, userid=self.userid, shorturl=self.short_url(path), **inputs)

    def counts(self, path: str) -> tuple[int, int]:
        entry = self.app.call("get_entry", userid=self.userid, shorturl=self.short_url(path))
        return entry["entry"]["count"], entry["entry"]["count_qr"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One app for all tests that need nothing but links of their own."""
    with open_app(tmp_path_factory.mktemp("shared") / "data", environ=GENEROUS) as running:
        yield running


@pytest.fixture
def owner(shared: RunningApp) -> Owner:
    return Owner(shared)


@pytest.fixture
def lonely(app: RunningApp) -> Owner:
    """The only one on his app: for codes of his own choice."""
    return Owner(app)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., RunningApp]]:
    """Starts an app with settings of its own, given as SHORTD_… without the prefix."""
    with ExitStack() as running:

        def start(**environ: str) -> RunningApp:
            names = {f"SHORTD_{name}": value for name, value in environ.items()}
            opened: AbstractContextManager[RunningApp] = open_app(
                tmp_path / "data", environ={**GENEROUS, **names}
            )
            return running.enter_context(opened)

        yield start


def is_page(response: httpx.Response) -> bool:
    return response.headers["content-type"] == "text/html; charset=utf-8"


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == code
    assert response.headers["cache-control"] == "no-store"


# The redirect itself


def test_a_visit_is_sent_on(owner: Owner) -> None:
    response = owner.app.get(owner.link())
    assert response.status_code == 302
    assert response.headers["location"] == TARGET
    assert response.headers["cache-control"] == "no-store"
    assert response.content == b""
    assert response.headers["content-length"] == "0"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_status_is_a_setting(serve: Callable[..., RunningApp], status: int) -> None:
    app = serve(LINKS__REDIRECT_STATUS=str(status))
    path = Owner(app).link()
    assert app.get(path).status_code == status
    assert app.request("HEAD", path).status_code == status


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://exämple.com/ä?ö=ü#ß", "https://xn--exmple-cua.com/%C3%A4?%C3%B6=%C3%BC#%C3%9F"),
        ("https://example.com/日本", "https://example.com/%E6%97%A5%E6%9C%AC"),
        ("https://example.com/already%20escaped", "https://example.com/already%20escaped"),
        ('https://example.com/"<>', "https://example.com/%22%3C%3E"),
        ("HTTPS://Example.COM", "HTTPS://Example.COM"),
    ],
)
def test_a_location_is_plain_ascii(owner: Owner, url: str, location: str) -> None:
    path = owner.link(url)
    assert owner.app.get(path).headers["location"] == location
    entry = owner.app.call("get_entry", userid=owner.userid, shorturl=owner.short_url(path))
    assert entry["entry"]["url"] == url


def test_codes_are_told_apart_by_case(lonely: Owner) -> None:
    lonely.link("https://one.example/", code="MyLink")
    lonely.link("https://two.example/", code="myLINK")
    assert lonely.app.get("/MyLink").headers["location"] == "https://one.example/"
    assert lonely.app.get("/myLINK").headers["location"] == "https://two.example/"
    assert lonely.app.get("/mylink").status_code == 404


def test_a_code_may_come_percent_encoded(lonely: Owner) -> None:
    lonely.link(code="MyLink")
    assert lonely.app.get("/%4DyLink").status_code == 302
    assert lonely.app.get("/MyLink%2B").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("suffix", ["", "+", ".svg"])
def test_other_methods_are_refused(owner: Owner, method: str, suffix: str) -> None:
    path = owner.link()
    response = owner.app.request(method, path + suffix)
    assert_error(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD"
    assert owner.counts(path) == (0, 0)


@pytest.mark.parametrize(
    ("path", "is_link"),
    [
        ("/a", True),
        ("/abcdef", True),
        ("/_a-B9", True),
        ("/" + "a" * 64, True),
        ("/abcdef+", True),
        ("/abcdef.svg", True),
        ("/abcdef.png", True),
        ("/" + "a" * 65, False),
        ("/-abc", False),
        ("/", False),
        ("//abcdef", False),
        ("/abcdef/", False),
        ("/abcdef/x", False),
        ("/abcdef++", False),
        ("/abcdef.SVG", False),
        ("/abcdef.svg+", False),
        ("/abcdef.gif", False),
        ("/abcdef\n", False),
        ("/äbcdef", False),
        ("/robots.txt", False),
        ("/favicon.ico", False),
        ("/shorten.json", False),
        ("/v2/url", False),
    ],
)
def test_the_shape_of_a_path_tells_a_link(path: str, is_link: bool) -> None:
    assert (LINK_PATH.fullmatch(path) is not None) == is_link


# What counts


COUNTED: list[tuple[str, str, Mapping[str, str], tuple[int, int]]] = [
    ("GET", "", {}, (1, 0)),
    ("GET", "", {"user-agent": "curl/8.4.0"}, (1, 0)),
    ("GET", "", GOOGLEBOT, (1, 0)),
    ("GET", "", PREVIEW_AGENT, (1, 0)),
    ("GET", "?x=1", {}, (1, 0)),
    ("GET", "?qr", {}, (1, 1)),
    ("GET", "?qr", GOOGLEBOT, (1, 1)),
    ("GET", "?qr=", {}, (1, 1)),
    ("GET", "?q%72", {}, (1, 1)),
    ("GET", "?qr&utm_source=x", {}, (1, 1)),
    ("GET", "?utm_source=x&qr=&fbclid=y", {}, (1, 1)),
    ("GET", "?x&qr", {}, (1, 1)),
    ("GET", "?qr=1", {}, (1, 0)),
    ("GET", "?qrs&x=qr&xqr", {}, (1, 0)),
    ("GET", "?QR", {}, (1, 0)),
    ("HEAD", "", {}, (0, 0)),
    ("HEAD", "?qr", {}, (0, 0)),
    ("GET", "", PREFETCH, (0, 0)),
    ("GET", "?qr", PREFETCH, (0, 0)),
    ("GET", "", {"sec-purpose": "prefetch;prerender"}, (0, 0)),
    ("GET", "", {"sec-purpose": "prefetch;anonymous-client-ip"}, (0, 0)),
    ("GET", "", {"purpose": "prefetch"}, (0, 0)),
    ("GET", "", {"purpose": "PreView"}, (0, 0)),
    ("GET", "", {"x-purpose": "preview"}, (0, 0)),
    ("GET", "", {"x-purpose": "Prefetch"}, (0, 0)),
    ("GET", "", {"x-moz": "prefetch"}, (0, 0)),
    ("GET", "", {"sec-purpose": "", "x-moz": "PREFETCH"}, (0, 0)),
    ("GET", "", {"sec-purpose": "x", "purpose": "prefetch"}, (0, 0)),
    ("GET", "", {"sec-purpose": "", "x-purpose": "instant", "x-moz": ""}, (1, 0)),
]


@pytest.mark.parametrize(("method", "query", "headers", "counts"), COUNTED)
def test_which_visits_count(
    owner: Owner, method: str, query: str, headers: Mapping[str, str], counts: tuple[int, int]
) -> None:
    path = owner.link()
    response = owner.app.request(method, path + query, headers=headers)
    assert response.status_code == 302
    assert response.headers["location"] == TARGET
    assert owner.counts(path) == counts
    owner.app.drain()
    assert owner.counts(path) == counts


@pytest.mark.parametrize(
    ("method", "suffix", "headers", "counts"),
    [
        ("GET", "+", {}, (0, 0)),
        ("GET", "+?qr", {}, (0, 0)),
        ("HEAD", "+", {}, (0, 0)),
        ("GET", ".svg", {}, (0, 1)),
        ("GET", ".png", {}, (0, 1)),
        ("GET", ".png", PREVIEW_AGENT, (0, 1)),
        ("GET", ".svg?qr", {}, (0, 1)),
        ("HEAD", ".svg", {}, (0, 0)),
        ("GET", ".svg", PREFETCH, (0, 0)),
        ("GET", ".svg?preview", {}, (0, 0)),
    ],
)
@pytest.mark.parametrize("limit", [0, 1])
def test_looks_are_no_visits(
    owner: Owner,
    method: str,
    suffix: str,
    headers: Mapping[str, str],
    counts: tuple[int, int],
    limit: int,
) -> None:
    path = owner.link(expiration_count=limit)
    assert owner.app.request(method, path + suffix, headers=headers).status_code == 200
    assert owner.counts(path) == counts
    owner.app.drain()
    assert owner.counts(path) == counts
    assert owner.app.get(path).status_code == 302


def test_refused_visits_do_not_count(owner: Owner) -> None:
    path = owner.link()
    owner.call("set_enabled", path, enabled=False)
    for suffix in ("", "+", ".svg", "?qr"):
        assert owner.app.get(path + suffix).status_code == 404
    owner.call("set_enabled", path, enabled=True)
    assert owner.counts(path) == (0, 0)


def test_what_is_kept_of_a_visit(lonely: Owner) -> None:
    path = lonely.link()
    headers = {
        "user-agent": "a" * 600,
        "referer": "https://www.news.example/" + "b" * 2000,
        "accept-language": "c" * 100,
        "x-forwarded-for": "203.0.113.9",
    }
    lonely.app.get(path, headers=headers, address="198.51.100.7")
    lonely.app.drain()
    with lonely.app.services.store.read() as txn:
        [visit] = kept_visits(txn)
    assert visit.utime == lonely.app.clock.now()
    assert visit.address == "198.51.100.7", "nobody is trusted to forward addresses"
    assert visit.user_agent == "a" * USER_AGENT_LIMIT
    assert visit.referrer == "news.example"
    assert visit.language == "c" * LANGUAGE_LIMIT
    assert REFERRER_LIMIT > 253


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("full", "203.0.113.9"), ("truncated", "203.0.113.0"), ("none", "")],
)
def test_addresses_are_kept_as_configured(
    serve: Callable[..., RunningApp], mode: str, kept: str
) -> None:
    app = serve(CLICKS__IP=mode, SERVER__TRUSTED_PROXIES="198.51.100.0/24")
    path = Owner(app).link()
    app.get(path, headers={"x-forwarded-for": "203.0.113.9"}, address="198.51.100.7")
    app.drain()
    with app.services.store.read() as txn:
        assert [visit.address for visit in kept_visits(txn)] == [kept]


# Links that answer only so often


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("HEAD", BROWSER),
        ("GET", PREFETCH),
        ("GET", {"x-purpose": "preview"}),
        ("GET", {"x-moz": "prefetch"}),
        ("GET", PREVIEW_AGENT),
        ("GET", GOOGLEBOT),
        ("GET", {"user-agent": "WhatsApp/2.23.20.0"}),
        ("GET", {"user-agent": "Synapse (bot; +https://github.com/matrix-org/synapse)"}),
        ("GET", {"user-agent": "Viber/13.4.0.21"}),
        ("GET", {"user-agent": "AcmeChat/1.0 (+https://acme.example/)"}),
        ("GET", {"user-agent": "acme-unfurler"}),
    ],
)
def test_a_limited_link_is_not_given_to_who_is_no_visitor(
    owner: Owner, method: str, headers: Mapping[str, str]
) -> None:
    path = owner.link(expiration_count=1)
    for suffix in ("", "?qr"):
        response = owner.app.request(method, path + suffix, headers=headers)
        assert response.status_code == 200
        assert is_page(response)
        assert "location" not in response.headers
        assert "target.example" not in response.text
        assert "target.example" not in str(response.headers)
    assert owner.counts(path) == (0, 0)
    assert owner.app.get(path).headers["location"] == TARGET
    assert owner.app.request(method, path, headers=headers).status_code == 410


def test_a_limited_link_sends_scripts_and_people_in_apps_on(owner: Owner) -> None:
    visitors = ["curl/8.4.0", "python-requests/2.31.0"]
    visitors += [person.agent for person in people() if person.kind == "app"]
    path = owner.link(expiration_count=len(visitors))
    for agent in visitors:
        assert owner.app.get(path, headers={"user-agent": agent}).status_code == 302, agent
    assert owner.app.get(path).status_code == 410


def test_whom_a_limited_link_keeps_out_statistics_call_a_robot(owner: Owner) -> None:
    limited, plain = owner.link(expiration_count=1), owner.link()
    agents = [agent for _, agent in robots()]
    for agent in agents:
        headers = {"user-agent": agent}
        assert owner.app.get(limited, headers=headers).status_code == 200, agent
        assert owner.app.get(plain, headers=headers).status_code == 302, agent
    assert owner.app.get(limited).headers["location"] == TARGET
    shorturl = owner.short_url(plain)
    told = owner.app.call("get_stats", userid=owner.userid, shorturl=shorturl)
    devices = told["dimensions"]["device"]
    assert [(one["value"], one["count"]) for one in devices] == [("Bot", len(agents))]
    explained = owner.app.call(
        "explain",
        userid=owner.userid,
        shorturl=owner.short_url(owner.link(expiration_count=1)),
        visitor={"user_agent": agents[0]},
    )
    assert explained["outcome"] == "hidden"


def test_a_link_answers_as_often_as_it_may_then_never_again(owner: Owner) -> None:
    path = owner.link(expiration_count=3)
    statuses = []
    for _ in range(5):
        statuses.append(owner.app.get(path).status_code)
        owner.app.drain()
    assert statuses == [302, 302, 302, 410, 410]
    assert owner.counts(path) == (3, 0)
    for suffix in ("+", ".svg", ".png", "?qr"):
        assert_error(owner.app.get(path + suffix), 410, "link_expired")
    owner.call("set_expiration_count", path, expiration_count=4)
    assert [owner.app.get(path).status_code for _ in range(2)] == [302, 410]
    owner.call("set_expiration_count", path, expiration_count=0)
    assert owner.app.get(path).status_code == 302


def test_a_remade_link_begins_anew(lonely: Owner) -> None:
    path = lonely.link(code="MyLink", expiration_count=1)
    assert [lonely.app.get(path).status_code for _ in range(2)] == [302, 410]
    lonely.link(code="MyLink", expiration_count=1)
    assert [lonely.app.get(path).status_code for _ in range(2)] == [302, 410]


# Links that are gone


SUFFIXES = ["", "+", ".svg", ".png"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_unknown_link_is_not_found(shared: RunningApp, suffix: str) -> None:
    assert_error(shared.get("/nolink" + suffix), 404, "link_not_found")
    assert shared.request("HEAD", "/nolink" + suffix).status_code == 404


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_link_that_is_switched_off_is_not_found(owner: Owner, suffix: str) -> None:
    path = owner.link(expiration_utime=owner.app.clock.now() + 1)
    owner.call("set_enabled", path, enabled=False)
    assert_error(owner.app.get(path + suffix), 404, "link_not_found")
    owner.app.clock.advance(1)
    assert_error(owner.app.get(path + suffix), 404, "link_not_found")  # off comes before expired
    owner.call("set_enabled", path, enabled=True)
    assert_error(owner.app.get(path + suffix), 410, "link_expired")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_expired_link_is_gone(owner: Owner, suffix: str) -> None:
    path = owner.link(expiration_utime=owner.app.clock.now() + 2_000_000)
    owner.app.clock.advance(1.999999)
    assert owner.app.get(path + suffix).status_code in (200, 302)
    owner.app.clock.advance(0.000001)
    assert_error(owner.app.get(path + suffix), 410, "link_expired")


def test_a_link_may_be_made_expired_or_for_ever(owner: Owner) -> None:
    past = owner.app.clock.now() - 1
    assert owner.app.get(owner.link(expiration_utime=past)).status_code == 410
    assert owner.app.get(owner.link(expiration_utime=-5)).status_code == 410
    for_ever = owner.link(expiration_utime=NEVER)
    owner.app.clock.advance(20 * 86_400)
    assert owner.app.get(for_ever).status_code == 302


def test_a_deleted_or_moved_link_leaves_its_address_free(lonely: Owner) -> None:
    path = lonely.link(code="MyLink")
    lonely.app.get(path)
    lonely.app.call(
        "change_shorturl",
        userid=lonely.userid,
        shorturl_old=lonely.short_url(path),
        shorturl_new=lonely.short_url("/Moved1"),
    )
    assert lonely.app.get(path).status_code == 404
    assert lonely.app.get("/Moved1").status_code == 302
    assert lonely.counts("/Moved1") == (2, 0)
    lonely.call("delete", "/Moved1")
    assert lonely.app.get("/Moved1").status_code == 404


def test_changes_of_a_visited_link_take_effect_at_once(lonely: Owner) -> None:
    """The resolver remembers plain redirects; here it has one to remember each time."""
    app, path = lonely.app, lonely.link(code="MyLink")

    def status() -> int:
        return app.get(path).status_code

    assert status() == 302
    lonely.call("set_enabled", path, enabled=False)
    assert status() == 404
    lonely.call("set_enabled", path, enabled=True)
    assert status() == status() == 302
    lonely.call("set_expiration_count", path, expiration_count=4)
    assert [status(), status()] == [302, 410]
    lonely.call("set_expiration_count", path, expiration_count=0)
    assert status() == 302
    lonely.link("https://second.example/", code="MyLink")
    assert app.get(path).headers["location"] == "https://second.example/"
    addresses = {"shorturl_old": "/MyLink", "shorturl_new": "/Moved1"}
    inputs = {name: lonely.short_url(address) for name, address in addresses.items()}
    app.call("change_shorturl", userid=lonely.userid, **inputs)
    assert (status(), app.get("/Moved1").status_code) == (404, 302)
    lonely.link("https://third.example/", code="MyLink")
    assert app.get(path).headers["location"] == "https://third.example/"
    assert app.get("/Moved1").headers["location"] == "https://second.example/"
    lonely.call("delete", path)
    assert status() == 404
    lonely.link(code="MyLink", expiration_utime=app.clock.now() + 1_000_000)
    assert status() == 302
    app.clock.advance(1)
    assert status() == 410


def test_a_visited_link_of_a_temporary_account_ends_with_it(lonely: Owner) -> None:
    path = lonely.link()
    assert lonely.app.get(path).status_code == 302
    lonely.app.clock.advance(30 * 86_400 - 1)
    assert lonely.app.get(path).status_code == 302
    lonely.app.clock.advance(1)
    assert lonely.app.get(path).status_code == 404


def test_a_visited_link_goes_on_when_its_account_signs_up(
    serve: Callable[..., RunningApp],
) -> None:
    app = serve(
        LIMITS__TEMPORARY__LINK_CAPACITY="1000",
        LIMITS__TEMPORARY__LINK_REFILL_RATE="0",
        LIMITS__REGISTERED__LINK_CAPACITY="9000",
        LIMITS__REGISTERED__LINK_REFILL_RATE="1000",
    )
    owner = Owner(app)
    path = owner.link()
    assert [app.get(path).status_code for _ in range(2)] == [302, 429]
    app.call("signup", userid=owner.userid, email="a@example.com", password="ab" * 32)
    app.clock.advance(5)
    assert [app.get(path).status_code for _ in range(6)] == [302] * 5 + [429]
    app.clock.advance(31 * 86_400)
    assert [app.get(path).status_code for _ in range(10)] == [302] * 9 + [429]


@pytest.mark.parametrize("status", [404, 410, 429])
def test_browsers_get_pages_and_others_json(serve: Callable[..., RunningApp], status: int) -> None:
    app = serve(LIMITS__TEMPORARY__LINK_CAPACITY="1000", LIMITS__TEMPORARY__LINK_REFILL_RATE="100")
    owner = Owner(app)
    path = {404: "/nolink", 410: owner.link(expiration_utime=1), 429: owner.link()}[status]
    if status == 429:
        app.get(path)
    for accept in ("*/*", "application/json", "", "image/avif,image/*,*/*;q=0.8"):
        response = app.get(path, headers={"accept": accept})
        codes = {404: "link_not_found", 410: "link_expired", 429: "link_limited"}
        assert_error(response, status, codes[status])
        assert response.headers["vary"] == "accept"
    response = app.get(path, headers=BROWSER)
    assert response.status_code == status
    assert is_page(response)
    assert response.headers["vary"] == "accept, accept-language, cookie"
    assert response.headers["cache-control"] == "no-store"
    title = {404: "No link answers", 410: "has ended", 429: "Too many visits"}[status]
    assert title in response.text


# What visits cost


def test_a_redirect_costs_its_owners_link_bucket(serve: Callable[..., RunningApp]) -> None:
    app = serve(LIMITS__TEMPORARY__LINK_CAPACITY="2500", LIMITS__TEMPORARY__LINK_REFILL_RATE="300")
    owner, other = Owner(app), Owner(app)
    path, second, theirs = owner.link(), owner.link(), other.link()
    assert [app.get(each).status_code for each in (path, second)] == [302, 302]
    refused = app.get(path)
    assert_error(refused, 429, "link_limited")
    assert refused.headers["retry-after"] == "4"  # 1000 at 300 a second
    assert app.get(theirs).status_code == 302
    assert owner.counts(path) == (1, 0)
    # What costs nothing still works.
    assert app.request("HEAD", path).status_code == 302
    assert app.get(path + "+").status_code == 200
    assert app.get(path + ".svg").status_code == 200
    app.clock.advance(int(refused.headers["retry-after"]))
    assert app.get(path).status_code == 302


@pytest.mark.parametrize("headers", [PREFETCH, PREVIEW_AGENT])
@pytest.mark.parametrize("limit", [0, 5])
def test_every_answered_get_costs(
    serve: Callable[..., RunningApp], headers: Mapping[str, str], limit: int
) -> None:
    app = serve(LIMITS__TEMPORARY__LINK_CAPACITY="2000", LIMITS__TEMPORARY__LINK_REFILL_RATE="1")
    path = Owner(app).link(expiration_count=limit)
    statuses = [app.get(path, headers=headers).status_code for _ in range(3)]
    assert statuses == [200 if limit else 302] * 2 + [429]


def test_a_budget_that_is_spent_once(serve: Callable[..., RunningApp]) -> None:
    app = serve(LIMITS__TEMPORARY__LINK_CAPACITY="1000", LIMITS__TEMPORARY__LINK_REFILL_RATE="0")
    path = Owner(app).link()
    assert app.get(path).status_code == 302
    response = app.get(path)
    assert_error(response, 429, "link_limited")
    assert response.headers["retry-after"] == "86400"
    assert app.get(path, headers=BROWSER).status_code == 429


def test_what_is_gone_costs_nothing(serve: Callable[..., RunningApp]) -> None:
    app = serve(LIMITS__TEMPORARY__LINK_CAPACITY="1000", LIMITS__TEMPORARY__LINK_REFILL_RATE="1")
    owner = Owner(app)
    path, gone = owner.link(), owner.link(expiration_utime=1)
    assert [app.get(gone).status_code for _ in range(3)] == [410] * 3
    assert app.get(path).status_code == 302
    assert app.get(gone).status_code == 410, "that a link has expired is told before its price"


# The visitor's query


def test_a_query_stays_here_by_default(owner: Owner) -> None:
    assert owner.app.get(owner.link() + "?a=1").headers["location"] == TARGET


@pytest.mark.parametrize(
    ("url", "query", "location"),
    [
        ("https://t.example/", "a=1", "https://t.example/?a=1"),
        ("https://t.example", "a=1", "https://t.example?a=1"),
        ("https://t.example/?x=1", "a=1", "https://t.example/?x=1&a=1"),
        ("https://t.example/#here", "a=1", "https://t.example/?a=1#here"),
        ("https://t.example/?x#f?y", "a=1&b", "https://t.example/?x&a=1&b#f?y"),
        ("https://t.example/", "a=%20%C3%A4%23", "https://t.example/?a=%20%C3%A4%23"),
        ("https://t.example/", "", "https://t.example/"),
        # The mark of a QR code is ours.
        ("https://t.example/", "qr", "https://t.example/"),
        ("https://t.example/", "qr=", "https://t.example/"),
        ("https://t.example/", "&qr&", "https://t.example/"),
        ("https://t.example/", "qr&a=1", "https://t.example/?a=1"),
        ("https://t.example/", "b=%41+&qr=&a=1;c", "https://t.example/?b=%41+&a=1;c"),
        ("https://t.example/", "qr=1&a", "https://t.example/?qr=1&a"),
        ("https://t.example/?qr", "qr&a", "https://t.example/?qr&a"),
        # Of a name on both sides the visitor's values are sent, and separators once.
        ("https://t.example/p?", "v=1", "https://t.example/p?v=1"),
        ("https://t.example/p?a=1&", "v=1", "https://t.example/p?a=1&v=1"),
        ("https://t.example/p?a=1", "&v=1&", "https://t.example/p?a=1&v=1"),
        ("https://t.example/?v=1&a=2&v=3#f", "v=4&v=5", "https://t.example/?a=2&v=4&v=5#f"),
        (
            "https://t.example/?utm%5Fsource=1&b",
            "utm_source=2",
            "https://t.example/?b&utm_source=2",
        ),
        ("https://t.example/?a+b=1&ü=2", "a%20b&%C3%BC=3", "https://t.example/?a%20b&%C3%BC=3"),
        ("https://t.example/?V=1&vv=2", "v=3", "https://t.example/?V=1&vv=2&v=3"),
    ],
)
def test_a_query_is_forwarded_where_that_is_configured(
    serve: Callable[..., RunningApp], url: str, query: str, location: str
) -> None:
    app = serve(LINKS__FORWARD_QUERY="true")
    path = Owner(app).link(url)
    for method in ("GET", "HEAD"):
        assert app.request(method, f"{path}?{query}").headers["location"] == location


OWN_TERMS = {
    "server": ("https://t.example/?a=1&b=2", "https://t.example/?b=2&a=3&c=4"),
    "no": ("https://t.example/?a=1&b=2", "https://t.example/?a=1&b=2"),
    "visitor": ("https://t.example/?b=2&a=3&c=4", "https://t.example/?b=2&a=3&c=4"),
    "link": ("https://t.example/?a=1&b=2&c=4", "https://t.example/?a=1&b=2&c=4"),
}
"""Where visits with `?a=3&c=4` go, where the settings forward no query, and where they do."""


@pytest.mark.parametrize("forwards", [False, True])
def test_a_link_says_itself_whether_queries_go_on(
    serve: Callable[..., RunningApp], forwards: bool
) -> None:
    app = serve(LINKS__FORWARD_QUERY=str(forwards).lower())
    owner = Owner(app)
    for term, locations in OWN_TERMS.items():
        path = owner.link("https://t.example/?a=1&b=2", forward_query=term)
        # Thrice: read, remembered, and from memory.
        for _ in range(3):
            for method in ("GET", "HEAD"):
                answer = app.request(method, f"{path}?a=3&c=4")
                assert answer.headers["location"] == locations[forwards], term
                answer = app.request(method, path)
                assert answer.headers["location"] == "https://t.example/?a=1&b=2"


@pytest.mark.parametrize("listed", [False, True])
def test_a_link_says_itself_whether_search_engines_may_list_it(
    serve: Callable[..., RunningApp], listed: bool
) -> None:
    app = serve(LINKS__ROBOTS=str(listed).lower())
    owner = Owner(app)
    for term, expected in ((None, listed), (True, True), (False, False)):
        path = owner.link("https://t.example/", robots=term)
        for _ in range(3):
            headers = app.get(path).headers
            assert headers.get("x-robots-tag") == (None if expected else "noindex"), term
        assert app.get(f"{path}+").headers["x-robots-tag"] == "noindex"


def test_a_file_may_be_listed(app: RunningApp) -> None:
    owner = Owner(app)
    path = owner.link("https://t.example/")
    file = app.new_file(b"Read me.", code="listed", robots=True)
    answer = app.visit(file)
    assert "x-robots-tag" not in answer.headers
    assert "x-robots-tag" not in app.get(answer.headers["location"]).headers
    assert app.get(path).headers["x-robots-tag"] == "noindex"


@given(
    st.sampled_from(["https://t.example/p", "https://t.example/p?x=1", "https://t.example/p?x#f"]),
    st.text("axyz=&%7", max_size=20),
)
def test_where_the_own_stays_it_does(location: str, query: str) -> None:
    address, _, own = location.partition("#")[0].partition("?")
    forwarded = with_query(location, query.encode(), own_stays=True)
    assert forwarded.startswith(f"{address}?{own}" if own else address)
    after = forwarded.partition("#")[0].partition("?")[2]
    if own:
        assert [unquote_plus(pair.partition("=")[0]) for pair in after.split("&")].count("x") == 1
    assert with_query(forwarded, query.encode(), own_stays=True) == forwarded


@given(
    st.sampled_from(["https://t.example/p", "https://t.example/p?x=1", "https://t.example/p?x#f"]),
    st.binary(min_size=1, max_size=60),
)
def test_a_forwarded_query_changes_nothing_but_the_query(location: str, query: bytes) -> None:
    forwarded = with_query(location, query)
    assert re.fullmatch(r"[!-~]+", forwarded)
    before, after = ada_url.URL(location), ada_url.URL(forwarded)
    assert (after.origin, after.pathname, after.hash) == (
        before.origin,
        before.pathname,
        before.hash,
    )
    theirs = quoted(query).strip("&")
    assert forwarded.partition("#")[0].endswith(theirs)
    if "x" not in [unquote_plus(pair.partition("=")[0]) for pair in theirs.split("&")]:
        assert after.search.startswith(before.search)
    # Whoever forwards twice forwards once.
    assert with_query(forwarded, query) == forwarded


@given(
    st.lists(
        st.sampled_from(["qr", "qr=", "qr=1", "q%72", "xqr", "", "a=qr", "b=%20+"]), max_size=6
    )
)
def test_what_is_no_mark_stays_byte_for_byte(pairs: list[str]) -> None:
    marks = {"qr", "qr=", "q%72"}
    is_qr, rest = without_mark("&".join(pairs).encode())
    assert is_qr is any(pair in marks for pair in pairs)
    kept = "&".join(pair for pair in pairs if pair not in marks)
    assert rest.decode().strip("&") == kept.strip("&")


# Hosts


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("short.example", "one"),
        ("SHORT.example", "one"),
        ("short.example.", "one"),
        ("short.example:443", "one"),
        ("short.example:80", "one"),
        ("other.example:8080", "two"),
        ("Other.Example.:8080", "two"),
        # It can be no other of ours.
        ("other.example", "two"),
        # None of ours: the default host answers.
        ("short.example:8080", "one"),
        ("stranger.example", "one"),
    ],
)
def test_the_host_header_chooses_among_the_hosts(
    serve: Callable[..., RunningApp], header: str, target: str
) -> None:
    app = serve(PUBLIC_URL="https://short.example", HOSTS="http://other.example:8080")
    owner = Owner(app)
    owner.link("https://one.example/", code="MyLink")
    owner.link("https://two.example/", code="MyLink", host="other.example:8080")
    response = app.get("/MyLink", headers={"host": header})
    assert response.headers["location"] == f"https://{target}.example/"


def test_links_are_never_built_from_the_host_header(serve: Callable[..., RunningApp]) -> None:
    app = serve(PUBLIC_URL="https://short.example")
    path = Owner(app).link()
    for suffix in ("", "+"):
        page = app.get(path + suffix, headers={"host": "stranger.example", **BROWSER})
        assert "stranger.example" not in page.text + str(page.headers)


# The preview page and the images


def test_the_preview_page_shows_where_a_link_leads(lonely: Owner) -> None:
    path = lonely.link("https://target.example/a?b=<c>&d")
    response = lonely.app.get(path + "+")
    assert response.status_code == 200
    assert is_page(response)
    assert response.headers["cache-control"] == "no-store"
    assert 'href="https://target.example/a?b=%3Cc%3E&amp;d"' in response.text
    assert "<c>" not in response.text
    assert "2023-11-14" in response.text
    assert path[1:] in response.text


def test_the_preview_page_of_a_limited_link_does_not(owner: Owner) -> None:
    path = owner.link(expiration_count=1)
    response = owner.app.get(path + "+")
    assert response.status_code == 200
    assert "target.example" not in response.text


def test_a_look_at_the_preview_page_counts_nothing(owner: Owner) -> None:
    path = owner.link()
    page = owner.app.get(path + "+").text
    sources = re.findall(r'<img[^>]* src="([^"]+)"', page)
    assert any(path in source for source in sources)
    for source in sources:
        assert owner.app.get(source).status_code == 200
    assert owner.counts(path) == (0, 0)


@pytest.mark.parametrize(
    ("suffix", "media_type", "options"),
    [
        (".svg", "image/svg+xml", QrOptions(format="svg")),
        (".png", "image/png", QrOptions(format="png")),
    ],
)
def test_the_images_encode_the_short_url(
    owner: Owner, suffix: str, media_type: str, options: QrOptions
) -> None:
    path = owner.link()
    response = owner.app.get(path + suffix)
    assert response.headers["content-type"] == media_type
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert response.content == render(owner.short_url(path), options)
