"""Connections of one client: a block of addresses has a part of all, its wider blocks twice, four
times as much.
"""

from __future__ import annotations

import pytest

from shortd.server.connections import Connections
from shortd.settings import ServerSettings

PROXY = "203.0.113.99"


@pytest.fixture
def connections() -> Connections:
    bounds = ServerSettings(client_connections=10)
    return Connections(bounds, 1000, speaks_for_many=lambda peer: peer == PROXY)


def let_in(connections: Connections, address: str, count: int = 100) -> int:
    """How many of so many were; the others leave again."""
    number = 0
    for _ in range(count):
        if connections.admit(address):
            number += 1
        else:
            connections.leave(address)
    return number


def test_an_address(connections: Connections) -> None:
    assert let_in(connections, "203.0.113.1") == 10
    assert let_in(connections, "::ffff:203.0.113.1", 1) == 0
    assert let_in(connections, "203.0.113.2") == 10
    assert connections.refused == 181


def test_a_proxy_and_a_unix_socket(connections: Connections) -> None:
    assert let_in(connections, PROXY) == 100
    assert let_in(connections, "") == 100


def test_blocks_of_ipv6(connections: Connections) -> None:
    for count, prefix in ((10, "0:0"), (10, "0:1"), (0, "0:2"), (10, "0:100"), (10, "0:200")):
        assert let_in(connections, f"2001:db8:{prefix}::1", 10) == count, prefix
    assert let_in(connections, "2001:db8:0:300::1", 1) == 0
    assert let_in(connections, "2001:db8:1::1") == 10


def test_who_leaves_makes_room(connections: Connections) -> None:
    for address in ("203.0.113.1", "2001:db8::1", PROXY):
        for _ in range(3):
            for _ in range(let_in(connections, address, 20)):
                connections.leave(address)
        assert let_in(connections, address, 10) == 10
    assert connections.open == 30


@pytest.mark.parametrize(("most", "share"), [(1000, 10), (12, 6), (1, 1)])
def test_never_more_than_half_of_all(most: int, share: int) -> None:
    bounds = ServerSettings(client_connections=10)
    connections = Connections(bounds, most, speaks_for_many=lambda peer: False)
    assert let_in(connections, "203.0.113.1", 50) == share
