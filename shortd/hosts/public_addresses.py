"""Which addresses belong to the public internet, and to nobody's own network.

Python's tables differ between versions and call global what leads elsewhere (multicast, and the
IPv6 addresses that carry an IPv4 one), so this asks for more.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_UNICAST = IPv6Network("2000::/3")
"""All that is handed out of IPv6 (RFC 4291 2.4): no mapped, translated, local or multicast one."""
_SPECIAL_4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("240.0.0.0/4"),  # reserved
)
_SPECIAL_6 = (
    IPv6Network("2001::/23"),  # protocol assignments; Teredo, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # documentation
)


def is_public(address: str) -> bool:
    """Whether an IPv4 or IPv6 address is a public unicast one; False for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _SPECIAL_4)
    return (
        parsed.scope_id is None
        and parsed in _UNICAST
        and not any(parsed in network for network in _SPECIAL_6)
    )
