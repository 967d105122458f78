"""Scanners: what nobody can read is refused, counted, and told in a line a minute."""

from __future__ import annotations

import json
import time

import pytest

from tests.attacks.siege import Target, siege
from tests.server.conftest import Launch
from tests.server.wire import Wire, call, request

BAD = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)),
    "SSH": b"SSH-2.0-Go\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version": request("/", version="2.0"),
    "host": b"GET / HTTP/1.1\r\n\r\n",
    "tunnel": request("a:443", method="CONNECT"),
    "coding": request("/", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "head": b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000,
    "length": request("/", "Content-Length: x"),
    "RTSP": b"OPTIONS / RTSP/1.0\r\n\r\n",
    "nothing": b"\0" * 100,
}
ODD = {
    "no call": request("/v2/nothing", "Content-Length: 1", method="POST") + b"x",
    "no JSON": request("/v2/url", "Content-Length: 1", method="POST") + b"x",
    "refused": call("url", url="https://example.com/"),
    "v1": request("/v1/authen/token", "Content-Length: 1", method="POST") + b"x",
    "no form": request("/v2/file", "Content-Length: 1", method="POST") + b"x",
    "no page": request("/-/no/such/page"),
    "no file": request("/-/files/abc?expires=1&signature=x"),
    "escapes": request("/%ff%fe%00?%zz"),
    "sqwish": request("/ips.xml?api_key=%00&limit=x"),
    "method": request("/", method="DELETE"),
}
"""What can be read, and is refused by whoever it is for."""
MOST_LOG_BYTES = 16_384
ONE_MINUTE = "import shortd.server.connections; shortd.server.connections.TELL_SECONDS = 3600.0"
"""In which a test ends, however long it takes."""


def lines(log: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.splitlines()]


@pytest.mark.parametrize("lane", ["true", "false"])
def test_a_flood_of_what_cannot_be_read(launch: Launch, lane: str) -> None:
    environ = {"SHORTD_SERVER__FAST_LANE": lane}
    target = Target(launch(environ, prelude=ONE_MINUTE, is_late=True))
    before, sent = len(target.server.log), 0
    end = time.monotonic() + 1
    with siege(target.server, target.code) as seen:
        while time.monotonic() < end or sent < 3 * len(BAD) or not seen.is_enough:
            for data in BAD.values():
                with Wire(target.server.port) as wire:
                    wire.send(data)
                    assert wire.response().status == 400
                sent += 1
    assert target.figure("shortd_malformed_requests_total") == sent
    assert seen.held < 0.25
    assert target.server.stop() == 0
    log = target.server.log[before:]
    assert len(log) < MOST_LOG_BYTES
    told = [line for line in lines(log) if line["event"] == "malformed_requests"]
    assert sum(int(str(line["number"])) for line in told) == sent
    assert {line["address"] for line in told} == {"127.0.0.1"}
    # One when it begins, one for what came until the end.
    kinds = [line["kind"] for line in told]
    assert all(kinds.count(kind) <= 2 for kind in kinds)


def test_a_flood_of_what_is_refused(launch: Launch) -> None:
    target = Target(launch())
    before = len(target.server.log)
    end = time.monotonic() + 1
    with Wire(target.server.port) as wire:
        while time.monotonic() < end:
            for data in ODD.values():
                assert wire.ask(data).status < 500
    assert len(target.server.log) - before < MOST_LOG_BYTES
    assert target.figure("shortd_malformed_requests_total") == 0
