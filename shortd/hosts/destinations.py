"""Where a link may lead: one test for every place a destination can be set.

URLs are read by the WHATWG parser, which is what browsers do, so that what is checked
here is what a visitor's browser will make of the Location header. This module must never
let through a URL of another scheme, one with control characters, or one that leads back
to this server or where operators want no links to lead; nor a Location that is not printable
ASCII.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

import ada_url
import msgspec

from shortd import errors
from shortd.hosts.base_paths import behind

MAX_URL_BYTES = 8192
LONG_HOST = 300
"""Characters from which a host is not worth remembering: no name in the DNS is as long."""
UTM_NAMES = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

_AUTHORITY = re.compile(r"https?://(?P<authority>[^/?#]+)", re.IGNORECASE)
# What RFC 3986 lets stand in each part of a URL; all else must be percent-encoded on the wire. A
# fragment is not sent on, and pages read it raw. Browsers send the brackets of "a[]=1" as they are.
_HOST_SAFE = "!$&'()*+,;=:[]%-._~"
_PATH_SAFE = "!$&'()*+,;=:@/%-._~"
_QUERY_SAFE = _PATH_SAFE + "?"
_BRACKETS = "[]"
# What hardly any link is not: a URI as it is, and with nothing in front of its host.
_URI = re.compile(
    r"(?i:https?)://(?P<authority>[A-Za-z0-9\-._~:\[\]!$&'()*+,;=%]+)"
    r"(?:/[A-Za-z0-9\-._~:/@!$&'()*+,;=%]*)?"
    r"(?:\?[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*)?"
    r"(?:#[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?",
    re.ASCII,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Where people copy from, both kinds stand around a URL in any order.
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
_UNSEEN = (
    # Soft hyphens, joiners, what is zero wide, marks of direction, byte order marks, fillers.
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069"
    "\u206a\u206b\u206c\u206d\u206e\u206f\u3164\ufeff\uffa0\ufff9\ufffa\ufffb"
)
# Joiners inside a URL are part of words: Persian has them, and so have families of emoji.
_TURNING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]")
_SPACE = re.compile(r"\s")
_SLASHES = re.compile("//+")
_MARK = re.compile(rb"(?:\A|&)(?:q|%71)(?:r|%72)=?(?=&|\Z)")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"})


class Destination(msgspec.Struct, frozen=True, gc=False):
    """A checked destination."""

    url: str
    """As given, without surrounding white space and characters that nobody sees."""
    location: str
    """The Location header: `url`, or the URI that a browser makes of it where they differ."""

    @property
    def ascii_url(self) -> str:
        """`location` where `url` itself cannot be one; else empty."""
        return "" if self.location == self.url else self.location


class OwnHosts(Collection[str]):
    """Names of hosts, as "host" or "host:port", found as quickly among thousands as among two."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.blocks: Callable[[str, str], object] | None = None
        """What else no link may lead to, asked with a destination's host and the whole of it: what
        blocks it, or None (`hosts.blocked`)."""
        self._names: dict[str, str] = {}
        self._known: dict[tuple[str, str], set[str]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str, path: str = "") -> None:
        """`path` is the one below which alone the host is ours."""
        self._names[name] = path
        self._known.setdefault(host_key(name), set()).add(path)

    def discard(self, name: str) -> None:
        self._names.pop(name, None)
        left, self._names, self._known = self._names, {}, {}
        for other, path in left.items():
            self.add(other, path)

    def lead_here(self, key: tuple[str, str], url: str) -> bool:
        """Whether a URL, whose host has this `host_key`, leads to one of them."""
        paths = self._known.get(key)
        if paths is None:
            return False
        return "" in paths or any(is_below(path, url) for path in paths)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def parse_destination(
    url: str,
    own_hosts: Collection[str],
    *,
    field: str = "url",
    is_set: bool = True,
) -> Destination:
    """Checks a destination (docs/api.md, "Calls"). `own_hosts` are as `host_key` takes them.

    One that was set before may have been blocked since; then it is not to be refused for that, and
    `is_set` says that this is no setting. Raises INVALID_URL, URL_LOOPS or DESTINATION_BLOCKED,
    naming `field`.
    """
    url = trimmed(url)
    ordinary = _URI.fullmatch(url) if len(url) <= MAX_URL_BYTES else None
    if ordinary is None and (flaw := _flaw(url)) is not None:
        raise errors.INVALID_URL(flaw, field=field)
    authority = ordinary or _AUTHORITY.match(url)
    assert authority is not None, "else it were flawed"
    try:
        key = _read_host(authority[1])
        location = url if ordinary is not None else _respelled(url)
    except ValueError:
        raise errors.INVALID_URL("The URL's host or port is not valid.", field=field) from None
    if not key[0]:
        raise errors.INVALID_URL("The URL has no host.", field=field)
    known = own_hosts if isinstance(own_hosts, OwnHosts) else OwnHosts(own_hosts)
    if known.lead_here(key, location):
        raise errors.URL_LOOPS(field=field)
    if is_set and known.blocks is not None and known.blocks(key[0], url) is not None:
        raise errors.DESTINATION_BLOCKED(field=field)
    return Destination(url, location)


def trimmed(url: str) -> str:
    """A URL without white space around it, and without characters there that nobody sees."""
    return url.strip(_SPACES + _UNSEEN)


def refuse_blocked(url: str, own_hosts: OwnHosts, *, field: str) -> None:
    """DESTINATION_BLOCKED, naming `field`, for a destination that was read without being set."""
    if own_hosts.blocks is not None and own_hosts.blocks(host_of(url), url) is not None:
        raise errors.DESTINATION_BLOCKED(field=field)


def host_of(url: str) -> str:
    """The host of a URL as `host_key` has it, without its port; empty where it has none."""
    authority = _AUTHORITY.match(url)
    return "" if authority is None else host_key(authority[1])[0]


def is_below(base_path: str, url: str) -> bool:
    """Whether a URL is below a base path of its host, as proxies may read it: they put slashes
    together."""
    path = _SLASHES.sub("/", ada_url.URL(url).pathname)
    return behind(base_path, path.encode()) is not None


def without_mark(query: bytes) -> tuple[bool, bytes]:
    """Whether a visitor's query marks him as one who comes from a tracked QR code, and the rest.

    The mark is a parameter `qr` without a value, anywhere; programs that read a query and write it
    again make `qr=` of it. `qr=1` is the destination's. The rest stays byte for byte.
    """
    if _MARK.search(query) is None:
        return False, query
    return True, _MARK.sub(b"", query).removeprefix(b"&")


def with_query(location: str, query: bytes, *, own_stays: bool = False) -> str:
    """The destination with the visitor's query behind its own, in front of the fragment.

    Of a name on both sides the visitor's values take the place of the destination's, or, with
    `own_stays`, are left out. All else stays as it is.
    """
    theirs = quoted(query).strip("&")
    rest, hash_mark, fragment = location.partition("#")
    address, _, own = rest.partition("?")
    if own_stays:
        theirs, kept = _without(theirs, own), own.strip("&")
    else:
        kept = _without(own, theirs)
    if not theirs:
        return location
    return f"{address}?{kept}{'&' if kept else ''}{theirs}{hash_mark}{fragment}"


def _without(query: str, other: str) -> str:
    """A query without the parameters whose names another has."""
    names = {_name(pair) for pair in other.split("&") if pair}
    pairs = (pair for pair in query.split("&") if not pair or _name(pair) not in names)
    return "&".join(pairs).strip("&")


def _name(pair: str) -> bytes:
    """The name of a parameter as servers read it."""
    return unquote_to_bytes(pair.partition("=")[0].replace("+", " "))


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
    names = {name.encode() for name in extra}
    kept = [pair for pair in query.split("&") if _name(pair) not in names]
    added = [f"{name}={quote(value, safe='')}" for name, value in extra.items()]
    # An empty query is none, not one empty parameter.
    query = "&".join([*(kept if query else ()), *added])
    return f"{address}?{query}{hash_mark}{fragment}"


def ascii_location(url: str) -> str:
    """The Location header for a URL that `parse_destination` took: a URI (RFC 9110 10.2.2)."""
    return url if _URI.fullmatch(url) else _respelled(url)


def _respelled(url: str) -> str:
    """What browsers make of a URL, and with everything escaped that they leave though no URI has
    it. ValueError if it is none.
    """
    rest, hash_mark, fragment = ada_url.URL(url).href.partition("#")
    address, question_mark, query = rest.partition("?")
    scheme, host, path = address.split("/", 3)[0], *address.split("/", 3)[2:]
    return "".join(
        (
            f"{scheme}//{quote(host, safe=_HOST_SAFE)}/{quote(path, safe=_PATH_SAFE)}",
            f"{question_mark}{quote(query, safe=_QUERY_SAFE + _BRACKETS)}{hash_mark}{fragment}",
        )
    )


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


def _flaw(url: str) -> errors.Sentence | None:
    """What is wrong with the spelling of `url`, in words for its author."""
    try:
        size = len(url.encode())
    except UnicodeEncodeError:
        return errors.Sentence("The URL contains half a surrogate pair.")
    if size > MAX_URL_BYTES:
        return errors.Sentence("The URL is longer than %(most)s bytes.", {"most": MAX_URL_BYTES})
    if _CONTROL.search(url):
        return errors.Sentence("The URL contains control characters.")
    if _SPACE.search(url):
        return errors.Sentence("The URL contains spaces; write them as %(code)s.", {"code": "%20"})
    if _TURNING.search(url):
        return errors.Sentence(
            "The URL contains invisible characters that change the direction of text."
        )
    match = _AUTHORITY.match(url)
    if match is None:
        return errors.Sentence("The URL must begin with http:// or https:// and a host.")
    if "\\" in match["authority"]:
        return errors.Sentence("The URL contains a backslash in its host.")
    if "@" in match["authority"]:
        return errors.Sentence("The URL contains a user name or password.")
    return None
