"""What rules look at in a visitor's headers and query, by the words in them.

Whatever visitors send costs a bounded time, once a visit: what many rules ask for is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from shortd.plugin import BadData

QUERY = 2048
PARAMETERS = 128
"""Characters and parameters of a query that are looked at."""
_ASCII = "".join(map(chr, range(128)))
_HOST = re.compile(r"[a-z0-9._-]+", re.ASCII)
_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=2048)
def browser_of(user_agent: str) -> str:
    """One of `data.Browser`, on whatever device; empty for all others."""
    lowered = user_agent.lower()
    for browser, *marks in _BROWSERS:
        if any(mark in lowered for mark in marks):
            return browser
    if "safari/" not in lowered:
        return ""
    return "android_browser" if "android" in lowered else "safari"


# In order: nearly all of them call themselves Safari as well, and most of them Chrome.
_BROWSERS = (
    ("instagram", "instagram"),
    ("facebook", "fban/", "fbav/", "fb_iab/"),
    ("edge", "edg/", "edge/", "edga/", "edgios/"),
    ("opera", "opr/", "opera", "opios/", "opt/"),
    ("samsung", "samsungbrowser/"),
    ("yandex", "yabrowser/"),
    ("vivaldi", "vivaldi/"),
    ("brave", "brave/"),
    ("duckduckgo", "duckduckgo/", "ddg/"),
    ("ie", "msie ", "trident/", "iemobile"),
    ("firefox", "firefox/", "fxios/"),
    ("chrome", "chrome/", "chromium/", "crios/"),
)


@lru_cache(maxsize=256)
def parameters_of(query: str) -> Mapping[str, frozenset[str]]:
    """All values of each parameter. `query` is at most `QUERY` characters long."""
    if not query.isascii():
        # Bytes that no browser sends as they are, one a character.
        query = quote(query.encode("latin-1", "replace"), safe=_ASCII)
    parts = "&".join(query.split("&", PARAMETERS)[:PARAMETERS])
    found: dict[str, set[str]] = {}
    for key, value in parse_qsl(parts, keep_blank_values=True, errors="replace"):
        found.setdefault(key, set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}


class Place(NamedTuple):
    """Where somebody comes from."""

    scheme: str
    host: str
    port: int
    rest: str
    """Path and query."""


@lru_cache(maxsize=1024)
def place_of(address: str) -> Place | None:
    """The place that a referrer is; None if it is none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not host:
        return None
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host.rstrip("."), port or _PORTS.get(parts.scheme, 0), rest)


class Origin(NamedTuple):
    """A host with those below it, or, with a scheme, the beginning of an address."""

    scheme: str
    host: str
    port: int
    rest: str

    def has(self, place: Place) -> bool:
        """Whether a place belongs to it."""
        if self.scheme:
            same = (place.scheme, place.host, place.port) == (self.scheme, self.host, self.port)
        else:
            same = place.host == self.host or place.host.endswith(f".{self.host}")
        return same and place.rest.startswith(self.rest)


def origins_of(texts: Sequence[str]) -> Sequence[Origin]:
    """BadData, with the place of the one that is none."""
    found = []
    for number, text in enumerate(texts):
        text = text.strip()
        has_scheme = "://" in text
        place = place_of(text if has_scheme else f"https://{text}")
        is_text = text.isprintable() and not any(character.isspace() for character in text)
        host = "" if place is None or not is_text or "@" in text else _in_ascii(place.host)
        if place is None or not host or (has_scheme and place.scheme not in _PORTS):
            raise BadData(
                "Write a host like news.example.com, or how addresses begin:"
                " https://example.com/shop.",
                f"[{number}]",
            )
        rest = place.rest if place.rest != "/" else ""
        found.append(Origin(place.scheme if has_scheme else "", host, place.port, rest))
    return found


def _in_ascii(host: str) -> str:
    """A host as referrers have it; empty if it can be none."""
    if ":" in host:
        return host
    try:
        found = host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    # Such as "*.example.com", which no referrer would ever meet.
    return found if _HOST.fullmatch(found) else ""
