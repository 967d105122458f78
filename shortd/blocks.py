"""Blocks of addresses: whom to count as one client, however many addresses he has.

An IPv4 address stands for itself. Of IPv6 a machine has a /64 to itself, a home mostly a /56 and a
company a /48 (RFC 6177), so whoever has one of these has all addresses in it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

PREFIXES = (64, 56, 48)
"""Bits of the blocks that an IPv6 address counts for."""
UNKNOWN = "unknown"
REMEMBERED = 1024
"""Addresses whose blocks are remembered: who calls, calls again. Some 400 bytes each at most."""
_LONGEST = 64
"""Characters of one of them: zones (RFC 4007) can be of any length."""


def blocks(address: str) -> tuple[str, ...]:
    """The blocks of an address, the narrowest first: one of IPv4, three of IPv6.

    An IPv4-mapped IPv6 address counts as its IPv4 address, and what is no address as "unknown".
    """
    return _remembered(address) if len(address) <= _LONGEST else _found(address)


def _found(address: str) -> tuple[str, ...]:
    try:
        ip = ip_address(address)
    except ValueError:
        return (UNKNOWN,)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, IPv4Address):
        return (str(ip),)
    return tuple(_network(ip, bits) for bits in PREFIXES)


_remembered = lru_cache(maxsize=REMEMBERED)(_found)


def block(address: str) -> str:
    """The narrowest block of an address."""
    return blocks(address)[0]


HASH_BYTES = 16


class BlockHashes:
    """What is stored in the place of addresses, from which nobody without the key learns them."""

    def __init__(self, key: bytes) -> None:
        self._hash = hashlib.blake2b(digest_size=HASH_BYTES, key=key)

    def of(self, name: str) -> bytes:
        """The hash of a block, `HASH_BYTES` long."""
        keyed = self._hash.copy()
        keyed.update(name.encode("utf-8", "surrogatepass"))
        return keyed.digest()


def _network(ip: IPv6Address, bits: int) -> str:
    host = 128 - bits
    return f"{IPv6Address(int(ip) >> host << host)}/{bits}"
