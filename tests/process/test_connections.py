"""What arrives on a socket: whole requests in any shape, and everything that is none.

Whatever is sent, no answer is a 5xx, the log shows no traceback, and the next request is served.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.conftest import GENEROUS
from tests.process.conftest import Launch, running
from tests.process.wire import HOST, Wire, call, request
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


def test_shapes_of_a_target(site: Site) -> None:
    code = site.code
    with site.connect() as wire:
        for target in (
            f"/%{ord(code[0]):02x}{code[1:]}",
            "/" + "".join(f"%{ord(letter):02X}" for letter in code),
            f"http://localhost/{code}",
            f"HTTP://elsewhere.example:99/{code}?x",
            f"/{code}?",
        ):
            answer = wire.ask(site.follow(target=target))
            assert answer.status == 302, target
            assert answer.headers["location"] == "https://example.com/a?b=c"
        for target in (f"//{code}", f"/{code}%00", f"/{code}%2F", f"/./{code}", "*", "/%ff%fe"):
            assert wire.ask(site.follow(target=target)).status == 404, target


@pytest.mark.parametrize(
    "host", ["", "Host: a\r\nHost: b\r\n", "Host:\r\n", "Host: [::1\r\n", "Host: :\r\n"]
)
def test_strange_hosts_mean_the_default_one(site: Site, host: str) -> None:
    with site.connect() as wire:
        assert wire.ask(f"GET /{site.code} HTTP/1.1\r\n{host}\r\n".encode()).status == 302


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


def test_requests_leave_nothing_to_the_garbage_collector(launch: Launch) -> None:
    server = launch({"SHORTD_SERVER__FAST_LANE": "false"}, prelude=COUNTING)
    userid = server.call("temporary_account")["userid"]
    url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    with Wire(server.port) as wire:
        for _ in range(50):
            assert wire.ask(request("/" + url.rpartition("/")[2])).status == 302
            assert wire.ask(request("/nosuchcode")).status == 404
    assert server.stop() == 0
    left = int(server.log.rpartition("left ")[2].split()[0])
    # One more for each connection that was open to the end.
    assert left < 5
