"""Codes of any characters: what is kept, how addresses have them, and who may make them."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shortd import errors
from shortd.app import App
from shortd.hosts.destinations import parse_destination
from shortd.link_codes import composed, escaped, is_reachable
from shortd.links import NewLink
from shortd.models.links import Link
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS

OPEN, SHUT = "https://open.example", "http://shut.example"
TEXTS = [
    *("docs/setup", "a.b", "~x", "a+", "+", "100%", "%2F", "%252F", "it's", "-x", "--", "a b"),
    *("café", "日本語", "😀", "e\u0301", "ﬁ", "ß", "?", "a?b=c", "#", "a#b", "\\", "a\\b", '"<&>'),
    *("/", "//x", "a//b", "a/", "x" * 400, "é" * 200, "\u202e", "\u200b"),
    *("\ufeff", "\ufffd", "\u2028", "\uffff", "robots.txt.", "Robots.txt"),
    *(
        ".a",
        "a.",
        "...",
        "a.svg",
        "a.png.png",
        "a+.svg",
        ".svg",
        " a ",
        "=1+1",
        "'=1",
        "@x",
        "|;,&",
    ),
    *("javascript:x", "evil.example/x", "https://evil.example/", "@evil.example", "$!*()"),
]
IMPOSSIBLE = [
    *("", "\x00", "a\nb", "\x7f", "\x85", "\x9f", "\t", "\ud800", "a\udc00"),
    *("x" * 401, "é" * 201, "\u0958" * 80, "x" * 5000),
    *(".", "..", "../x", "a/./b", "a/..", "./", "/.."),
]
OWN = [
    *("robots.txt", "favicon.ico", "/", "///", "-/health", "-/", "-/nothing/yet", "/-/health"),
    *("v1/", "v2/url", "v2/nothing", "v1/entity/link/list", "v2//url", "shorten.json", "stats.xml"),
    *("upload.json", "shorten.json/", "/robots.txt", ".well-known/security.txt", "-//health"),
]
PLAIN = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
any_text = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(TEXTS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    environ = {
        **GENEROUS,
        "SHORTD_PUBLIC_URL": OPEN,
        "SHORTD_HOSTS": SHUT,
        "SHORTD_HOST__OPEN_EXAMPLE__WIDE_CODES": "true",
    }
    with open_app(tmp_path_factory.mktemp("wide") / "data", environ=environ) as app:
        app.get("/-/health")
        yield app


def make(app: RunningApp, code: str, *, base: str = OPEN, url: str = "https://a.example/") -> Link:
    """A link with a code, made as operators and importers make one."""
    links, hosts = app.services.links, app.services.hosts
    host = hosts.named(urlsplit(base).netloc)
    account = app.services.accounts.accounts.named(app.userid)
    assert host is not None
    assert account is not None
    kept = links.codes.check(code, host, wide=True)
    new = NewLink(parse_destination(url, hosts.names), host, kept)
    [link] = app.run(links.links.create(account, [new], app.clock.now()))
    return link


Answer = tuple[int, dict[bytes, bytes], bytes]


def visit(app: RunningApp, raw: bytes, *, base: str = OPEN, method: str = "GET") -> Answer:
    """A request for a raw path, as uvicorn hands it on: httpx would tidy it up."""
    path, _, query = raw.partition(b"?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", urlsplit(base).netloc.encode())],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        await asyncio.wait_for(app._app(scope, receive, send), 10)  # type: ignore[arg-type]

    app.run(ask())
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


def location(app: RunningApp, raw: bytes, *, base: str = OPEN) -> str | None:
    """Where a visit is sent, None if it is not found."""
    status, headers, _ = visit(app, raw, base=base)
    assert status in (302, 404), (raw, status)
    return headers[b"location"].decode() if status == 302 else None


@PLAIN
@given(any_text)
@example("e\u0301")
@example("\u212a")
def test_any_text_that_can_be_a_code_is_found_again(running: RunningApp, text: str) -> None:
    try:
        link = make(running, text, url="https://a.example/again")
    except errors.ShortdError as refusal:
        assert refusal.kind in (errors.INVALID_CODE, errors.CODE_RESERVED)
        assert composed(text) is None or not is_reachable(text) or running_owns(running, text)
        return
    services = running.services
    assert link.code == unicodedata.normalize("NFC", text)
    short_url = services.hosts.short_url(link)
    assert short_url.isascii()
    assert not set(short_url) & set(" \"'<>\\^`{|}#?")
    path = short_url.removeprefix(OPEN)
    assert "//" not in path
    assert unquote(path[1:]) == link.code
    address = (link.host, link.code)
    for written in (
        short_url,
        short_url.removeprefix("https://"),
        f"<{short_url}>",
    ):
        assert services.links.links.address(written) == address, written
    # Another text may have made a link of that.
    preview = services.links.links.address(f"{short_url}+")
    assert preview in (address, (link.host, f"{link.code}+"))
    assert services.links.links.named(text, services.hosts.default) == address
    assert location(running, path.encode()) == "https://a.example/again"
    # However much of it is escaped, and whatever a decomposed form it is in.
    raw = "/" + "".join(f"%{byte:02x}" for byte in unicodedata.normalize("NFD", text).encode())
    assert location(running, raw.encode()) == "https://a.example/again"
    entry = running.call("get_entry", userid=running.userid, shorturl=short_url)["entry"]
    assert entry["shorturl"] == short_url
    status, _, body = visit(running, path.encode() + b"+")
    assert (status, escaped(link.code).replace("'", "&#39;") in body.decode()) == (200, True)
    assert visit(running, path.encode() + b".svg")[1][b"content-type"] == b"image/svg+xml"


def running_owns(app: RunningApp, code: str) -> bool:
    is_own = app.services.links.codes.is_own
    assert is_own is not None
    return is_own(f"/{unicodedata.normalize('NFC', code)}")


@pytest.mark.parametrize("code", IMPOSSIBLE, ids=ascii)
def test_what_can_be_no_code(running: RunningApp, code: str) -> None:
    with pytest.raises(errors.ShortdError) as refusal:
        make(running, code)
    assert refusal.value.kind is errors.INVALID_CODE
    # To be asked for one is no error.
    running.services.links.links.named(code, running.services.hosts.default)
    running.services.links.links.address(f"{OPEN}/{code}")


@pytest.mark.parametrize("code", OWN)
def test_the_servers_own_addresses_win(running: RunningApp, code: str) -> None:
    with pytest.raises(errors.ShortdError) as refusal:
        make(running, code)
    assert refusal.value.kind is errors.CODE_RESERVED
    error = running.refused("url", userid=running.userid, url="https://a.example/", code=code)
    assert (error["code"], error["field"]) == ("code_reserved", "code")


def test_every_route_wins(running: RunningApp) -> None:
    """Asked of what routes requests: whatever there will be is among it."""
    routes: Any = App(running.services)._litestar.routes
    for route in routes:
        path = route.path.replace("{", "").replace("}", "").replace(":str", "").replace(":int", "")
        with pytest.raises(errors.ShortdError) as refusal:
            make(running, path.removeprefix("/") or "/")
        assert refusal.value.kind is errors.CODE_RESERVED, path


def test_exact_codes_win_over_previews_and_images(running: RunningApp) -> None:
    for code in ("exact", "exact+", "exact.png", "exact.png.png", "exact+.svg"):
        make(running, code, url=f"https://a.example/{quote(code)}")
    for path in (b"/exact+", b"/exact%2B", b"/exact.png", b"/exact.png.png", b"/exact+.svg"):
        wanted = f"https://a.example/{quote(unquote(path[1:].decode()))}"
        assert location(running, path) == wanted
    assert visit(running, b"/exact.svg")[1][b"content-type"] == b"image/svg+xml"
    assert visit(running, b"/exact.png.png.png")[1][b"content-type"] == b"image/png"
    assert b"exact%2B" in visit(running, b"/exact++")[2]


def test_a_slash_at_the_end_is_no_part_of_a_code_unless_there_is_one(running: RunningApp) -> None:
    make(running, "deep/er", url="https://a.example/without")
    assert location(running, b"/deep/er/") == "https://a.example/without"
    assert location(running, b"/deep/er%2F") == "https://a.example/without"
    assert b"deep/er" in visit(running, b"/deep/er+/")[2]
    make(running, "deep/er/", url="https://a.example/with")
    assert location(running, b"/deep/er/") == "https://a.example/with"
    assert location(running, b"/deep/er") == "https://a.example/without"
    for path in (b"/deep/er///", b"/deep//er", b"//deep/er", b"/deep", b"/deep/", b"/er"):
        assert location(running, path) is None, path


@pytest.mark.parametrize(
    "raw",
    [
        *(b"/%ff", b"/%c0%af", b"/%ed%a0%80", b"/caf%c3", b"/%", b"/%2", b"/%zz", b"/a%00b"),
        *(b"/" + b"%41" * 2000, b"/" + b"a" * 4000, b"/%2e%2e/x", b"/..%2f", b"/%EF%BF%BD"),
        *(b"/a/b/c?x=1", b"/%3F", b"/%23", b"//", b"/%2F", b"/%2Fevil.example", b"/+", b"/.svg"),
        *(b"/.png", b"/%25", b"/%0d%0a"),
    ],
)
def test_no_path_is_an_error_of_the_servers(app: RunningApp, raw: bytes) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        assert visit(app, raw, method=method)[0] in (200, 204, 404, 405), raw


def test_unknown_paths_are_charged_as_unknown_codes_are(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ={"SHORTD_PUBLIC_URL": OPEN}) as app:
        statuses = (visit(app, b"/wide/code/%d" % number)[0] for number in range(1000))
        assert next(statuses) == 404
        assert 429 in statuses
        assert visit(app, b"/-/health")[0] == 200


def test_accounts_may_make_them_where_the_host_says_so(running: RunningApp) -> None:
    who = {"userid": running.userid, "url": "https://a.example/account"}
    entry = running.call("url", **who, code="account/ü")["entry"]
    assert entry["shorturl"] == f"{OPEN}/account/%C3%BC"
    entry = running.call("url", **who, shorturl=f"{OPEN}/account/50%25+ü")["entry"]
    assert entry["shorturl"] == f"{OPEN}/account/50%25%2B%C3%BC"
    assert running.services.links.links.address(entry["shorturl"]) == (0, "account/50%+ü")
    moved = f"{OPEN}/moved/50%25"
    running.call(
        "change_shorturl", userid=running.userid, shorturl_old=entry["shorturl"], shorturl_new=moved
    )
    assert location(running, b"/moved/50%25") == "https://a.example/account"
    running.call("delete", userid=running.userid, shorturl=moved)
    assert location(running, b"/moved/50%25") is None
    for code in ("", "a" * 401, "a\x00b", "..", "\u0085"):
        assert running.refused("url", **who, code=code)["code"] in ("invalid_code", "invalid_field")


@pytest.mark.parametrize("code", ["a", "docs/setup", "-start", "ab.cd.ef", "x" * 17, "é" * 6])
def test_elsewhere_ordinary_codes_are_what_they_were(running: RunningApp, code: str) -> None:
    who = {"userid": running.userid, "url": "https://a.example/"}
    error = running.refused("url", **who, code=code, host="shut.example")
    assert (error["code"], error["field"]) == ("invalid_field", "code")
    shorturl = f"{SHUT}/{quote(code)}"
    assert running.refused("url", **who, shorturl=shorturl)["code"] == "invalid_code"


def test_the_operator_may_make_them_anywhere(running: RunningApp) -> None:
    make(running, "anywhere/ü", base=SHUT, url="https://a.example/anywhere")
    assert location(running, b"/anywhere/%C3%BC", base=SHUT) == "https://a.example/anywhere"
    assert location(running, b"/anywhere/%C3%BC") is None
