"""Networks of addresses, to be looked for in one step however many they are.

An IPv4 address within IPv6 (`::ffff:192.0.2.1`) is that IPv4 address, on both sides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

from shortd.plugin import BadData

_MAPPED = 96
"""Bits before an IPv4 address within IPv6."""


class Networks:
    """Some networks."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._ranges = {
            4: _ranges(list(collapse_addresses(n for n in networks if isinstance(n, IPv4Network)))),
            6: _ranges(list(collapse_addresses(n for n in networks if isinstance(n, IPv6Network)))),
        }

    def has(self, address: str) -> bool:
        """Whether an address is in one of them; what is no address is in none."""
        known = number_of(address)
        if known is None:
            return False
        version, number = known
        begins, ends = self._ranges[version]
        place = bisect_right(begins, number)
        return place > 0 and number <= ends[place - 1]


def read_network(text: str) -> IPv4Network | IPv6Network:
    """An address, or a network in CIDR notation, whose other bits do not matter. ValueError."""
    # A zone is a matter of one machine, and no netmask is a prefix.
    if "%" in text or (not text.rpartition("/")[2].isalnum() and "/" in text):
        raise ValueError(text)
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED))
    return network


def networks_of(texts: Sequence[str]) -> Networks:
    """BadData, with the place of the one that is none."""
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(read_network(text))
        except ValueError:
            raise BadData(
                "Write an IP address, or a network like 192.0.2.0/24.", f"[{place}]"
            ) from None
    return Networks(found)


@lru_cache(maxsize=2048)
def number_of(address: str) -> tuple[int, int] | None:
    """The version of an address and the address as a number; None if it is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.version, int(parsed)


def _ranges(
    networks: Sequence[IPv4Network | IPv6Network],
) -> tuple[Sequence[int], Sequence[int]]:
    """First and last addresses, in order; none overlap."""
    ranked = sorted((int(one.network_address), int(one.broadcast_address)) for one in networks)
    return [begin for begin, _ in ranked], [end for _, end in ranked]
