"""Which address a request comes from: only proxies that are trusted may say."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shortd.visitors.proxies import Proxies

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
        ("10.0.0.1", "198.51.100.1:x", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:80:80", "10.0.0.1"),
        ("10.0.0.1", "[198.51.100.1", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1%eth0", "10.0.0.1"),
        # Elements of a list that are empty are none.
        ("10.0.0.1", "198.51.100.1, ", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1,, ,10.0.0.2,", "198.51.100.1"),
        # Ports, brackets, quotes, zones.
        ("10.0.0.1", "198.51.100.1:51234", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:51234, 10.0.0.2:443", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:_obfuscated", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.1", '"[2001:db8::7]:443"', "2001:db8::7"),
        ("10.0.0.1", '"198.51.100.1:80", "[fd00::2]"', "198.51.100.1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "[fe80::1%25eth0]:80", "fe80::1"),
        ("10.0.0.1", "[::ffff:198.51.100.1]:80", "198.51.100.1"),
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
chains = st.lists(addresses | st.text("unknow_. \t", max_size=10), max_size=6)


@given(addresses, chains)
def test_a_client_is_never_a_proxy_while_a_stranger_stands_behind_it(
    peer: str, chain: list[str]
) -> None:
    client = PROXIES.client_address(peer, ",".join(chain))
    hops = [peer, *(hop.strip() for hop in reversed(chain))]
    seen = []
    for hop in filter(None, hops):
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


@given(st.lists(st.ip_addresses(), min_size=1, max_size=5), st.data())
def test_every_spelling_of_a_chain_is_that_chain(
    chain: list[IPv4Address | IPv6Address], data: st.DataObject
) -> None:
    def spelled(address: IPv4Address | IPv6Address) -> str:
        port = data.draw(st.sampled_from(["", ":1", ":65535", ":_hidden"]))
        bracketed = f"[{address}]{port}" if address.version == 6 else f"{address}{port}"
        ways = [str(address), bracketed, f'"{bracketed}"', f" {bracketed}\t", f"{bracketed}, ,"]
        return data.draw(st.sampled_from(ways))

    written = ",".join(map(spelled, chain))
    assert PROXIES.client_address("10.0.0.1", written) == PROXIES.client_address(
        "10.0.0.1", ",".join(map(str, chain))
    )


def test_a_proxy_that_nobody_can_read_is_told_once() -> None:
    proxies = Proxies(["10.0.0.0/8"])
    with capture_logs() as told:
        for number in range(3):
            assert proxies.client_address("10.0.0.1", f"198.51.100.{number}") != "10.0.0.1"
        assert told == []
        for number in range(3):
            proxies.client_address(f"10.0.0.{number}", "198.51.100.1, \x1b[2J" + "x" * 500)
    [line] = told
    assert (line["log_level"], line["event"]) == ("warning", "forwarded_for_unreadable")
    assert line["proxy"] == "10.0.0.0"
    assert line["element"].startswith("'\\x1b[2Jxxx")
    assert len(line["element"]) < 100


def test_one_that_is_not_trusted_is_told_once_whoever_else_sends_the_header() -> None:
    proxies = Proxies([])
    with capture_logs() as told:
        proxies.client_address("127.0.0.1", "")
        assert told == []
        for number in range(3):
            proxies.client_address(f"8.8.8.{number}", "198.51.100.1")
        for number in range(3):
            proxies.client_address(f"172.17.0.{number}", "198.51.100.1")
    assert [(line["event"], line["peer"]) for line in told] == [
        ("forwarded_for_ignored", "8.8.8.0"),
        ("forwarded_for_ignored", "172.17.0.0"),
    ]
    assert "trusted_proxies" in told[0]["hint"]


@given(st.text(max_size=200))
def test_a_stranger_changes_nothing_whatever_he_sends(chain: str) -> None:
    assert PROXIES.client_address("203.0.113.9", chain) == "203.0.113.9"


def test_a_long_chain_is_read_as_a_short_one_is() -> None:
    chain = "198.51.100.1," * 1000 + "198.51.100.2" + ",10.0.0.2" * 1000
    assert PROXIES.client_address("10.0.0.1", chain) == "198.51.100.2"
