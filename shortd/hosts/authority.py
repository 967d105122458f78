"""The host that a request names, in its Host header or its target (RFC 3986 3.2, RFC 9110 7.2).

Read by the WHATWG parser, as browsers read it: so one host has one name here however it is spelled.
What is no host is None; it must never be taken for some other one.
"""

from __future__ import annotations

import re
from functools import lru_cache

import ada_url

LONGEST = 300
"""Bytes of an authority: a name in the DNS has 253 at most."""

# Without user names, which no request may carry (RFC 9110 4.2.4), and without the signs that
# RFC 3986 would allow in a name and no name has.
_AUTHORITY = re.compile(
    r"(?P<host>\[(?P<address>[0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._~%-]+)?\]|[A-Za-z0-9._~%\x80-\U0010ffff-]+)"
    r"(?::(?P<port>[0-9]*))?"
)
_DEFAULT_PORTS = (80, 443)


def host_name(authority: bytes) -> str | None:
    """`host` or `host:port` in lower-case ASCII, without a default port or a final dot.

    None if it is no host that could be reached.
    """
    # What is too long is not kept either.
    return _host_name(authority) if len(authority) <= LONGEST else None


@lru_cache(maxsize=1024)
def _host_name(authority: bytes) -> str | None:
    try:
        match = _AUTHORITY.fullmatch(authority.decode())
    except UnicodeDecodeError:
        return None
    if match is None:
        return None
    # The zone of an address means something to its sender alone (RFC 6874 3).
    host = match["host"] if match["address"] is None else f"[{match['address']}]"
    try:
        name = ada_url.URL(f"http://{host}/").hostname
    except ValueError:
        return None
    name = name.removesuffix(".")
    if not name or "" in name.split("."):
        return None
    if not match["port"]:
        return name
    port = int(match["port"])
    if not 0 < port < 65536:
        return None
    return name if port in _DEFAULT_PORTS else f"{name}:{port}"
