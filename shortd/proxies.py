"""The client's address, as far as it can be believed.

X-Forwarded-For counts only when the connection itself comes from a configured proxy, and
only back to the first hop that is none: anything further left is the client's own claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class Proxies:
    """The trusted proxies of `[server] trusted_proxies`, given as CIDRs."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks = [ip_network(network, strict=False) for network in trusted]
        # Of addresses alone: a cache of header values would be the clients' to fill.
        self._is_trusted = lru_cache(maxsize=4096)(self._lies_in_a_network)

    def of_headers(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The same from a request's headers; every X-Forwarded-For line counts, in order."""
        lines = [value for name, value in headers if name == b"x-forwarded-for"]
        return self.client_address(peer, b",".join(lines).decode("latin-1"))

    def client_address(self, peer: str, forwarded_for: str) -> str:
        """The nearest address that is not a trusted proxy. "" if the peer has none."""
        if not self._networks or not forwarded_for or not self._is_trusted(peer):
            return peer
        client = peer
        for hop in reversed(forwarded_for.split(",")):
            address = _parse(hop.strip())
            if address is None:
                return client
            client = str(address)
            if not self._is_trusted(client):
                return client
        return client

    def _lies_in_a_network(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self._networks)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address
