"""Clients that ask and never read: whatever they are sent, they are given up."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.attacks.siege import MIB, SECONDS, Siege, Target
from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.wire import HOST, call, request
from tests.server_process import PLAIN, ServerProcess
from tests.sharing.sharing import FORM_TYPE, file_form, wait_for

SEND_SECONDS = 8.0
"""Longer than this process may be held up, which is deaf itself meanwhile."""
STOP_SECONDS = 2.0
SLACK = 20
"""Connections are looked through once a second, and this machine may be busy."""
GIVEN_UP = 'shortd_connections_closed_total{reason="answer"}'
SIZE = 32 * MIB


class Deaf:
    """A client with next to no room for what it is sent."""

    def __init__(self, port: int, data: bytes) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((HOST, port))
        self.socket.settimeout(60)
        self.socket.setblocking(False)
        self.socket.send(data)
        self.socket.settimeout(60)

    def was_given_up(self) -> bool:
        """Reads at last: whether that ends in anything but the rest of the answer."""
        received = 0
        try:
            while chunk := self.socket.recv(1 << 20):
                received += len(chunk)
        except ConnectionError:
            return True
        return received < SIZE


@contextmanager
def deaf_clients(port: int, requests: Iterable[bytes]) -> Iterator[list[Deaf]]:
    """One for each of these requests, whose answers have begun."""
    clients: list[Deaf] = []
    try:
        clients += [Deaf(port, data) for data in requests]
        for client in clients:
            assert client.socket.recv(100)
        yield clients
    finally:
        for client in clients:
            client.socket.close()


class Library(Target):
    """A target with a file, many links, and no patience."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(server)
        query = {"userid": self.userid, "filename": "film", "filesize": SIZE}
        body = file_form(query, bytes(SIZE))
        headers = {"content-type": FORM_TYPE}
        made = httpx.post(f"{server.url}/v2/file", content=body, headers=headers, verify=PLAIN)
        self.film = made.json()["output"]["entry"]["shorturl"]
        self.long = self.shorten("https://example.com/" + "x" * 8000)
        urls = ["https://example.com/" + "x" * 8000] * 400
        server.call("urls", userid=self.userid, urls=urls)

    def file_address(self) -> str:
        """A signed address of the file, fit for a request's first line."""
        location = httpx.get(self.film, verify=PLAIN).headers["location"]
        return str(httpx.URL(location).raw_path.decode())

    def answers(self) -> dict[str, bytes]:
        """Requests whose answers are far larger than the kernel keeps for a client."""
        film, close = self.file_address(), "Connection: close"
        ranges = ",".join(f"{n * 3 * MIB}-{n * 3 * MIB + 2 * MIB}" for n in range(10))
        entries = call("get_entries", userid=self.userid, count=1000)
        inner = [{"type": "get_entries", "input": {"userid": self.userid, "count": 1000}}] * 3
        return {
            "file": request(film),
            "file, then close": request(film, close),
            "range": request(film, "Range: bytes=1000-"),
            "ranges": request(film, f"Range: bytes={ranges}"),
            "file and more": request(film) + request("/-/health") * 10 + request(film),
            "lists": entries * 8,
            "list, then close": call("get_entries", close, userid=self.userid, count=1000),
            "multi": call("multi", call_queries=inner),
            "redirects": request(f"/{self.long}") * 5000,
            "pages": request("/-/docs") * 200,
        }


@pytest.fixture(scope="module", params=["true", "false"], ids=["lane", "pages"])
def library(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("library")
    environ = {
        **GENEROUS,
        "SHORTD_SERVER__FAST_LANE": request.param,
        "SHORTD_SERVER__SEND_SECONDS": str(SEND_SECONDS),
        "SHORTD_SERVER__STOP_SECONDS": str(STOP_SECONDS),
        "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "9000000000000",
    }
    with running(ServerProcess(folder / "data", environ)) as server:
        yield Library(server)


def wait_until_alone(library: Library) -> None:
    """Until nobody is connected but who asks."""
    started = time.monotonic()
    while library.figure("shortd_connections") > 1:
        assert time.monotonic() - started < SEND_SECONDS + SLACK
        time.sleep(0.2)


def test_whatever_is_sent(library: Library) -> None:
    seen = Siege(library.server, b"")
    wait_until_alone(library)
    before = seen.descriptors
    counted = library.figure(GIVEN_UP)
    answers = library.answers()
    started = time.monotonic()
    with deaf_clients(library.server.port, answers.values()) as deaf:
        wait_until_alone(library)
        assert time.monotonic() - started > SEND_SECONDS
        assert library.figure(GIVEN_UP) > counted
        wait_for(lambda: seen.descriptors <= before)
        for name, one in zip(answers, deaf, strict=True):
            assert one.was_given_up(), name


def test_who_reads_slowly_is_not_given_up(library: Library) -> None:
    """At 4 KB a second, and for longer than anybody may be deaf."""
    film = request(library.file_address())
    counted = library.figure(GIVEN_UP)
    with deaf_clients(library.server.port, [film, film]) as (slow, fallen):
        end = time.monotonic() + max(1.5 * SEND_SECONDS, SECONDS)
        received = 0
        while time.monotonic() < end or library.figure(GIVEN_UP) == counted:
            received += len(slow.socket.recv(1000))
            time.sleep(0.25)
        assert received > 10_000
        # Still the same answer, which is nothing but zeros.
        assert slow.socket.recv(1 << 20).strip(b"\0") == b""
        assert fallen.was_given_up()


def test_a_download_takes_two_descriptors(library: Library) -> None:
    seen = Siege(library.server, b"")
    wait_until_alone(library)
    before = seen.descriptors
    film = request(library.file_address())
    with deaf_clients(library.server.port, [film] * 40):
        # Who asked before may just have left, and a few may be at it just now.
        wait_for(lambda: seen.descriptors - before >= 2 * 40 - 2)
        assert max(seen.descriptors for _ in range(20)) - before <= 2 * 40 + 10
    wait_until_alone(library)
    wait_for(lambda: seen.descriptors <= before)


def test_a_stop_does_not_wait_for_them(library: Library) -> None:
    """Downloads can be resumed: the log has a line about it, and no fault."""
    with deaf_clients(library.server.port, library.answers().values()):
        started = time.monotonic()
        assert library.server.stop() == 0
        assert time.monotonic() - started < STOP_SECONDS + SLACK
    assert '"level": "error"' not in library.server.log
    assert re.search(r'"clients_cut_off": [1-9]', library.server.log)
    library.server.start()
