"""Where a link may lead: one test for every place a destination can be set.

URLs are read by the WHATWG parser, which is what browsers do, so that what is checked
here is what a visitor's browser will make of the Location header. This module must never
let through a URL of another scheme, one with control characters, or one that leads back
to this server; nor a Location that is not printable ASCII.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote_plus

import ada_url
import msgspec

from shortd import errors

MAX_URL_BYTES = 8192
LONG_HOST = 300
"""Characters from which a host is not worth remembering: no name in the DNS is as long."""
UTM_NAMES = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

_AUTHORITY = re.compile(r"https?://(?P<authority>[^/?#]+)", re.IGNORECASE)
# Every character that RFC 3986 knows; all others must be percent-encoded on the wire.
_PLAIN = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# What hardly any link is not: of those characters alone, and with nothing in front of its host.
_ORDINARY = re.compile(
    r"(?i:https?)://(?P<authority>[A-Za-z0-9\-._~:\[\]!$&'()*+,;=%]+)"
    r"(?:[/?#][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?",
    re.ASCII,
)
_SPACE = re.compile(r"\s")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_QUERY_SAFE = "!$&'()*+,;=:@/?%-._~"
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"})


class Destination(msgspec.Struct, frozen=True, gc=False):
    """A checked destination."""

    url: str
    """As given, without surrounding white space."""
    location: str
    """The Location header: `url`, or the browser's ASCII spelling of it where they differ."""

    @property
    def ascii_url(self) -> str:
        """`location` where `url` itself cannot be one; else empty."""
        return "" if self.location == self.url else self.location


class OwnHosts(Collection[str]):
    """Names of hosts, as "host" or "host:port", found as quickly among thousands as among two."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._keys = {name: host_key(name) for name in names}
        self._known = set(self._keys.values())

    def add(self, name: str) -> None:
        self._keys[name] = host_key(name)
        self._known.add(host_key(name))

    def discard(self, name: str) -> None:
        self._keys.pop(name, None)
        self._known = set(self._keys.values())

    def has(self, key: tuple[str, str]) -> bool:
        """Whether one of them has this `host_key`."""
        return key in self._known

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def parse_destination(url: str, own_hosts: Collection[str], *, field: str = "url") -> Destination:
    """Checks `url` against NOTES "URLs". `own_hosts` are as `host_key` takes them.

    Raises INVALID_URL or URL_LOOPS, naming `field`.
    """
    url = url.strip()
    ordinary = _ORDINARY.fullmatch(url) if len(url) <= MAX_URL_BYTES else None
    if ordinary is None and (flaw := _flaw(url)) is not None:
        raise errors.INVALID_URL(flaw, field=field)
    authority = ordinary or _AUTHORITY.match(url)
    assert authority is not None, "else it were flawed"
    try:
        key = _read_host(authority[1])
        location = url if ordinary is not None else ada_url.URL(url).href
    except ValueError:
        raise errors.INVALID_URL("The URL's host or port is not valid.", field=field) from None
    if not key[0]:
        raise errors.INVALID_URL("The URL has no host.", field=field)
    known = own_hosts if isinstance(own_hosts, OwnHosts) else OwnHosts(own_hosts)
    if known.has(key):
        raise errors.URL_LOOPS(field=field)
    return Destination(url, location)


def with_query(location: str, query: bytes) -> str:
    """The destination with the visitor's query behind its own, in front of the fragment."""
    address, separator, fragment = location.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{quoted(query)}{separator}{fragment}"


def quoted(query: bytes) -> str:
    """A visitor's query, with everything escaped that could be no part of one."""
    return quote(query, safe=_QUERY_SAFE)


def with_utm(location: str, values: Sequence[str]) -> str:
    """A destination with campaign parameters, `values` being those of `UTM_NAMES`; empty ones
    are none. Parameters of the same name make way, all else stays as it is.
    """
    extra = {name: value for name, value in zip(UTM_NAMES, values, strict=True) if value}
    if not extra:
        return location
    rest, hash_mark, fragment = location.partition("#")
    address, _, query = rest.partition("?")
    kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in extra]
    added = [f"{name}={quote(value, safe='')}" for name, value in extra.items()]
    # An empty query is none, not one empty parameter.
    query = "&".join([*(kept if query else ()), *added])
    return f"{address}?{query}{hash_mark}{fragment}"


def ascii_location(url: str) -> str:
    """The Location header for a URL that `parse_destination` took."""
    return url if _PLAIN.fullmatch(url) else ada_url.URL(url).href


def host_key(host: str) -> tuple[str, str]:
    """(name, port) of a "host" or "host:port", the same for all that are one to a browser.

    The default ports of http and https count as none, a name's final dot as absent, an
    IPv4-mapped IPv6 address as the IPv4 one, and the names of this machine as one name.
    """
    try:
        return _read_host(host)
    except ValueError:
        # A name that no URL can carry: nothing leads there.
        return host, ""


def _read_host(host: str) -> tuple[str, str]:
    """`host_key`, but ValueError if no URL can carry it.

    Behind the host nothing can make a URL of ours invalid (WHATWG URL 4.4), and links come by the
    thousand for few hosts: so the host is all that is parsed, and once.
    """
    return _parse_host(host) if len(host) > LONG_HOST else _known_host(host)


def _parse_host(host: str) -> tuple[str, str]:
    parsed = ada_url.URL(f"http://{host}/")
    name, port = parsed.hostname.rstrip("."), parsed.port
    if name.startswith("["):
        address = ipaddress.IPv6Address(name[1:-1])
        name = str(address.ipv4_mapped or address)
    if name in _THIS_MACHINE:
        name = "localhost"
    return name, "" if port == "443" else port


_known_host = lru_cache(maxsize=4096)(_parse_host)


def _flaw(url: str) -> str | None:
    """What is wrong with the spelling of `url`, in words for its author."""
    try:
        size = len(url.encode())
    except UnicodeEncodeError:
        return "The URL contains half a surrogate pair."
    if size > MAX_URL_BYTES:
        return f"The URL is longer than {MAX_URL_BYTES} bytes."
    if _CONTROL.search(url):
        return "The URL contains control characters."
    if _SPACE.search(url):
        return "The URL contains spaces; write them as %20."
    if _INVISIBLE.search(url):
        return "The URL contains invisible characters that change the direction of text."
    match = _AUTHORITY.match(url)
    if match is None:
        return "The URL must begin with http:// or https:// and a host."
    if "\\" in match["authority"]:
        return "The URL contains a backslash in its host."
    if "@" in match["authority"]:
        return "The URL contains a user name or password."
    return None
