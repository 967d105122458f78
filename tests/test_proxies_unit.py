"""Which address a request comes from: only proxies that are trusted may say."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.proxies import Proxies

PROXIES = Proxies(["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody is believed who is no proxy.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", "", "203.0.113.9"),
        ("", "198.51.100.1", ""),
        # One proxy, and a chain of them.
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", " 198.51.100.1 ", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.2.3.4,192.0.2.7", "198.51.100.1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        # What stands left of the first stranger is his own claim.
        ("10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "127.0.0.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        # All of them proxies: the farthest; a visitor inside the trusted network.
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        # Rubbish ends the chain.
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, _hidden, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", ",", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, ", "10.0.0.1"),
        # One address, however it is spelled.
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy(
    peer: str, forwarded: str, client: str
) -> None:
    assert PROXIES.client_address(peer, forwarded) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert Proxies([]).client_address("127.0.0.1", "198.51.100.1") == "127.0.0.1"


def test_every_header_line_counts_in_order() -> None:
    headers = [
        (b"x-forwarded-for", b"198.51.100.1"),
        (b"x-real-ip", b"198.51.100.9"),
        (b"x-forwarded-for", b"198.51.100.2, 10.0.0.2"),
    ]
    assert PROXIES.of_headers("10.0.0.1", headers) == "198.51.100.2"
    assert PROXIES.of_headers("10.0.0.1", headers[:2]) == "198.51.100.1"
    assert PROXIES.of_headers("203.0.113.9", headers) == "203.0.113.9"


addresses = st.ip_addresses().map(str) | st.ip_addresses(network="10.0.0.0/8").map(str)
chains = st.lists(addresses | st.text(max_size=10), max_size=6).map(",".join)


@given(addresses, chains)
def test_a_client_is_never_a_proxy_while_a_stranger_stands_behind_it(peer: str, chain: str) -> None:
    client = PROXIES.client_address(peer, chain)
    hops = [peer, *(hop.strip() for hop in reversed(chain.split(",")))]
    seen = []
    for hop in hops:
        try:
            address = ip_address(hop)
        except ValueError:
            break
        mapped = getattr(address, "ipv4_mapped", None)
        seen.append(address if mapped is None else mapped)
        networks = [ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.0.2.7/32")]
        if not any(seen[-1] in network for network in networks):
            break
    assert client == (peer if len(seen) == 1 else str(seen[-1]))


@given(st.text(max_size=200))
def test_a_stranger_changes_nothing_whatever_he_sends(chain: str) -> None:
    assert PROXIES.client_address("203.0.113.9", chain) == "203.0.113.9"


def test_a_long_chain_is_read_as_a_short_one_is() -> None:
    chain = "198.51.100.1," * 1000 + "198.51.100.2" + ",10.0.0.2" * 1000
    assert PROXIES.client_address("10.0.0.1", chain) == "198.51.100.2"
