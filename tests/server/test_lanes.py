"""Both lanes answer alike: the same requests to two servers over the same data.

The data directory is made once and copied; one server runs with the redirect lane, the other
without. Every byte of every response is compared, but for the time of day.
"""

from __future__ import annotations

import random
import re
import shutil
import socket
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd.store import Store
from shortd.store.schema import COUNTS, LINKS
from tests.conftest import GENEROUS
from tests.server.wire import Wire, call
from tests.server_process import ServerProcess, free_port
from tests.terms import set_terms

DATE = re.compile(rb"\r\ndate: [^\r]*")
PUBLIC = "http://s.example"
SECOND_HOST = "https://two.example:8443"
NONCE = re.compile(rb"(?<=nonce[-=])[A-Za-z0-9]{22}")
WIDE = [
    *("docs/Setup", "Docs/", "caf\u00e9", "c++", "a.png", "a", "a+", "100%", "%2F", "x y", "it's"),
    *(
        "-Start",
        "\U0001f600",
        "Stra\u00dfe",
        "deep/er/and/deeper",
        "a\\b",
        "~",
        "Longer-Plain-Code",
    ),
]
"""Codes on the second host, which ignores case."""
AGENTS = [
    *("curl/8.1", "Mozilla/5.0 (X11; Linux x86_64)", "Slackbot 1.0", "WhatsApp/2.21", ""),
    *("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Mobile/15E148", "Android 15 Mobile", "\xe4"),
    *("acme-unfurler/1", "Acme (+https://acme.example)"),
]
PAGE = """
from msgspec import Struct
from shortd.plugin import Hold, Interstitial, Plugin, hookimpl

class Data(Struct):
    pass

class Page(Plugin[None, Data]):
    name = "page"
    Data = Data

    asked = 0

    @hookimpl
    async def check_destination(self, url):
        return Hold("new") if url.startswith("https://held.example/") else None

    @hookimpl
    def interstitial(self, link, destination, nonce, visit):
        if link.expiration_count == 0:
            self.asked += 1
        if visit.user_agent == "":
            return None
        return Interstitial(f"<script nonce={nonce}></script><p>{destination} {self.asked}")
"""


RULES = [
    {"name": "x", "conditions": {"query": [{"key": "x", "match": "any"}], "robot": False}},
    {"url": "https://bot.example/", "conditions": {"robot": True}},
    {"url": "https://de.example/ü", "conditions": {"language": ["de"]}},
    {"url": "https://news.example/", "conditions": {"referrer": ["news.example"]}},
    {"url": "https://a.example/", "conditions": {"query": [{"key": "a", "match": "empty"}]}},
    {"name": "near", "conditions": {"address": ["127.0.0.0/8"], "weight": 50}},
    {"url": "https://windows.example/?q#f", "conditions": {"system": ["windows"]}},
]


class Links:
    """Codes of links in every state."""

    def __init__(self, server: ServerProcess) -> None:
        self.userid = server.call("temporary_account")["userid"]
        self._server = server
        self.plain = self._make()
        self.accented = self._make(url="https://example.com/ä?q=ü#ö")
        self.fragment = self._make(url="https://example.com/a?b=c#d")
        self.escaped = self._make(url="https://example.com/a|b[c]?x=1&{d}|^&y[]=2#|")
        self.disabled = self._make()
        server.call("set_enabled", **self._which(self.disabled), enabled=False)
        self.expired = self._make(expiration_utime=1)
        self.limited = self._make(expiration_count=20)
        self.used_up = self._make(expiration_count=1)
        self.elsewhere = self._make(host="two.example:8443", code="Elsewhere")
        self.both_here = self._make(code="BothHosts")
        self.both_there = self._make(
            host="two.example:8443", code="BothHosts", url="https://b.example/"
        )
        split = {"variants": [{"url": f"https://{n}.example/ü", "weight": 33} for n in "xy"]}
        phones = {"ios": "https://ios.example/?a=b#c", "mobile": "https://mobile.example/"}
        self.split = self._make(plugins={"ab": split})
        self.phones = self._make(plugins={"ab": split, "mobile": phones})
        self.limited_split = self._make(expiration_count=20, plugins={"ab": split})
        self.page = self._make(plugins={"page": {}, "ab": split})
        self.limited_page = self._make(expiration_count=3, plugins={"page": {}})
        self.terms: dict[str, dict[str, object]] = {}
        self.tagged = self._make_with(utm_source="ü &", url="https://e.example/ä?utm_source=x&b#f")
        self.tagged_split = self._make_with(utm_medium="mail", plugins={"ab": split})
        self.protected = self._make_with(password="secret")
        self.protected_page = self._make_with(password="secret", plugins={"page": {}})
        self.over = self._make_with(expiration_utime=1, date_fallback="https://over.example/ü")
        self.enough = self._make_with(expiration_count=1, count_fallback="https://enough.example/")
        self.unique = self._make_with(unique_minutes=60)
        self.unique_split = self._make_with(unique_minutes=60, plugins={"ab": split})
        self.unique_limited = self._make_with(expiration_count=4, counts_unique=True)
        self.passing_on = self._make(url="https://e.example/?a=1#f", forward_query="visitor")
        self.own_stays = self._make(url="https://e.example/?a=1#f", forward_query="link")
        self.passing_on_split = self._make(forward_query="visitor", plugins={"ab": split})
        self.passing_on_page = self._make(forward_query="link", plugins={"page": {}, "ab": split})
        ruled = {"rules": RULES}
        self.ruled = self._make(plugins={"rules": ruled, "ab": split})
        self.passing_on_ruled = self._make(forward_query="visitor", plugins={"rules": ruled})
        self.ruled_page = self._make(plugins={"rules": ruled, "page": {}})
        self.protected_ruled = self._make_with(password="secret", plugins={"rules": ruled})
        self.listed = self._make(robots=True)
        self.listed_split = self._make(robots=True, plugins={"page": {}, "ab": split})
        self.not_listed = self._make(robots=False)
        self.held = self._make(url="https://held.example/")
        self.held_over = self._make(expiration_utime=1, date_fallback="https://held.example/x")
        for number, code in enumerate(WIDE):
            self._make(host="two.example:8443", code=code, url=f"https://wide.example/{number}")
        self.counted_apart = (self.unique, self.unique_split, self.unique_limited)

    @property
    def codes(self) -> list[str]:
        made = (value for value in vars(self).values() if isinstance(value, str))
        return [value for value in made if value != self.userid]

    def _make(
        self,
        url: str = "https://example.com/",
        plugins: Mapping[str, object] = MappingProxyType({}),
        **terms: object,
    ) -> str:
        entry = self._server.call("url", userid=self.userid, url=url, **terms)["entry"]
        code = str(entry["shorturl"].rpartition("/")[2])
        for plugin, data in plugins.items():
            self._server.call("set_plugin", **self._which(code), plugin=plugin, data=data)
        return code

    def _make_with(
        self,
        url: str = "https://example.com/",
        plugins: Mapping[str, object] = MappingProxyType({}),
        **terms: object,
    ) -> str:
        """A link whose terms are still to be set, while the server is stopped."""
        code = self._make(url, plugins)
        self.terms[code] = terms
        return code

    def _which(self, code: str) -> dict[str, str]:
        return {"userid": self.userid, "shorturl": f"{PUBLIC}/{code}"}


class Pair:
    """A server with the lane and one without, over equal data."""

    def __init__(self, lane: ServerProcess, pages: ServerProcess, links: Links) -> None:
        self.lane = lane
        self.pages = pages
        self.links = links

    def compare(self, *requests: bytes) -> bytes:
        """Sends the requests, pipelined on one connection, to both; the lane's bytes."""
        answers = [exchange(server.port, b"".join(requests)) for server in (self.lane, self.pages)]
        lane, pages = (NONCE.sub(b"", DATE.sub(b"", answer)) for answer in answers)
        assert lane == pages, b"".join(requests)
        return lane

    def visit_counted_apart(self) -> None:
        """Makes sure of repeats, however the tests are shared out between processes."""
        for code in self.links.counted_apart:
            for _ in range(2):
                self.compare(request(f"/{code}", CLOSE))

    def compare_in_turn(self, asked: list[tuple[list[bytes], list[str]]]) -> None:
        """Sends the pieces of one step after the other, each once the last is answered.

        A step has the methods of the requests that it ends. Stops where the server closes.
        """
        with Wire(self.lane.port) as lane, Wire(self.pages.port) as pages:
            for pieces, methods in asked:
                lane_answers, pages_answers = (
                    list(_ask(wire, pieces, methods)) for wire in (lane, pages)
                )
                assert lane_answers == pages_answers, pieces
                if None in lane_answers:
                    return


def _ask(
    wire: Wire, pieces: list[bytes], methods: list[str]
) -> Iterator[tuple[int, bytes, bytes] | None]:
    """Status, headers and body of each answer, without dates and nonces; None: closed."""
    try:
        wire.send(*pieces)
        for method in methods:
            status, headers, body = wire.response(head_only=method == "HEAD")
            headers.pop("date", None)
            fields = [f"{name}: {value}".encode() for name, value in headers.items()]
            yield status, NONCE.sub(b"", b"\r\n".join(fields)), NONCE.sub(b"", body)
    except ConnectionError:
        yield None


@pytest.fixture(scope="module", params=["default", "strange"])
def pair(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("lanes")
    environ = {
        **GENEROUS,
        "SHORTD_SERVER__CORS_ORIGINS": "https://app.example",
        "SHORTD_PUBLIC_URL": PUBLIC,
        "SHORTD_HOSTS": SECOND_HOST,
        "SHORTD_HOST__TWO_EXAMPLE_8443__WIDE_CODES": "true",
        "SHORTD_HOST__TWO_EXAMPLE_8443__IGNORE_CASE": "true",
    }
    plugins = directory / "plugins"
    plugins.mkdir()
    (plugins / "page.py").write_text(PAGE)
    environ["SHORTD_PLUGINS__DIR"] = str(plugins)
    if request.param == "strange":
        environ |= {
            "SHORTD_LINKS__REDIRECT_STATUS": "308",
            "SHORTD_LINKS__FORWARD_QUERY": "true",
            "SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.0/8",
            "SHORTD_CLICKS__IP": "truncated",
        }
    maker = ServerProcess(directory / "lane", environ)
    maker.start()
    links = Links(maker)
    assert maker.stop() == 0
    set_terms(directory / "lane", environ, links.userid, links.terms)
    shutil.copytree(directory / "lane", directory / "pages")
    pages = ServerProcess(
        directory / "pages", {**environ, "SHORTD_SERVER__FAST_LANE": "false"}, port=free_port()
    )
    maker.start()
    pages.start()
    try:
        pair = Pair(maker, pages, links)
        yield pair
        pair.visit_counted_apart()
        visit_nothing(pair)
        lane_visits, slow_visits = (visits_to_no_redirect(server) for server in (maker, pages))
        assert lane_visits == slow_visits
        assert int(float(lane_visits["not_found"])) >= 2
    finally:
        assert maker.stop() == 0
        assert pages.stop() == 0
        for server in (maker, pages):
            assert "Traceback" not in server.log
    lane, slow = (stored_counts(server.data_dir, links) for server in (maker, pages))
    assert lane == slow
    assert all(0 < unique < count for count, unique in lane)


def visits_to_no_redirect(server: ServerProcess) -> dict[str, str]:
    """How often the server says that it gave each answer but a redirect."""
    text = httpx.get(f"{server.url}/-/metrics").text
    visits = re.findall(r'shortd_visits_total\{outcome="(\w+)"\} (\S+)', text)
    return {outcome: count for outcome, count in visits if outcome != "redirect"}


def stored_counts(data_dir: Path, links: Links) -> list[tuple[int, int]]:
    """Clicks and unique clicks of the links that tell them apart, of a stopped server."""
    store = Store(data_dir)
    counts = []
    with store.read() as txn:
        for code in links.counted_apart:
            link = LINKS.get(txn, (0, code))
            assert link is not None
            row = COUNTS.get(txn, (link.id,))
            assert row is not None
            counts.append((row.count, row.unique))
    store.close()
    return counts


def exchange(port: int, data: bytes, *, timeout: float = 60) -> bytes:
    """Sends bytes and reads until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
        return received


def request(target: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: s.example", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


CLOSE = "Connection: close"


def visit_nothing(pair: Pair) -> None:
    pair.compare(request("/nosuchcode"), request("/nosuchcode", CLOSE))


def test_links_in_every_state(pair: Pair) -> None:
    for code in pair.links.codes:
        for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT"):
            for suffix in ("", "+", "?qr", "?x=1&y=2", "?qr=&x=3", "?", ".svg", "/"):
                if method != "HEAD":
                    pair.compare(request(f"/{code}{suffix}", CLOSE, method=method))
                else:
                    pair.compare(
                        request(f"/{code}{suffix}", CLOSE, "Accept: text/html", method=method)
                    )


def test_hosts(pair: Pair) -> None:
    names = ["s.example", "S.EXAMPLE:80", "two.example:8443", "TWO.example:8443", "unknown", ""]
    names += ["s.example:", "s.example:99", "www.s.example", "two.example", "www.two.example:1"]
    names += ["a b", "tw\xf6.example", "[::1]"]
    for code in pair.links.codes:
        for name in names:
            lines = [f"GET /{code} HTTP/1.1", f"Host: {name}", CLOSE, "", ""]
            pair.compare("\r\n".join(lines).encode("latin-1"))
    pair.compare(b"GET /BothHosts HTTP/1.1\r\n%b\r\n\r\n" % CLOSE.encode())
    twice = "GET /BothHosts HTTP/1.1\r\nHost: s.example\r\nHost: two.example:8443\r\n"
    pair.compare(f"{twice}{CLOSE}\r\n\r\n".encode())


@pytest.mark.parametrize(
    "headers",
    [
        ["Accept: text/html"],
        ["Accept: application/json"],
        ["Sec-Purpose: prefetch"],
        ["Purpose: prefetch"],
        ["X-Purpose: PREVIEW"],
        ["X-Moz: prefetch", "Sec-Purpose: x"],
        ["Sec-Purpose: prefetch;prerender"],
        ["Content-Length: 0"],
        ["Expect: 100-continue"],
        ["X-Forwarded-For: 203.0.113.9"],
        ["X-Forwarded-For: 203.0.113.9, 127.0.0.2", "X-Forwarded-For: nonsense"],
        ['X-Forwarded-For: "[2001:db8::7]:443", , 127.0.0.2:80,'],
        ["User-Agent: \xe4\xf6"],
        ["Referer: https://a.example/", "Accept-Language: de"],
        ["Connection: Upgrade", "Upgrade: h2c"],
        ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
        ["Connection: keep-alive, close"],
        ["Cookie: a=b"],
        ["Range: bytes=0-1"],
        ["DNT: 1"],
        ["DNT: 0", "Sec-GPC: 1"],
        ["DNT:  1", "User-Agent: WhatsApp/2.21"],
        ["User-Agent: Mozilla/5.0 (iPad; CPU OS 16_6)"],
        ["User-Agent: curl", "DNT: 0", "DNT: 1"],
    ],
)
def test_headers(pair: Pair, headers: list[str]) -> None:
    links = pair.links
    for code in (
        *(links.plain, links.limited, "nosuchcode"),
        *(links.split, links.phones, links.page, links.ruled),
        *(links.tagged, links.protected, links.over, links.enough, links.unique),
    ):
        # The second request closes, where the first leaves the connection open.
        pair.compare(request(f"/{code}", *headers), request("/robots.txt", CLOSE))
        pair.compare(request(f"/{code}", *headers, CLOSE))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/140.0"],
        ["User-Agent: Googlebot/2.1"],
        ["Accept-Language: de-CH,de;q=0.9"],
        ["Accept-Language: \xe4;q=,,;q=1"],
        ["Referer: https://www.news.example/a"],
        ["Referer: http://["],
    ],
)
def test_rules(pair: Pair, headers: list[str]) -> None:
    links = pair.links
    for code in (links.ruled, links.passing_on_ruled, links.ruled_page, links.protected_ruled):
        for query in (
            *("", "?", "?qr", "?x", "?x=1&y", "?qr&x=1", "?a", "?a=", "?a=1", "?%61", "?a=%ff"),
            *("?\xe4=1&x=\xff", f"?{'b&' * 3000}x", "?a b", "?%zz&&=&a=#x"),
        ):
            pair.compare(request(f"/{code}{query}", *headers, CLOSE))
    answer = pair.compare(request(f"/{links.ruled}?x=1", CLOSE))
    assert b"\r\nlocation: https://example.com/" in answer
    answer = pair.compare(request(f"/{links.passing_on_ruled}?a", CLOSE))
    assert b"\r\nlocation: https://a.example/?a\r\n" in answer


def test_bodies_of_get_requests(pair: Pair) -> None:
    target = f"/{pair.links.plain}"
    pair.compare(request(target, "Content-Length: 3") + b"abc", request(target, CLOSE))
    chunks = b"3\r\nabc\r\n0\r\n\r\n"
    pair.compare(request(target, "Transfer-Encoding: chunked") + chunks, request(target, CLOSE))


def test_old_http(pair: Pair) -> None:
    target = f"/{pair.links.plain}"
    pair.compare(request(target, version="1.0"))
    pair.compare(request(target, "Connection: keep-alive", version="1.0"))
    pair.compare(b"GET %b HTTP/1.0\r\n\r\n" % target.encode())


def test_targets(pair: Pair) -> None:
    code = pair.links.plain
    escaped = "%" + code[:1].encode().hex() + code[1:]
    for target in (
        *(f"/{escaped}", f"//{code}", f"/{code}/", f"/{code}%2B", f"/{code}%3Fqr", f"/{code}#x"),
        *(
            f"http://s.example/{code}",
            f"http://two.example:8443/{code}",
            f"/-{code}",
            f"/{code}%00",
        ),
        *(f"/<{code}>", f"/{code}...", f'/"{code}"', f"/{code})/?qr", f"/{code}%E2%80%9D"),
        *(f"/{code}%94", f"/{code}+)", f"/%20{code}%20", "/nosuchcode/", f"/{code}.x"),
        *(f"/{code}%C3%A4", "/", "*", "/-/health2", f"/{code}?%", f"/{code}?a b", f"/{code}?\xe4"),
        *(
            f"/{'a' * 64}",
            f"/{'a' * 65}",
            f"/{code}?" + "q" * 20_000,
            f"/{code}?qr&x",
            f"/{code}?qr=",
            f"/{code}?&a&q%72&b=qr",
            f"/{code}?qr=1",
        ),
    ):
        pair.compare(request(target, CLOSE))


def _spelled(draw: st.DrawFn, text: str) -> str:
    """A text as a path may have it: some of it escaped, once, twice or wrongly."""
    ways = st.sampled_from(["", "", "", "%02x", "%02X", "raw"])
    written = []
    for character in text:
        way = draw(ways)
        if way == "raw" or (not way and character.isascii() and character.isalnum()):
            written.append(character.encode().decode("latin-1"))
        else:
            written += [f"%{byte:{way[1:] or '02x'}}" for byte in character.encode()]
    return "".join(written)


@st.composite
def raw_paths(draw: st.DrawFn) -> str:
    """Paths of codes that are there, or nearly, and of what else clients may send."""
    code = draw(st.sampled_from(WIDE) | st.text(max_size=8))
    code = draw(st.sampled_from([code, code.upper(), code.lower(), code.swapcase()]))
    text = draw(st.sampled_from([code, unicodedata.normalize("NFD", code)]))
    junk = [
        "",
        "",
        "/",
        "+",
        "%2B",
        ".png",
        ".svg",
        "//",
        "%2F",
        "%252F",
        ".",
        "%00",
        "%ff",
        "%",
        "%c0%af",
    ]
    front = draw(st.sampled_from(["", "", "", "/", "%2F", "./", "../", "%2e%2e/", "(", "-/"]))
    written = _spelled(draw, text.encode("utf-8", "replace").decode())
    behind = "".join(draw(st.lists(st.sampled_from(junk), max_size=2)))
    query = draw(st.sampled_from(["", "", "?qr", "?a=%ff", "#x"]))
    return f"/{front}{written}{behind}{query}"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw_paths(), st.sampled_from(["two.example:8443", "s.example"]))
def test_any_path(pair: Pair, path: str, host: str) -> None:
    if any(character in path for character in " \r\n"):
        path = quote(path, safe="/%?#")
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", CLOSE, "", ""]
    answer = pair.compare("\r\n".join(lines).encode("latin-1"))
    assert not answer.startswith(b"HTTP/1.1 5"), path


@pytest.mark.parametrize("number", range(len(WIDE)))
def test_wide_codes(pair: Pair, number: int) -> None:
    code = WIDE[number]
    for written in (code, code.upper(), code.swapcase(), unicodedata.normalize("NFD", code)):
        lines = [f"GET /{quote(written)} HTTP/1.1", "Host: two.example:8443", CLOSE, "", ""]
        answer = pair.compare("\r\n".join(lines).encode())
        assert f"\r\nlocation: https://wide.example/{number}".encode() in answer, written
    for suffix in ("+", ".svg", ".png"):
        lines = [f"GET /{quote(code)}{suffix} HTTP/1.1", "Host: two.example:8443", CLOSE, "", ""]
        pair.compare("\r\n".join(lines).encode())


def test_bad_requests(pair: Pair) -> None:
    good = request(f"/{pair.links.plain}")
    for bad in (
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: s.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / RTSP/1.1\r\nHost: s.example\r\n\r\n",
        b"CONNECT / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ):
        refusal = pair.compare(bad)
        for before in (
            good,
            good * 2,
            request("/robots.txt") + good,
            good + request("/robots.txt"),
        ):
            answers = pair.compare(before, bad, good)
            assert answers.endswith(refusal)
            statuses = re.findall(rb"HTTP/1\.1 \d", answers)
            assert len(statuses) == before.count(b"HTTP/1.1") + 1


def test_pipelined_requests_keep_their_order(pair: Pair) -> None:
    links = pair.links
    requests = [
        request(f"/{links.plain}"),
        request("/robots.txt"),
        request(f"/{links.fragment}"),
        request(f"/{links.disabled}"),
        request(f"/{links.accented}", method="HEAD"),
        request(f"/{links.plain}+"),
        request(f"/{links.plain}"),
    ]
    lane = pair.compare(*requests, request(f"/{links.plain}", CLOSE), request("/robots.txt"))
    assert lane.count(b"location: https://example.com/\r\n") == 3


def test_a_thousand_random_pipelines(pair: Pair) -> None:
    chance = random.Random(20)
    links = pair.links
    limited = (links.limited, links.limited_split, links.limited_page, links.unique_limited)
    codes = [*(code for code in links.codes if code not in limited), "nosuchcode", "robots.txt"]
    for _ in range(1000):
        requests = []
        for _ in range(chance.randint(1, 6)):
            headers = [f"User-Agent: {chance.choice(AGENTS)}"]
            if chance.random() < 0.2:
                headers.append("Sec-Purpose: prefetch")
            if chance.random() < 0.3:
                headers.append("Accept: text/html")
            if chance.random() < 0.1:
                headers.append(CLOSE)
            target = f"/{chance.choice(codes)}{chance.choice(['', '', '', '?qr', '?a=b', '+'])}"
            method = chance.choice(["GET", "GET", "GET", "HEAD", "DELETE"])
            requests.append(request(target, *headers, method=method))
        requests.append(request(f"/{links.plain}", CLOSE))
        pair.compare(*requests)


def test_a_thousand_requests_one_after_the_other(pair: Pair) -> None:
    """Heads come again on the same connection and on others, so the lane knows most of them."""
    chance = random.Random(21)
    links = pair.links
    codes = [*(code for code in links.codes if code != links.limited), "nosuchcode"]
    heads = [
        [],
        *([f"User-Agent: {agent}"] for agent in AGENTS),
        ["Sec-Purpose: prefetch"],
        ["X-Forwarded-For: 203.0.113.9"],
        ["Accept: text/html", "Accept-Language: de"],
        ["Connection: keep-alive"],
        ["Content-Length: 0"],
        ["Connection: Upgrade", "Upgrade: h2c"],
        ["HOST: two.example:8443"],
    ]
    for _ in range(150):
        asked = []
        for _ in range(8):
            target = f"/{chance.choice(codes)}{chance.choice(['', '', '', '?qr', '?', '?a=b'])}"
            method = chance.choice(["GET", "GET", "GET", "HEAD", "POST"])
            version = chance.choice(["1.1"] * 19 + ["1.0"])
            data = request(target, *chance.choice(heads), method=method, version=version)
            # Sometimes more than a request arrives at once, or less.
            pieces = chance.choice(
                [[data]] * 5 + [[data + data], [b"\r\n" + data + b"\r\n"], [data[:20], data[20:]]]
            )
            asked.append((pieces, [method] * (b"".join(pieces).count(data))))
        pair.compare_in_turn(asked)


def test_a_known_redirect_waits_for_the_answer_in_front_of_it(pair: Pair) -> None:
    redirect = request(f"/{pair.links.plain}")
    slow = call("login", username_email="nobody", password="0" * 64)
    for server in (pair.lane, pair.pages):
        with Wire(server.port) as wire:
            assert [wire.ask(redirect).status // 100 for _ in range(2)] == [3, 3]
            wire.send(slow)
            wire.send(redirect)
            assert [wire.response().status // 100 for _ in range(2)] == [4, 3]


def test_both_count_the_same(pair: Pair) -> None:
    links = pair.links
    for code in (
        *(links.plain, links.limited, links.used_up, links.fragment),
        *(links.split, links.phones, links.limited_split, links.page, links.limited_page),
        *(links.tagged_split, links.over, links.enough, links.unique, links.unique_split),
        links.unique_limited,
    ):
        for server in (pair.lane, pair.pages):
            exchange(server.port, request(f"/{code}", CLOSE))
            exchange(server.port, request(f"/{code}?qr", CLOSE, "User-Agent: WhatsApp/2"))
        which = {"userid": pair.links.userid, "shorturl": f"{PUBLIC}/{code}"}
        lane, pages = (
            server.call("get_entry", **which)["entry"] for server in (pair.lane, pair.pages)
        )
        assert lane == pages
        assert lane["count"] > 0
    for code in (links.split, links.phones, links.page, links.limited_split):
        which = {"userid": links.userid, "shorturl": f"{PUBLIC}/{code}", "plugin": "ab"}
        lane, pages = (
            server.call("get_plugin", **which)["clicks"] for server in (pair.lane, pair.pages)
        )
        assert lane == pages
        assert lane


def test_a_split_request_is_one_request(pair: Pair) -> None:
    data = request(f"/{pair.links.plain}", CLOSE)
    for server in (pair.lane, pair.pages):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for position in range(len(data)):
                connection.sendall(data[position : position + 1])
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 30")


def test_a_slow_reader_of_many_answers(pair: Pair) -> None:
    one = request(f"/{pair.links.plain}")
    count = 20_000
    for server in (pair.lane, pair.pages):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.setblocking(False)
            data = memoryview(one * count + request(f"/{pair.links.plain}", CLOSE))
            sent, received = 0, 0
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline:
                with suppress(BlockingIOError):
                    sent += connection.send(data[sent:]) if sent < len(data) else 0
                try:
                    chunk = connection.recv(1 << 20)
                except BlockingIOError:
                    continue
                if not chunk:
                    break
                received += chunk.count(b"HTTP/1.1 30")
            assert sent == len(data)
            # A status line may be split between two reads.
            assert received > count * 0.99
