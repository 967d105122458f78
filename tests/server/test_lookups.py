"""Trying codes through, on a real server: both lanes tell as little, visitors notice nothing."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.server.conftest import running
from tests.server.wire import Wire, request
from tests.server_process import ServerProcess

MISSES = 600
SLOWLY = {"SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "1"}
"""Nothing comes back while a test runs: a miss takes 200 s."""


@pytest.fixture(params=["true", "false"], ids=["lane", "pages"])
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("lookups")
    environ = {**SLOWLY, "SHORTD_SERVER__FAST_LANE": request.param}
    with running(ServerProcess(folder / "data", environ)) as server:
        userid = server.call("temporary_account")["userid"]
        server.call("url", userid=userid, url="https://target.example/", code="isthere")
        yield server


def statuses(server: ServerProcess, *requests: bytes, address: str = "127.0.0.1") -> list[int]:
    """Of requests that are pipelined on one connection."""
    where = ("127.0.0.1", server.port)
    with socket.create_connection(where, timeout=60, source_address=(address, 0)) as connection:
        connection.sendall(b"".join(requests) + request("/robots.txt", "Connection: close"))
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)][:-1]


def test_three_thousand_misses(server: ServerProcess) -> None:
    hit = request("/isthere")
    misses = [request(f"/no{number}", method=("GET", "HEAD")[number % 2]) for number in range(3000)]
    answered = statuses(server, *misses, hit, request("/isthere", method="HEAD"), hit)
    assert Counter(answered) == {404: MISSES, 429: 3000 - MISSES + 3}
    assert answered[-3:] == [429] * 3
    # Somebody else visits as ever. So many at a time as the system keeps for who reads later.
    for _ in range(10):
        assert statuses(server, *[hit] * 2000, address="127.0.0.2") == [302] * 2000


def test_refusals_are_alike_and_say_how_long(server: ServerProcess) -> None:
    statuses(server, *[request("/nothere")] * MISSES)
    with Wire(server.port) as wire:
        for accept in ("text/html", "*/*"):
            for method in ("GET", "HEAD"):
                answers = []
                for code in ("isthere", "nothere", "isthere+"):
                    asked = request(f"/{code}", f"Accept: {accept}", method=method)
                    wire.send(asked)
                    answers.append(wire.response(head_only=method == "HEAD"))
                for status, headers, body in answers:
                    headers.pop("date")
                    wait = headers.pop("retry-after")
                    assert (status, 1 <= int(wait) <= 200) == (429, True)
                    assert not body or b"wait" in body
                kinds = {(headers["content-type"], headers["vary"]) for _, headers, _ in answers}
                assert len(kinds) == 1
    metrics = httpx.get(f"{server.url}/-/metrics").text
    assert 'shortd_limiter_refusals_total{bucket="lookup"}' in metrics
