"""What is kept in memory of what strangers make and ask for: bounded in bytes, not in numbers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.attacks.siege import MIB, Target, siege
from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.wire import HOST, Wire, call, request
from tests.server_process import ServerProcess
from tests.sharing.sharing import wait_for

BOUND = 64 * MIB
LINKS = 9_000
"""To 8 kB each: more than the bound."""
LONG = "https://example.com/" + "x" * 8000
VISITS = 9_000
TOGETHER = 16
"""Requests that are sent ahead of their answers."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    environ = {
        **GENEROUS,
        "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "9000000000000",
    }
    folder = tmp_path_factory.mktemp("hoard")
    with running(ServerProcess(folder / "data", environ)) as server:
        yield Target(server)


@pytest.fixture(scope="module")
def codes(target: Target) -> list[str]:
    """Of links with long destinations."""
    codes = []
    for _ in range(LINKS // 450):
        made = target.server.call("urls", userid=target.userid, urls=[LONG] * 450)
        codes += [entry["shorturl"].rpartition("/")[2] for entry in made["entries"]]
    return codes


def ask_all(port: int, requests: list[bytes]) -> set[int]:
    """The statuses of the answers."""
    statuses = set()
    with Wire(port, timeout=120) as wire:
        for start in range(0, len(requests), TOGETHER):
            some = requests[start : start + TOGETHER]
            wire.send(b"".join(some))
            statuses |= {wire.response().status for _ in some}
    return statuses


@pytest.mark.slow
def test_redirects_to_long_destinations(target: Target, codes: list[str]) -> None:
    with siege(target.server, target.code) as seen:
        for _ in range(3):
            assert ask_all(target.server.port, [request(f"/{code}") for code in codes]) == {302}
    assert seen.growth < BOUND


@pytest.mark.slow
def test_ever_new_headers(target: Target) -> None:
    def visit(number: int) -> bytes:
        mark = f"{number:08}"
        return request(
            f"/{target.code}",
            f"User-Agent: {mark}{'u' * 500}",
            f"Referer: https://{mark}.example/{'r' * 900}",
            f"Accept-Language: {mark}-{'l' * 60}",
            f"X-Other: {mark}{'o' * 200}",
        )

    with siege(target.server, target.code) as seen:
        assert ask_all(target.server.port, [visit(number) for number in range(VISITS)]) == {302}
    assert seen.growth < BOUND


@pytest.mark.slow
def test_lists_that_nobody_reads(target: Target, codes: list[str]) -> None:
    query = {"type": "get_entries", "input": {"userid": target.userid, "count": 1000}}
    data = call("multi", call_queries=[query] * 10)
    clients = []
    try:
        with siege(target.server, target.code) as seen:
            for _ in range(6):
                client = socket.socket()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.settimeout(60)
                client.connect((HOST, target.server.port))
                clients.append(client)
                client.send(data)
                assert client.recv(100)
            wait_for(lambda: seen.is_enough)
        assert seen.growth < BOUND
        assert seen.held < 0.5
    finally:
        for client in clients:
            client.close()
