"""One connection that sends requests without end, and faster than they can be answered."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from tests.attacks.siege import MIB, SECONDS, Target, flood, siege
from tests.server.conftest import Launch
from tests.server.wire import Wire, call, request

KIB = 1 << 10
MOST_GROWTH = 64 * MIB
MOST_HELD = 0.25
"""Seconds that 99 of 100 visitors may have to wait for somebody else's requests."""
AT_LENGTH = pytest.mark.skipif(SECONDS < 10, reason="with ATTACK_SECONDS=10 or more")
CODE, USERID, PORT = "CODE00", "U" * 32, "PORT0"
"""Stand for what a server drew."""
KINDS = {
    "page": request("/-/health"),
    "shortest": b"GET /-/health HTTP/1.1\r\nHost:a\r\n\r\n",
    "preview": request(f"/{CODE}+"),
    "image": request(f"/{CODE}.svg"),
    "file": request("/favicon.ico"),
    "HEAD": request("/-/health", method="HEAD"),
    "OPTIONS": request("/v2/url", method="OPTIONS"),
    "no page": request("/not/there/at/all"),
    "method": request(f"/{CODE}", method="DELETE"),
    "call": call("get_entry", userid=USERID, shorturl=f"127.0.0.1:{PORT}/{CODE}"),
    "refused call": call("login"),
    "v1": request("/v1/authen/token", "Content-Length: 7", method="POST") + b'{"a":1}',
    "sqwish": request("/shorten.json?url=https://example.com/"),
    "chunks": request("/v2/url", "Transfer-Encoding: chunked", method="POST")
    + b"4\r\nabcd\r\n0\r\n\r\n",
    "body for a link": request(f"/{CODE}", "Content-Length: 7") + b'{"a":1}',
    "upgrade": request("/-/health", "Connection: Upgrade", "Upgrade: h2c"),
    "beyond ASCII": b"GET /-/health?\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
"""Requests that the application answers."""
REDIRECTS = {
    "redirect": request(f"/{CODE}"),
    "HEAD": request(f"/{CODE}", method="HEAD"),
    "404": request("/CODE99"),
    "404 as a page": request("/CODE99", "Accept: text/html"),
    "new heads": b"".join(request(f"/{CODE}", f"User-Agent: {n}") for n in range(3000)),
    "blank lines": b"\r\n" * 100 + request(f"/{CODE}"),
}
"""Requests that the lane answers."""


def of(target: Target, *requests: bytes) -> bytes:
    """The bytes of these requests for what the server has."""
    data = b"".join(requests).decode("latin-1")
    port = str(target.server.port)
    for name, value in ((CODE, target.code), (USERID, target.userid), (PORT, port)):
        assert len(name) == len(value), "lengths are announced"
        data = data.replace(name, value)
    return data.encode("latin-1")


def endure(target: Target, data: bytes, megabits: float) -> None:
    """Attacks with these bytes; nobody else is to notice."""
    sent = received = 0
    with siege(target.server, target.code) as seen:
        while not (sent and seen.is_enough):
            sent, received = flood(target.server, data, megabits=megabits)
    assert min(sent, received) > 10_000
    assert seen.growth < MOST_GROWTH
    assert seen.held < MOST_HELD


def test_all_kinds_in_turn(target: Target) -> None:
    endure(target, of(target, *KINDS.values()), 16)


@AT_LENGTH
@pytest.mark.parametrize("megabits", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_one_kind(target: Target, kind: str, megabits: float) -> None:
    endure(target, of(target, KINDS[kind]), megabits)


@pytest.mark.parametrize("megabits", [32, 0] if SECONDS < 10 else [8, 16, 32, 0])
def test_redirects(target: Target, megabits: float) -> None:
    endure(target, of(target, *REDIRECTS.values()), megabits)


@AT_LENGTH
@pytest.mark.parametrize("kind", REDIRECTS)
def test_redirects_of_one_kind(target: Target, kind: str) -> None:
    endure(target, of(target, REDIRECTS[kind]), 32)


def test_single_redirects_without_end(target: Target) -> None:
    """Each in a segment of its own, as from a client that does not wait for answers."""
    data = of(target, REDIRECTS["redirect"])
    with siege(target.server, target.code) as seen, Wire(target.server.port) as wire:
        for number in count():
            if number >= 200 and seen.is_enough:
                break
            wire.send(*[data] * 100)
            assert {wire.response().status for _ in range(100)} == {302}
    assert seen.held < MOST_HELD


def test_an_honest_pipeline_is_answered_whole(target: Target) -> None:
    """Far beyond what is read ahead, in order, while somebody else attacks."""
    clicks = target.clicks(target.code)
    visit = request(f"/{target.code}")
    asked = (visit * 3 + of(target, KINDS["page"], KINDS["call"]) + visit) * 100
    with Wire(target.server.port, timeout=60) as wire:
        wire.send(asked)
        answers = [wire.response() for _ in range(600)]
    assert [answer.status for answer in answers] == [302, 302, 302, 200, 200, 302] * 100
    assert target.clicks(target.code) == clicks + 400


@pytest.mark.parametrize("length", [20, 8000])
def test_answers_that_nobody_reads(target: Target, length: int) -> None:
    """Few bytes in, many out: most of them are never made."""
    visit = request("/" + target.shorten("https://example.com/" + "x" * length))
    with siege(target.server, target.code) as seen:
        stayed: list[int] = []
        while len(stayed) < 3 or not seen.is_enough:
            idle = seen.memory
            flood(target.server, visit, megabits=16, seconds=2, connections=15, deaf=True)
            stayed.append(seen.memory - idle)
    assert seen.growth < 15 * 4 * MIB
    assert seen.held < MOST_HELD
    assert stayed[0] < 48 * MIB
    assert max(stayed[1:]) < 16 * MIB


def test_many_that_send_ahead_are_bounded_together(launch: Launch) -> None:
    """Beyond what all of them may hold, a connection is answered what was read, and ends."""
    target = Target(launch({"SHORTD_SERVER__BUFFER_BYTES": str(4 * MIB)}))
    page = request("/-/health")
    closed = 'shortd_connections_closed_total{reason="held"}'
    with siege(target.server, target.code) as seen:
        for _ in range(5):
            # A busy machine lets them send less at a time.
            flood(target.server, page, seconds=3, connections=100, deaf=True)
            if target.figure(closed):
                break
    assert target.figure(closed) > 0
    assert seen.growth < MOST_GROWTH
    assert target.figure("shortd_connections_held_bytes") <= 4 * MIB


def test_a_client_that_never_pauses(launch: Launch) -> None:
    """What was answered is no longer held, though the next request has come before."""
    target = Target(launch({"SHORTD_SERVER__BUFFER_BYTES": str(MIB)}))
    page = request("/-/health", *(f"X-{number}: {'x' * 1000}" for number in range(8)))
    with Wire(target.server.port, timeout=60) as wire:
        sender = threading.Thread(target=wire.send, args=[page] * 400)
        sender.start()
        try:
            assert {wire.response().status for _ in range(400)} == {200}
        finally:
            sender.join()
    assert target.figure("shortd_connections_held_bytes") < KIB
