"""More clients than the system has descriptors for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.attacks.siege import MIB, Siege, Target
from tests.server.conftest import Launch
from tests.server.wire import HOST, Wire, call, request
from tests.server_process import PLAIN
from tests.sharing.sharing import FORM_TYPE, file_form, wait_for

FEW = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
"""
SIZE = 8 * MIB


@pytest.fixture
def target(launch: Launch) -> Iterator[Target]:
    """A server that may not have many."""
    environ = {"SHORTD_CLICKS__SYNC_MS": "20", "SHORTD_SERVER__KEEP_ALIVE_SECONDS": "600"}
    server = launch(environ, prelude=FEW.format(soft=200, hard=256))
    yield Target(server)
    assert '"level": "error"' not in server.log


def crowd(target: Target, people: ExitStack) -> list[Wire]:
    """As many connections as the server takes."""
    most = int(target.figure("shortd_connections_limit"))
    wires = [people.enter_context(Wire(target.server.port)) for _ in range(most)]
    assert all(wire.ask(request("/robots.txt")).status == 200 for wire in wires)
    return wires


def connections(target: Target) -> float:
    """How many there are; too many as long as nobody is let in to ask."""
    try:
        return target.figure("shortd_connections")
    except ConnectionError:
        return float("inf")


def test_the_limit_is_raised(target: Target) -> None:
    assert target.figure("process_max_fds") == 256
    assert 50 < target.figure("shortd_connections_limit") < (256 - 64) / 2


def test_who_is_connected_is_served(target: Target) -> None:
    seen = Siege(target.server, b"")
    query = {"userid": target.userid, "filename": "film", "filesize": SIZE}
    body = file_form(query, bytes(SIZE))
    made = httpx.post(
        f"{target.server.url}/v2/file",
        content=body,
        headers={"content-type": FORM_TYPE},
        verify=PLAIN,
    )
    film = made.json()["output"]["entry"]["shorturl"].rpartition("/")[2]
    with ExitStack() as people:
        wires = crowd(target, people)
        for _ in range(200):
            # Nobody else is let in, however many try.
            late = socket.create_connection((HOST, target.server.port))
            late.settimeout(60)
            with late:
                try:
                    assert late.recv(1) == b""
                except ConnectionError:
                    continue
        for _ in range(3):
            assert {wire.ask(request(f"/{target.code}")).status for wire in wires} == {302}
        made_now = wires[0].ask(call("url", userid=target.userid, url="https://example.com/"))
        assert made_now.status == 200
        # Each of them may have a file, all at once, though nobody reads.
        addresses = [wire.ask(request(f"/{film}")).headers["location"] for wire in wires]
        for wire, address in zip(wires, addresses, strict=True):
            wire.send(request(address))
        wait_for(lambda: seen.descriptors >= 2 * len(wires))
        assert seen.descriptors <= 256 - 32
        for wire in wires:
            assert wire.response().status == 200
        figures = wires[0].ask(request("/-/metrics")).body.decode()
        entry = wires[1].ask(
            call("get_entry", userid=target.userid, shorturl=f"{target.server.url}/{target.code}")
        )
        assert entry.json["output"]["entry"]["count"] == 3 * len(wires)
    assert "shortd_connections_refused_total 200.0" in figures
    assert "shortd_journal_dropped_total 0.0" in figures
    # And whoever comes when they have left is served again.
    wait_for(lambda: seen.descriptors < 100)
    assert target.clicks(target.code) == 3 * len(wires)


def test_a_rush_at_the_door(target: Target) -> None:
    """More at once than there are descriptors: the journal has its own all the same."""
    with ExitStack() as people:
        wires = crowd(target, people)
        for _ in range(5):
            rush = [socket.socket() for _ in range(400)]
            for one in rush:
                one.setblocking(False)
                one.connect_ex((HOST, target.server.port))
            assert {wire.ask(request(f"/{target.code}")).status for wire in wires} == {302}
            for one in rush:
                one.close()
        clicks = 5 * len(wires)
    wait_for(lambda: connections(target) < 10)
    assert target.clicks(target.code) == clicks
    assert target.figure("shortd_journal_faults_total") == 0


def test_one_client_leaves_room_for_others(launch: Launch) -> None:
    """Where the proxies are known, any other address has a part of all connections."""
    environ = {
        "SHORTD_SERVER__TRUSTED_PROXIES": '["127.0.0.2"]',
        "SHORTD_SERVER__CLIENT_CONNECTIONS": "20",
    }
    target = Target(launch(environ))

    def crowd_from(address: str, people: ExitStack) -> list[socket.socket]:
        """Those of forty connections that were let in."""
        let_in = []
        for _ in range(40):
            client = socket.create_connection(
                (HOST, target.server.port), timeout=60, source_address=(address, 0)
            )
            people.enter_context(client)
            try:
                client.sendall(request(f"/{target.code}"))
                if client.recv(1):
                    let_in.append(client)
            except ConnectionError:
                continue
        return let_in

    wait_for(lambda: target.figure("shortd_connections") == 1)
    with ExitStack() as people:
        assert len(crowd_from("127.0.0.3", people)) == 20
        assert len(crowd_from("127.0.0.4", people)) == 20
        assert len(crowd_from("127.0.0.2", people)) == 40
        assert target.figure("shortd_connections_refused_total") == 40
    wait_for(lambda: target.figure("shortd_connections") == 1)
    with ExitStack() as people:
        assert len(crowd_from("127.0.0.3", people)) == 20
