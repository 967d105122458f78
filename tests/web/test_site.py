"""The server's own addresses, and what every page of it has in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch
from urllib.robotparser import RobotFileParser

import httpx
import pytest
from structlog.testing import capture_logs

from shortd import __version__, errors
from shortd.links.terms import TermChanges
from shortd.testing import RunningApp, open_app
from shortd.web.policies import SECURITY_HEADERS
from tests.conftest import GENEROUS
from tests.sharing.sharing import frames

BROWSER = {"accept": "text/html"}
SHOWN = ["/", "/robots.txt", "/favicon.ico", "/-/health", "/-/docs", "/-/docs/openapi.json"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app with these links: /Plain1, /Hidden1 (limited), /Ended1 (expired), /Empty1 (its
    owner's link bucket is empty)."""
    environ = {
        **GENEROUS,
        "SHORTD_LIMITS__TEMPORARY__LINK_CAPACITY": "1000",
        "SHORTD_LIMITS__TEMPORARY__LINK_REFILL_RATE": "1",
    }
    with open_app(tmp_path_factory.mktemp("site") / "data", environ=environ) as app:
        links: dict[str, dict[str, Any]] = {
            "Plain1": {},
            "Hidden1": {"expiration_count": 1},
            "Ended1": {"expiration_utime": 1},
            "Empty1": {},
        }
        for code, terms in links.items():
            userid = app.call("temporary_account")["userid"]
            app.call("url", userid=userid, url="https://target.example/", code=code, **terms)
        app.get("/Empty1")
        yield app


def test_the_home_page(site: RunningApp) -> None:
    response = site.get("/")
    assert response.status_code == 200
    assert "/-/docs" in response.text


def test_robots_may_fetch_codes_and_files(site: RunningApp) -> None:
    response = site.get("/robots.txt")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=86400"
    rules = RobotFileParser()
    rules.parse(response.text.splitlines())
    allowed = ["/", "/abc", "/abc+", "/abc.png", "/abc?qr", "/-/files/x?expires=1", "/-/unlock?a=b"]
    forbidden = ["/-/docs", "/-/reset?code=x", "/-/open?code=x", "/v2/url", "/v1/entity/link/list"]
    for robot in ("Googlebot", "Twitterbot", "LinkedInBot", "*"):
        assert [path for path in allowed if not rules.can_fetch(robot, path)] == []
        assert [path for path in forbidden if rules.can_fetch(robot, path)] == []
    # The longest line that fits decides (RFC 9309 2.2.2): the same, whatever the order.
    lines = [line.split(": ") for line in response.text.splitlines()[1:]]
    for path in allowed + forbidden:
        fitting = [(len(start), rule) for rule, start in lines if path.startswith(start)]
        assert (max(fitting, default=(0, "Allow"))[1] == "Allow") is (path in allowed)


def test_search_engines_keep_nothing_of_what_a_code_answers(app: RunningApp) -> None:
    secrecy: dict[str, Any] = {"encryption": 1, "challenge": "0" * 32, "signature": "0" * 88}
    app.new_file(b"", code="noindex0")
    app.new_file(frames(0), filesize=0, code="noindex1", **secrecy)
    terms: dict[str, dict[str, Any]] = {
        **{"Plain1": {}, "Locked1": {}},
        **{"Hidden1": {"expiration_count": 1}, "Ended1": {"expiration_utime": 1}},
    }
    for code, given in terms.items():
        app.new_link(code=code, **given)
    services = app.services
    account = services.accounts.logins.authenticate(app.userid, None, app.clock.now())
    protect = TermChanges(password="secret")
    app.run(services.links.terms.change(account, (0, "Locked1"), protect))
    for code in (*terms, "nolink", "noindex0", "noindex1"):
        for suffix in ("", "?qr", "?a=b", "+", ".png", ".svg", "/", ")"):
            for method, accept in (("GET", "text/html"), ("HEAD", "*/*"), ("POST", "text/html")):
                response = app.request(method, f"/{code}{suffix}", headers={"accept": accept})
                assert response.headers.get_list("x-robots-tag") == ["noindex"], code
    for code in ("noindex0", "noindex1"):
        location = app.get(f"/{code}").headers["location"]
        for method in ("GET", "HEAD"):
            assert app.request(method, location).headers["x-robots-tag"] == "noindex"
    assert "x-robots-tag" not in app.get("/").headers


def test_the_icon(site: RunningApp) -> None:
    response = site.get("/favicon.ico")
    assert response.headers["content-type"] == "image/x-icon"
    assert response.headers["cache-control"] == "public, max-age=86400"
    assert response.content.startswith(b"\0\0\1\0")


class References(HTMLParser):
    """What a page loads and links to, and what it must not have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.active: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "src" or (tag == "link" and name == "href"):
                self.sources.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            if name == "style" or name.startswith("on"):
                self.active.append(f"{tag} {name}")
        if tag in ("script", "style", "iframe", "object", "embed", "base"):
            self.active.append(tag)


def test_assets_are_cached_for_ever_under_a_name_that_tells_their_content(
    site: RunningApp,
) -> None:
    sources = References(site.get("/").text).sources
    assert len(sources) >= 3
    for source in set(sources) - {"/-/manifest.webmanifest"}:
        assert source.startswith("/-/static/")
        response = site.get(source)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["etag"].strip('"') == source.split(".")[-2]
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["nothing.css", "..%2fpages.py", "../pages.py", "%2e%2e/site.py", "", "a/b"]
)
def test_nothing_else_is_served_as_an_asset(site: RunningApp, name: str) -> None:
    assert site.get(f"/-/static/{name}").status_code == 404


def test_health(site: RunningApp) -> None:
    response = site.get("/-/health")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    health = response.json()
    assert (health["status"], health["version"]) == ("ok", __version__)
    assert health["journal"]["fault"] is None


def test_health_while_clicks_cannot_be_made_durable(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
    with patch("shortd.journal.journal.os.write", side_effect=OSError(28, "No space left")):
        assert app.get(entry["shorturl"]).status_code == 302, "redirects go on"
    response = app.get("/-/health")
    assert response.status_code == 200, "a restart would not help"
    health = response.json()
    assert health["status"] == "degraded"
    assert health["journal"]["fault"]
    assert health["journal"]["buffered_bytes"] > 0
    app.drain()
    assert app.get("/-/health").json()["status"] == "ok"
    assert app.call("get_entry", userid=userid, shorturl=entry["shorturl"])["entry"]["count"] == 1


def test_health_while_clicks_cannot_be_drained(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
    assert app.get(entry["shorturl"]).status_code == 302
    drain = app.services.clicks.drain

    async def drain_until(outcome: Callable[[], bool]) -> None:
        background = asyncio.create_task(drain.run())
        async with asyncio.timeout(60):
            while not outcome():
                await asyncio.sleep(0)
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)

    with patch("shortd.clicks.tally.Tally.write", side_effect=errors.STORAGE_FULL()):
        app.run(drain_until(lambda: drain.fault is not None))
    health = app.get("/-/health").json()
    assert health["status"] == "degraded"
    assert health["clicks"]["backlog"] == 1
    assert "storage" in health["clicks"]["fault"]
    app.run(drain_until(lambda: drain.fault is None))
    assert app.get("/-/health").json()["status"] == "ok"


def test_the_reference_lists_every_call(site: RunningApp) -> None:
    from shortd.api.v2.registry import CALLS

    page = site.get("/-/docs").text
    document = site.get("/-/docs/openapi.json").json()
    for name in CALLS:
        assert f"/v2/{name}<" in page
        assert f"/v2/{name}" in document["paths"]


@pytest.mark.parametrize("path", SHOWN)
def test_head_answers_as_get_does_without_the_body(site: RunningApp, path: str) -> None:
    got, looked = site.get(path), site.request("HEAD", path)
    assert looked.status_code == got.status_code == 200
    assert looked.headers == got.headers
    assert looked.content == b""


@pytest.mark.parametrize("path", SHOWN)
def test_other_methods_are_refused(site: RunningApp, path: str) -> None:
    response = site.request("POST", path)
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert {"GET", "HEAD"} <= set(response.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/-/nothing", "/-/", "/a/b", "/x.txt", "/-nothing"])
def test_what_is_not_there_is_not_found(site: RunningApp, path: str) -> None:
    response = site.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert site.get(path, headers=BROWSER).status_code == 404


# What all pages have in common


PAGES = [
    ("GET", "/", 200),
    ("GET", "/-/docs", 200),
    ("GET", "/Plain1+", 200),
    ("GET", "/Hidden1+", 200),
    ("HEAD", "/Hidden1", 200),
    ("GET", "/nolink", 404),
    ("GET", "/nolink.svg", 404),
    ("GET", "/-/nothing", 404),
    ("GET", "/-/static/nothing", 404),
    ("GET", "/Ended1", 410),
    ("GET", "/Ended1+", 410),
    ("GET", "/Empty1", 429),
    ("POST", "/Plain1", 405),
    ("POST", "/", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), PAGES)
def test_every_page_is_strict_and_self_contained(
    site: RunningApp, method: str, path: str, status: int
) -> None:
    response = site.request(method, path, headers=BROWSER)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    scripted = (method, path) in (("GET", "/"), ("GET", "/-/docs"))
    if not scripted:
        for name, value in SECURITY_HEADERS:
            assert response.headers[name] == value
    assert response.headers["cache-control"] == "no-store"
    references = References(response.text)
    assert set(references.active) <= ({"script"} if scripted else set())
    for source in references.sources:
        assert source.startswith("/") and not source.startswith("//")
        assert site.get(source).status_code == 200
    for link in references.links:
        assert link.startswith(("#", "/")) or link == "https://target.example/"


def directives(response: httpx.Response) -> dict[str, list[str]]:
    policy = response.headers["content-security-policy"]
    words = [directive.split() for directive in policy.split(";")]
    return {name: sources for name, *sources in words}


def test_the_policy_of_pages(site: RunningApp) -> None:
    policy = directives(site.get("/Plain1+"))
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["style-src"] == ["'self'"]
    assert "script-src" not in policy
    assert not any("'unsafe-inline'" in sources for sources in policy.values())


SCRIPTED = {
    "home": "/",
    "docs": "/-/docs",
    "unlock": "/-/unlock",
    "reset": f"/-/reset?email=a@b.example&code={'0' * 32}",
}
"""Pages with a script, of each kind, and where they are shown."""


@pytest.mark.parametrize("path", SCRIPTED.values(), ids=SCRIPTED)
@pytest.mark.parametrize(
    ("host", "sources"),
    [
        ("127.0.0.1:8080", ["http://127.0.0.1:8080/-/static/"]),
        ("tunnel.example:9", ["http://127.0.0.1:8080/-/static/", "tunnel.example:9/-/static/"]),
        ("LOCALHOST", ["http://127.0.0.1:8080/-/static/", "LOCALHOST/-/static/"]),
    ],
)
def test_pages_run_the_scripts_of_their_own_folder_alone(
    site: RunningApp, path: str, host: str, sources: list[str]
) -> None:
    policy = directives(site.get(path, headers={"host": host}))
    assert policy["script-src"] == sources
    assert "'self'" not in policy["default-src"]


@pytest.mark.parametrize("path", SCRIPTED.values(), ids=SCRIPTED)
@pytest.mark.parametrize("host", ["[::1]:8080", "a_b.example", "a;b", "*", "*.example", ""])
def test_where_no_policy_can_name_the_host_the_script_has_a_nonce(
    site: RunningApp, path: str, host: str
) -> None:
    seen = set()
    for _ in range(2):
        response = site.get(path, headers={"host": host})
        [source] = directives(response)["script-src"]
        assert source.startswith("'nonce-")
        nonce = source.removeprefix("'nonce-").removesuffix("'")
        assert len(nonce) >= 22
        assert f' nonce="{nonce}"></script>' in response.text
        seen.add(nonce)
    assert len(seen) == 2


@pytest.mark.parametrize("path", ["/nolink", "/Ended1", "/Empty1", "/-/nothing", "/-/health"])
def test_no_json_is_taken_for_anything_else(site: RunningApp, path: str) -> None:
    response = site.get(path)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


def test_a_fault_in_a_page_shows_nothing_of_itself(site: RunningApp) -> None:
    secret = RuntimeError("secret detail")
    with (
        capture_logs() as logs,
        patch.object(site.services.visits.visits, "answer", side_effect=secret),
    ):
        response = site.get("/Plain1")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text
    with (
        capture_logs() as more_logs,
        patch.object(site.services.clicks.clicks.journal, "status", side_effect=secret),
    ):
        response = site.get("/-/health", headers=BROWSER)
    assert response.status_code == 500
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "secret" not in response.text
    assert [entry["exc_info"] for entry in logs + more_logs] == [secret, secret]
