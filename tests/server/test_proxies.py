"""Whose address counts: X-Forwarded-For is believed from trusted proxies alone.

Seen from outside: the bucket of a client address holds two calls, so a third is refused unless
it comes from somewhere else.
"""

from __future__ import annotations

import json

import pytest

from tests.server.conftest import Launch
from tests.server.wire import Wire, call

POOR = {
    "SHORTD_LIMITS__CLIENT__API_CAPACITY": "2000",
    "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "0",
}
BEHIND_PROXIES = {**POOR, "SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8,fd00::/8"}


class Callers:
    """Makes calls that only the client address pays for, with headers of one's choice."""

    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, *forwarded_for: str) -> bool:
        """Whether a call with these X-Forwarded-For lines still had its weight."""
        lines = [f"X-Forwarded-For: {line}" for line in forwarded_for]
        with Wire(self._port) as wire:
            response = wire.ask(call("temporary_account", *lines))
        assert response.status in (200, 429)
        return response.status == 200

    def exhaust(self, *forwarded_for: str) -> None:
        assert [self.call(*forwarded_for) for _ in range(3)] == [True, True, False]


@pytest.fixture
def alone(launch: Launch) -> Callers:
    return Callers(launch(POOR).port)


@pytest.fixture
def behind(launch: Launch) -> Callers:
    return Callers(launch(BEHIND_PROXIES).port)


def test_without_proxies_the_header_is_ignored(alone: Callers) -> None:
    alone.exhaust()
    assert not alone.call("203.0.113.1")
    assert not alone.call("203.0.113.2, 127.0.0.1")


def test_an_untrusted_peer_is_not_believed(launch: Launch) -> None:
    callers = Callers(launch({**POOR, "SHORTD_SERVER__TRUSTED_PROXIES": "10.0.0.0/8"}).port)
    callers.exhaust("203.0.113.1")
    assert not callers.call("203.0.113.2")
    assert not callers.call()


def test_the_right_most_untrusted_address_counts(behind: Callers) -> None:
    behind.exhaust("203.0.113.1")
    assert behind.call("203.0.113.2"), "another client"
    assert not behind.call("198.51.100.1, 203.0.113.1"), "what a client claims changes nothing"
    assert not behind.call("203.0.113.2, 203.0.113.1, 10.1.2.3, 127.0.0.9"), "proxies are passed"
    assert not behind.call("198.51.100.1", "203.0.113.1 , 10.1.2.3"), "lines are one list"
    assert not behind.call("203.0.113.1", "10.1.2.3"), "lines are one list"
    assert behind.call("203.0.113.1, 203.0.113.2"), "the second of another client"


def test_ipv6_counts_by_its_network_and_ipv4_in_ipv6_as_ipv4(behind: Callers) -> None:
    behind.exhaust("2001:db8:1:2::1")
    assert not behind.call("2001:DB8:1:2:ffff::9, fd00::1")
    assert behind.call("2001:db8:1:3::1")
    behind.exhaust("203.0.113.1")
    assert not behind.call("::ffff:203.0.113.1")
    assert not behind.call("203.0.113.1, ::ffff:10.0.0.1")


def test_all_hops_trusted_means_the_first(behind: Callers) -> None:
    behind.exhaust("10.0.0.1, 10.0.0.2")
    assert not behind.call("10.0.0.1")
    assert behind.call("10.0.0.2")


def test_an_address_counts_however_the_proxy_spells_it(behind: Callers) -> None:
    behind.exhaust("203.0.113.1:51234")
    for line in (
        "203.0.113.1",
        "203.0.113.1:80,",
        '"203.0.113.1:443", 127.0.0.9:81',
        "203.0.113.1, ,",
    ):
        assert not behind.call(line), line
    assert behind.call("203.0.113.2:51234"), "another visitor of the same proxy"
    behind.exhaust("[2001:db8:5::1]:443")
    assert not behind.call("2001:db8:5::1%eth0")
    assert behind.call("[2001:db8:6::1]:443")


def test_the_log_names_a_proxy_that_makes_all_visitors_one(launch: Launch) -> None:
    server = launch({**POOR, "SHORTD_SERVER__TRUSTED_PROXIES": "10.0.0.0/8"})
    for _ in range(3):
        Callers(server.port).call("203.0.113.1")
    [ignored] = [json.loads(line) for line in server.log.splitlines() if "forwarded_for" in line]
    assert (ignored["event"], ignored["peer"]) == ("forwarded_for_ignored", "127.0.0.1")
    server = launch({**POOR, "SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.0/8"})
    for line in ("203.0.113.1", "unknown", "hidden"):
        Callers(server.port).call(line)
    [unread] = [json.loads(line) for line in server.log.splitlines() if "forwarded_for" in line]
    assert (unread["event"], unread["proxy"]) == ("forwarded_for_unreadable", "127.0.0.1")
    assert unread["element"] == "'unknown'"


def test_garbage_is_nobodys_address(behind: Callers) -> None:
    garbage = ["unknown", "203.0.113.1:http", "", ",", "1.2.3", "\xe4\xf6", "x" * 3000, "[::1"]
    behind.exhaust(garbage[0])
    for line in garbage[1:]:
        assert not behind.call(line), line
    assert not behind.call(), "what cannot be read counts as the proxy itself"
    assert behind.call("203.0.113.1"), "and takes nothing from others"
    assert behind.call("unknown, 203.0.113.1"), "nor does garbage in front"
    assert not behind.call("203.0.113.5, unknown")
