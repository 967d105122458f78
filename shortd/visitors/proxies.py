"""The client's address, as far as it can be believed.

X-Forwarded-For counts only when the connection itself comes from a configured proxy, and
only back to the first hop that is none: anything further left is the client's own claim.

A proxy that is not configured, or writes what nobody can read, makes all its visitors one: the log
says so, once for each, so that no client can fill it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import structlog

log = structlog.get_logger(__name__)

_HINT = "until then all visitors behind it count as one, for limits, throttles and unique clicks"
_PORT = re.compile(r"(?::(?:\d*|_[\w.-]+))?", re.ASCII)
_UNREADABLE = "unreadable"
TOLD_LENGTH = 64
"""Characters of a header that the log shows."""

FORWARDING = frozenset(
    {
        *(b"forwarded", b"via", b"x-forwarded", b"x-forwarded-for", b"x-forwarded-host"),
        *(b"x-forwarded-proto", b"x-forwarded-server", b"x-real-ip", b"x-client-ip"),
        *(b"cf-connecting-ip", b"true-client-ip"),
    }
)
"""Headers of proxies: with any of them a request comes through one."""

# Python calls more than these private, the addresses of examples among them.
_INSIDE = [
    ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10"),
    )
]


class Proxies:
    """The trusted proxies of `[server] trusted_proxies`, given as CIDRs."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks = [ip_network(network, strict=False) for network in trusted]
        # Of addresses alone: a cache of header values would be the clients' to fill.
        self._is_trusted = lru_cache(maxsize=4096)(self._lies_in_a_network)
        self._told_of = lru_cache(maxsize=4096)(_near_or_far)
        self._told: set[str] = set()
        self._is_inside = lru_cache(maxsize=4096)(_is_inside)

    def may_be_one(self, peer: str) -> bool:
        """Whether a peer that forwards is likely to be a proxy that nobody told us of: one on this
        machine or network, or on a Unix socket, while none is trusted at all.
        """
        return not self._networks and self._is_inside(peer)

    def speaks_for_many(self, peer: str) -> bool:
        """Whether a peer's connections are other people's: one of a trusted proxy, or of whoever is
        likely to be one.
        """
        return self.may_be_one(peer) or self._is_trusted(peer)

    def of_headers(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The same from a request's headers; every X-Forwarded-For line counts, in order."""
        lines = [value for name, value in headers if name == b"x-forwarded-for"]
        return self.client_address(peer, b",".join(lines).decode("latin-1")) if lines else peer

    def client_address(self, peer: str, forwarded_for: str) -> str:
        """The nearest address that is not a trusted proxy. "" if the peer has none."""
        if not forwarded_for:
            return peer
        if not self._networks or not self._is_trusted(peer):
            if self._told_of(peer) not in self._told:
                self._tell_untrusted(peer)
            return peer
        client = peer
        for hop in reversed(forwarded_for.split(",")):
            node = hop.strip()
            if not node:
                # An empty element of a list is none (RFC 9110 5.6.1.2).
                continue
            address = _parse_node(node)
            if address is None:
                self._tell_unreadable(client, node)
                return client
            client = str(address)
            if not self._is_trusted(client):
                return client
        return client

    def _lies_in_a_network(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self._networks)

    def _tell_untrusted(self, peer: str) -> None:
        self._told.add(self._told_of(peer))
        log.warning(
            "forwarded_for_ignored",
            peer=peer,
            hint=f"if this is your proxy, name it in [server] trusted_proxies: {_HINT}",
        )

    def _tell_unreadable(self, proxy: str, node: str) -> None:
        if _UNREADABLE in self._told:
            return
        self._told.add(_UNREADABLE)
        log.warning(
            "forwarded_for_unreadable",
            proxy=proxy,
            element=ascii(node[:TOLD_LENGTH]),
            hint=f"have this proxy write addresses into X-Forwarded-For: {_HINT}",
        )


def _near_or_far(peer: str) -> str:
    """Anybody may send the header; that it comes from our own network is another matter, and not
    to be kept quiet because a stranger was first.
    """
    address = _parse(peer)
    return "near" if address is None or address.is_private else "far"


def _parse_node(node: str) -> IPv4Address | IPv6Address | None:
    """A hop as proxies write it: an address, with or without a port, quoted or not (RFC 7239 6)."""
    if len(node) > 1 and node[0] == node[-1] == '"':
        node = node[1:-1]
    if node.startswith("["):
        host, bracket, port = node[1:].partition("]")
        is_whole = bracket and ":" in host
    elif node.count(":") > 1:
        host, port, is_whole = node, "", True
    else:
        host, colon, port = node.partition(":")
        port, is_whole = colon + port, True
    return _parse(host) if is_whole and _PORT.fullmatch(port) else None


def _is_inside(peer: str) -> bool:
    if not peer:
        return True
    address = _parse(peer)
    return address is not None and any(address in network for network in _INSIDE)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    if ":" in text:
        # A zone means something on the machine alone that wrote it.
        text = text.partition("%")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address
