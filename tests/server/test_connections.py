"""What arrives on a socket: whole requests in any shape, and everything that is none.

Whatever is sent, no answer is a 5xx, the log shows no traceback, and the next request is served.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.conftest import GENEROUS
from tests.server.conftest import Launch, running
from tests.server.wire import HOST, Wire, call, request
from tests.server_process import ServerProcess

BODY_LIMIT = 4 << 20
CLOSE = "Connection: close"
CONTINUE = "Expect: 100-continue"
CHUNKED = "Transfer-Encoding: chunked"


class Site:
    """A server with one link, for all tests of this module."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        userid = server.call("temporary_account")["userid"]
        entry = server.call("url", userid=userid, url="https://example.com/a?b=c")["entry"]
        self.code = entry["shorturl"].rpartition("/")[2]
        self.get_entry = call("get_entry", userid=userid, shorturl=entry["shorturl"])
        self.shorten = call("url", userid=userid, url="https://example.com/")

    def connect(self) -> Wire:
        return Wire(self.server.port)

    def count(self) -> int:
        """Visits to the link, and links that were made."""
        with self.connect() as wire:
            count: int = wire.ask(self.get_entry).json["output"]["entry"]["count"]
            figures = wire.ask(request("/-/metrics")).body.decode()
        return count + int(float(re.findall(r'shortd_rows{table="links"} (\S+)', figures)[0]))

    def follow(self, *headers: str, target: str = "") -> bytes:
        return request(target or f"/{self.code}", *headers)


@pytest.fixture(scope="module", params=["true", "false"], ids=["lane", "pages"])
def site(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("connections")
    environ = {**GENEROUS, "SHORTD_SERVER__FAST_LANE": request.param}
    with running(ServerProcess(folder / "data", environ)) as server:
        yield Site(server)


@pytest.fixture(autouse=True)
def still_serving(site: Site) -> Iterator[None]:
    yield
    with site.connect() as wire:
        assert wire.ask(site.follow()).status == 302


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    with site.connect() as wire:
        wire.send(
            site.follow()
            + site.get_entry
            + site.follow("Content-Length: 0")
            + request("/robots.txt")
            + site.get_entry
            + site.follow()
            + request("/nosuchcode")
        )
        answers = [wire.response() for _ in range(7)]
    assert [answer.status for answer in answers] == [302, 200, 302, 200, 200, 302, 404]
    entries = [answer.json["output"]["entry"] for answer in (answers[1], answers[4])]
    assert entries[1]["count"] == entries[0]["count"] + 1


@pytest.mark.parametrize("headers", [[], ["Connection: keep-alive"]])
def test_http_1_0(site: Site, headers: list[str]) -> None:
    with site.connect() as wire:
        answer = wire.ask(request(f"/{site.code}", *headers, version="1.0"))
        assert answer.status == 302
        assert answer.headers["connection"] == "close"
        assert wire.closed()
    with site.connect() as wire:
        assert wire.ask(f"GET /{site.code} HTTP/1.0\r\n\r\n".encode()).status == 302
        assert wire.closed()


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)),
        b"\0" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/3.7\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: line\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"POST /v2/url HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/url HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /v2/url HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /v2/url HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /v2/url HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"POST /v2/url HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    ],
)
def test_what_is_no_request_is_refused(site: Site, garbage: bytes) -> None:
    with site.connect() as wire:
        answer = wire.ask(garbage)
        assert answer.status == 400
        assert answer.headers["connection"] == "close"
        assert wire.closed()


def test_heads_of_an_honest_size(site: Site) -> None:
    with site.connect() as wire:
        for size in (1000, 16_000, 60_000):
            assert wire.ask(site.follow(f"Cookie: {'c' * size}")).status == 302
        head = site.follow(*(f"X-{number}: value" for number in range(500)))
        # In pieces it is the same.
        wire.send(*(head[start : start + 1000] for start in range(0, len(head), 1000)))
        assert wire.response().status == 302


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /", b"a" * 4096),
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 4096),
        (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 700),
        (b"POST /v2/url HTTP/1.1\r\n%b\r\n\r\n1;" % CHUNKED.encode(), b"a" * 4096),
        (b"POST /v2/url HTTP/1.1\r\n%b\r\n\r\n0\r\nX: " % CHUNKED.encode(), b"a" * 4096),
        (b"GET /robots.txt HTTP/1.1\r\n\r\n", b"\r\n" * 2048),
    ],
    ids=["target", "header", "headers", "chunk extension", "trailer", "empty lines"],
)
def test_endless_heads_are_cut_off(site: Site, start: bytes, piece: bytes) -> None:
    with site.connect() as wire, pytest.raises(ConnectionError):
        wire.send(start)
        for _ in range((8 << 20) // len(piece)):
            wire.send(piece)


def test_expect_continue(site: Site) -> None:
    with site.connect() as wire:
        head, _, body = site.get_entry.partition(b"\r\n\r\n")
        wire.send(head + f"\r\n{CONTINUE}\r\n\r\n".encode())
        assert wire.response().status == 100
        assert wire.ask(body).status == 200
        assert wire.ask(site.follow(CONTINUE)).status == 302


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_chunked_bodies(site: Site, size: int) -> None:
    body = site.get_entry.partition(b"\r\n\r\n")[2]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    with site.connect() as wire:
        for pause in (False, True):
            chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
            data = [request("/v2/get_entry", CHUNKED, method="POST"), *chunks, b"0\r\n\r\n"]
            answer = wire.ask(*data) if pause else wire.ask(b"".join(data))
            assert answer.status == 200
            assert answer.json["status"] == "success"


def test_a_body_in_single_bytes(site: Site) -> None:
    with site.connect() as wire:
        data = site.get_entry
        assert wire.ask(*(data[at : at + 1] for at in range(len(data)))).status == 200


def oversized(length: int, *headers: str) -> bytes:
    return request("/v2/url", f"Content-Length: {length}", *headers, method="POST")


@pytest.mark.parametrize("length", [BODY_LIMIT + 1, 20 << 20])
def test_a_body_that_is_too_large(site: Site, length: int) -> None:
    with site.connect() as wire:
        # A client that reads only when it has sent everything still gets its answer.
        refusal = wire.ask(oversized(length), b" " * length)
        assert refusal.status == 413
        assert refusal.json["error"]["code"] == "body_too_large"
        assert refusal.json["type"] == "url"
        assert refusal.json["output"] == {}
        assert wire.ask(site.follow()).status == 302
    with site.connect() as wire:
        assert wire.ask(oversized(length)).status == 413
    with site.connect() as wire:
        assert wire.ask(oversized(length, CONTINUE)).status == 413


def test_a_chunked_body_that_is_too_large(site: Site) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with site.connect() as wire:
        head = request("/v2/url", CHUNKED, method="POST")
        refusal = wire.ask(head, *[chunk] * (2 * BODY_LIMIT // 65536), b"0\r\n\r\n")
        assert refusal.status == 413
        assert refusal.json["error"]["code"] == "credentials_first"
        assert wire.ask(site.follow()).status == 302
        start = site.get_entry.partition(b"\r\n\r\n")[2]
        start = b"%x\r\n%b\r\n" % (len(start), start)
        refusal = wire.ask(head, start, *[chunk] * (2 * BODY_LIMIT // 65536), b"0\r\n\r\n")
        assert refusal.status == 413
        assert refusal.json["error"]["code"] == "body_too_large"
        assert wire.ask(site.follow()).status == 302


def test_the_largest_body(site: Site) -> None:
    body = site.get_entry.partition(b"\r\n\r\n")[2].ljust(BODY_LIMIT)
    head = request("/v2/get_entry", f"Content-Length: {len(body)}", method="POST")
    with site.connect() as wire:
        assert wire.ask(head, body).status == 200


def test_head_has_the_length_and_no_body(site: Site) -> None:
    with site.connect() as wire:
        links = (f"/{site.code}", f"/{site.code}+", f"/{site.code}.svg", "/nosuchcode")
        for target in (*links, "/", "/robots.txt", "/-/health", "/-/docs", "/favicon.ico"):
            wire.send(request(target, method="HEAD"))
            head = wire.response(head_only=True)
            answer = wire.ask(request(target))
            assert head.status == answer.status
            assert head.headers["content-length"] == str(len(answer.body))
        wire.send(request("/v2/url", method="HEAD"))
        assert wire.response(head_only=True).status == 405
        assert wire.ask(site.follow()).status == 302


@pytest.mark.parametrize(
    "upgrade",
    [
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
        ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
    ],
    ids=["h2c", "websocket"],
)
def test_an_upgrade_is_ignored(site: Site, upgrade: list[str]) -> None:
    """Java's client asks for h2c with its first request, be it a POST; curl does with --http2."""
    body = site.get_entry.partition(b"\r\n\r\n")[2]
    length = f"Content-Length: {len(body)}"
    head = request("/v2/get_entry", length, *upgrade, method="POST")
    with site.connect() as wire:
        assert wire.ask(head + body).status == 200
        assert wire.ask(head, body[:10], body[10:]).status == 200
        assert wire.ask(*(head[at : at + 1] for at in range(len(head))), body).status == 200
        chunked = request("/v2/get_entry", CHUNKED, *upgrade, method="POST")
        assert wire.ask(chunked, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)).status == 200
        assert wire.ask(site.follow(*upgrade)).status == 302
        wire.send((site.follow() + site.follow(*upgrade) + head + body) * 500 + site.follow())
        statuses = [wire.response().status for _ in range(1501)]
        assert statuses == [302, 302, 200] * 500 + [302]


@pytest.mark.parametrize("target", ["/", "*", "http://a/", "a:443", "a", "[::1]:80", "/robots.txt"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_there_are_no_tunnels(site: Site, target: str, version: str) -> None:
    """The parser stops behind every such head, and takes what follows for the tunnel's."""
    tunnel = request(target, method="CONNECT", version=version)
    length = request(target, "Content-Length: 3", method="CONNECT", version=version) + b"abc"
    upgrade = ["Connection: Upgrade", "Upgrade: h2c"]
    both = request(target, *upgrade, method="CONNECT", version=version)
    for data in (
        [tunnel],
        [length],
        [both],
        [tunnel[at : at + 1] for at in range(len(tunnel))],
        [tunnel + site.follow() * 100],
        [site.follow(*upgrade) + both + tunnel],
    ):
        with site.connect() as wire:
            wire.send(*data)
            statuses = [wire.response().status]
            if statuses == [302]:
                statuses.append(wire.response().status)
            assert statuses[-1] in (400, 405, 501)
            assert wire.closed()


def test_shapes_of_a_target(site: Site) -> None:
    code = site.code
    with site.connect() as wire:
        for target in (
            f"/%{ord(code[0]):02x}{code[1:]}",
            "/" + "".join(f"%{ord(letter):02X}" for letter in code),
            f"http://localhost/{code}",
            f"HTTP://elsewhere.example:99/{code}?x",
            f"/{code}?",
            # What stands around a code is cut off, a slash more among it.
            *(f"//{code}", f"/{code}%00", f"/{code}%2F", f"/./{code}"),
        ):
            answer = wire.ask(site.follow(target=target))
            assert answer.status == 302, target
            assert answer.headers["location"] == "https://example.com/a?b=c"
        for target in (f"/x/{code}", f"/{code}%2Fx", "*", "/%ff%fe"):
            assert wire.ask(site.follow(target=target)).status == 404, target


@pytest.mark.parametrize(
    "hosts",
    [
        *([], ["a.example", "b.example"], ["a.example", "a.example"]),
        *([""], [" "], [":"], [":80"], ["a b"], ["a,b"], ["a/b"], ["a?b"], ["a#b"], ["a@b"]),
        *(["[::1"], ["::1"], ["[zz]"], ["[1.2.3.4]"], ["a:b"], ["a:80:80"], ["a:-1"], ["a:65536"]),
        *(["a..b"], [".a"], ["."], ["<a>"], ["a\\b"], ['"a"'], ["a%zz"], ["a%00b"], ["a" * 400]),
        *(["\xe4.example"], ["\xc3(.example"], ["http://a.example"], ["1.2.3.4.5"]),
    ],
)
def test_a_host_that_is_none_is_refused(site: Site, hosts: list[str]) -> None:
    count = site.count()
    for target in (f"/{site.code}", "/robots.txt", "/v2/url", "http://localhost/"):
        lines = [f"GET {target} HTTP/1.1", *(f"Host: {host}" for host in hosts), "", ""]
        with site.connect() as wire:
            answer = wire.ask("\r\n".join(lines).encode("latin-1"))
            assert answer.status == 400
            assert answer.json["error"]["code"] == "bad_request"
            assert wire.closed()
    assert site.count() == count


def test_old_clients_name_no_host(site: Site) -> None:
    with site.connect() as wire:
        assert wire.ask(f"GET /{site.code} HTTP/1.0\r\n\r\n".encode()).status == 302
    with site.connect() as wire:
        twice = f"GET /{site.code} HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"
        assert wire.ask(twice.encode()).status == 400


@pytest.mark.parametrize("host", ["my_host:8080", "[::1]:80", "[fe80::1%25eth0]", "127.1", "x."])
def test_a_strange_host_means_the_default_one(site: Site, host: str) -> None:
    with site.connect() as wire:
        assert wire.ask(f"GET /{site.code} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status == 302


@pytest.mark.parametrize(
    "target", ["http://a b/", "http:///x", "http://u@a/", "http://:80/", "http://a:b/", "ftp://"]
)
def test_a_target_that_names_no_host_is_refused(site: Site, target: str) -> None:
    with site.connect() as wire:
        assert wire.ask(request(target)).status == 400
        assert wire.closed()


UNREADABLE = [
    b"RUBBISH\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)),
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    b"POST /v2/url HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


@pytest.mark.parametrize("bad", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_in_work_is_answered_first(site: Site, bad: bytes) -> None:
    """Whole and in order, then 400, and nothing behind it; a call is done if it is answered."""
    count = site.count()
    changes = 0
    good = [
        (site.follow(), 302),
        (site.get_entry, 200),
        (site.shorten, 200),
        (request("/robots.txt"), 200),
        (request("/-/docs"), 200),
        (site.follow(), 302),
    ]
    for first in range(0, len(good), 2):
        chosen = good[first:]
        with site.connect() as wire:
            wire.send(b"".join(data for data, _ in chosen) + bad + site.follow())
            answers = [wire.response() for _ in range(len(chosen) + 1)]
            assert [answer.status for answer in answers] == [status for _, status in chosen] + [400]
            assert answers[-1].headers["connection"] == "close"
            assert wire.closed()
        changes += sum(data in (site.follow(), site.shorten) for data, _ in chosen)
    assert site.count() == count + changes


@pytest.mark.parametrize("trailer", [b"", b"X: y\r\n", b"X: y\r\nZ:\r\n"])
def test_what_follows_a_body_in_chunks(site: Site, trailer: bytes) -> None:
    """Its end is nowhere announced: the next request is another one all the same."""
    body = site.get_entry.partition(b"\r\n\r\n")[2]
    chunks = b"%x\r\n%b\r\n4\r\n\r\n\r\n\r\n0\r\n%b\r\n" % (len(body), body, trailer)
    call = request("/v2/get_entry", CHUNKED, method="POST") + chunks
    beyond = b"GET /%b?\xff HTTP/1.1\r\nHost: localhost\r\n\r\n" % site.code.encode()
    data = (call + beyond) * 50 + call + b"GET / RTSP/1.0\r\n\r\n"
    for size in (len(data), 1000, 7):
        with site.connect() as wire:
            wire.send(*(data[at : at + size] for at in range(0, len(data), size)))
            statuses = [wire.response().status for _ in range(102)]
            assert statuses == [200, 302] * 50 + [200, 400]


def test_a_broken_request_is_not_done(site: Site) -> None:
    """Where its head was good, and all of it came at once."""
    count = site.count()
    broken = site.follow(CHUNKED) + b"zz\r\n"
    for data in (broken, site.follow() + broken, site.get_entry + broken):
        with site.connect() as wire:
            wire.send(data)
            statuses = [wire.response().status for _ in range(2 if data != broken else 1)]
            assert statuses[-1] == 400
            assert wire.closed()
    assert site.count() == count + 1


def test_a_broken_body_behind_its_answer_is_the_end(site: Site) -> None:
    with site.connect() as wire:
        assert wire.ask(site.follow(CHUNKED)).status == 302
        wire.send(b"zz\r\n")
        assert wire.closed()


@pytest.mark.parametrize(
    "line",
    [
        *(
            "GET /{} HTTP/2.0",
            "GET /{} HTTP/0.9",
            "GET /{}",
            "GET /{} HTTP/1.2",
            "GET /{} HTTP/3.0",
        ),
        *("GET /{} RTSP/1.0", "GET /{} RTSP/1.1", "GET /{} ICE/1.0", "GET /{} http/1.1"),
        *("SOURCE /{} ICE/1.1", "OPTIONS /{} RTSP/1.0", "GET /{} HTTP/1.1 HTTP/1.1"),
    ],
)
def test_other_versions_are_refused(site: Site, line: str) -> None:
    count = site.count()
    data = f"{line.format(site.code)}\r\nHost: localhost\r\nVia: HTTP/1.1 HTTP/1.1\r\n\r\n".encode()
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        with site.connect() as wire:
            # What it sends behind the refusal may meet a closed connection.
            with contextlib.suppress(ConnectionError):
                wire.send(*pieces)
            assert wire.response().status == 400
    assert site.count() == count


@pytest.mark.parametrize(
    "coding",
    [
        *("gzip, chunked", "gzip", "identity", "chunked, gzip", "chunked, chunked", "", "xchunked"),
        *("deflate,chunked", "chunked;q=1", "trailers, chunked", '"chunked"'),
        "chunked\r\nTransfer-Encoding: chunked",
        "gzip\r\nTransfer-Encoding: chunked",
    ],
)
def test_other_codings_are_refused(site: Site, coding: str) -> None:
    count = site.count()
    body = site.shorten.partition(b"\r\n\r\n")[2]
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for head in (
        request("/v2/url", f"Transfer-Encoding: {coding}", method="POST"),
        site.follow(f"Transfer-Encoding: {coding}"),
    ):
        with site.connect() as wire:
            assert wire.ask(head + chunks).status == 400
            assert wire.closed()
    with site.connect() as wire:
        old = request("/v2/url", CHUNKED, method="POST", version="1.0")
        assert wire.ask(old + chunks).status == 400
    assert site.count() == count


def test_a_coding_may_be_spelled_in_capitals(site: Site) -> None:
    with site.connect() as wire:
        assert wire.ask(site.follow("transfer-encoding: CHUNKED") + b"0\r\n\r\n").status == 302


@pytest.mark.parametrize("raw", ["ä€\U0001f600".encode(), b"\xe4", b"a\xffb\x80"])
def test_targets_beyond_ascii(site: Site, raw: bytes) -> None:
    """As nginx, Apache and Go have it: what should have been escaped is, before it is read."""
    escaped = "".join(f"%{byte:02X}" if byte > 127 else chr(byte) for byte in raw).encode()
    for before, behind in (
        (b"/%b?x=" % site.code.encode(), b""),
        (b"/robots.txt?", b"&a=b"),
        (b"/", b"abc"),
        (b"/shorten.json?api_key=x&url=https://example.com/", b""),
        (b"http://localhost/%b?" % site.code.encode(), b""),
    ):
        answers = []
        for middle in (escaped, raw):
            data = b"GET %b%b%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (before, middle, behind)
            for pieces in ([data], [b"\r\n" + data[:9], data[9:30], data[30:]]):
                with site.connect() as wire:
                    answer = wire.ask(*pieces)
                    answers.append((answer.status, answer.headers.get("location"), answer.body))
        assert len(set(answers)) == 1
        # What is no UTF-8 a call refuses in its own form.
        assert answers[0][0] in (302, 200, 404, 401) or b'"error":"true"' in answers[0][2]


def test_bytes_beyond_ascii_elsewhere_in_the_first_line(site: Site) -> None:
    for line in (b"G\xc3\x89T / HTTP/1.1", b"GET / HTTP/1.\xb9", b"\xff", b"GET /\xff"):
        with site.connect() as wire:
            wire.send(line + b"\r\nHost: localhost\r\n\r\n")
            assert wire.response().status == 400


def test_the_client_of_an_unwanted_body_still_reads_why(site: Site) -> None:
    """Closing while it sends would reset the connection, and lose it the answer."""
    for head in (
        oversized(64 << 20, CLOSE),
        request("/v2/url", "Content-Length: 50000000", method="POST", version="1.0"),
        b"RUBBISH\r\n\r\n",
    ):
        with site.connect() as wire:
            wire.send(head, bytes(500_000))
            assert wire.response().status in (400, 413)


NAMES = ["Host", "User-Agent", "Referer", "Accept", "Accept-Language", "Cookie", "Content-Type"]
NAMES += ["X-Forwarded-For", "Sec-Purpose", "Authorization", "Origin", "Range", "If-None-Match"]


def test_bytes_beyond_ascii(site: Site) -> None:
    chance = random.Random(7)
    body = site.get_entry.partition(b"\r\n\r\n")[2]

    def text(length: int) -> bytes:
        pool = b'\xff\xfe\x80\xc3\xa9\xe2\x82\xac aZ9/:;,="[]()<>%@?&#.-_'
        return bytes(chance.choices(pool, k=chance.randrange(length)))

    for _ in range(400):
        target = chance.choice([site.code, "v2/get_entry", "robots.txt", "", "-/health"]).encode()
        if chance.random() < 0.3:
            target += chance.choice([b"?", b"%", b"/", b""]) + text(10)
        headers = [
            b"%b: %b" % (name.encode(), text(30))
            for name in chance.sample(NAMES, chance.randrange(5))
        ]
        headers += [b"Content-Length: %d" % len(body), CLOSE.encode(), b"", body]
        method = chance.choice([b"GET", b"POST", b"POST", b"PUT"])
        with site.connect() as wire:
            answer = wire.ask(b"\r\n".join([b"%b /%b HTTP/1.1" % (method, target), *headers]))
            assert answer.status < 500


@pytest.mark.parametrize("reset", [True, False])
def test_a_client_that_leaves(site: Site, reset: bool) -> None:
    chunked = request("/v2/url", CHUNKED, method="POST")
    for data in (
        b"",
        b"GET /",
        site.follow()[:-2],
        site.follow() * 500,
        site.get_entry[:-1],
        site.get_entry,
        # The first is at work when the connection ends, and the others wait.
        site.shorten * 5,
        chunked + b"5\r\n{",
        oversized(BODY_LIMIT) + b" " * 100_000,
        oversized(BODY_LIMIT, CONTINUE),
    ):
        for _ in range(10):
            connection = socket.create_connection((HOST, site.server.port))
            if reset:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(data)
            connection.close()


def test_many_idle_connections(site: Site) -> None:
    wires = [site.connect() for _ in range(400)]
    try:
        assert {wire.ask(site.follow()).status for wire in wires} == {302}
    finally:
        for wire in wires:
            wire.close()


COUNTING = """
import atexit, gc, sys
gc.disable()
def count():
    kinds = [type(thing).__name__ for thing in gc.get_objects()]
    print("left", kinds.count("RequestResponseCycle"), file=sys.stderr)
atexit.register(count)
"""


def with_body(method: bytes, target: str) -> bytes:
    head = b"%b %b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n" % (method, target.encode())
    return head + b"{}"


def test_requests_leave_nothing_to_the_garbage_collector(launch: Launch) -> None:
    server = launch({"SHORTD_SERVER__FAST_LANE": "false"}, prelude=COUNTING)
    userid = server.call("temporary_account")["userid"]
    url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    with Wire(server.port) as wire:
        for _ in range(50):
            assert wire.ask(request("/" + url.rpartition("/")[2])).status == 302
            assert wire.ask(request("/nosuchcode")).status == 404
            # A call that App answers itself, one that Litestar does, a form, and a file.
            for post in ("/v2/get_entry", "/v1/user", "/-/signin"):
                assert wire.ask(with_body(b"POST", post)).status < 500
            assert wire.ask(with_body(b"PUT", "/file.txt")).status < 500
    assert server.stop() == 0
    left = int(server.log.rpartition("left ")[2].split()[0])
    # One more for each connection that was open to the end.
    assert left < 5
