"""What the header lines of a request say of the visit: host, client, browser, purpose.

Both lanes read them here, so that both see the same visitor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from shortd.cache import Cache
from shortd.hosts import Hosts
from shortd.proxies import Proxies
from shortd.resolver import Visitor

Header = tuple[bytes, bytes]
"""Names are in lower case."""

USER_AGENT_LIMIT = 512
REFERRER_LIMIT = 1024
LANGUAGE_LIMIT = 64
"""Characters of a header that are looked at, and that a click keeps."""
KNOWN_HEADS = 1024
"""Heads remembered at least, twice as many at most, of so many bytes each."""
HEAD_BYTES = 2048


def wants_html(accept: str) -> bool:
    """Whether an Accept header is that of a browser."""
    return "text/html" in accept


class Head(msgspec.Struct, frozen=True, gc=False):
    """A request's headers, read. Where several lines have one name, the last one counts."""

    host: int
    """Number of the short host that the Host header means."""
    is_prefetch: bool
    """Sec-Purpose, or Purpose from older browsers, says so."""
    user_agent: str
    referrer: str
    language: str
    do_not_track: bool
    """DNT or Sec-GPC says so."""
    wants_html: bool
    forwarded: list[Header] | None
    """The lines that say for whom a proxy asks; None if there are none."""


class Heads:
    """Reads header lines."""

    def __init__(self, hosts: Hosts, proxies: Proxies) -> None:
        self._hosts = hosts
        self._proxies = proxies
        self._numbers = hosts.numbers
        self._known: Cache[tuple[Header, ...], Head] = Cache(KNOWN_HEADS)
        # A head holds the number of its host.
        hosts.on_change(self._known.clear)

    def of(self, headers: Iterable[Header]) -> Head:
        """The head of a request. It is remembered: browsers, proxies and scripts send the same
        lines again and again.
        """
        lines = tuple(headers)
        head = self._known.get(lines)
        if head is None:
            head = self.read(dict(lines), lines)
            if sum(len(name) + len(value) for name, value in lines) <= HEAD_BYTES:
                self._known.put(lines, head)
        return head

    def read(self, fields: Mapping[bytes, bytes], headers: Iterable[Header]) -> Head:
        """The head of a request; `fields` is `headers` as a dict."""
        get = fields.get
        name = get(b"host", b"")
        number = self._numbers.get(name)
        if number is None:
            number = self._hosts.of_header(name.decode("latin-1")).number
        forwarded = None
        if b"x-forwarded-for" in fields:
            forwarded = [line for line in headers if line[0] == b"x-forwarded-for"]
        return Head(
            number,
            b"prefetch" in (get(b"sec-purpose") or get(b"purpose", b"")),
            get(b"user-agent", b"").decode("latin-1")[:USER_AGENT_LIMIT],
            get(b"referer", b"").decode("latin-1")[:REFERRER_LIMIT],
            get(b"accept-language", b"").decode("latin-1")[:LANGUAGE_LIMIT],
            get(b"dnt") == b"1" or get(b"sec-gpc") == b"1",
            wants_html(get(b"accept", b"").decode("latin-1")),
            forwarded,
        )

    def visitor(
        self, head: Head, peer: str, utime: int, *, is_get: bool, is_qr: bool, query: str = ""
    ) -> Visitor:
        """Who asks, over a connection from `peer`, at `utime` (µs).

        `query` is what of the request's goes on to the destination.
        """
        if head.forwarded is not None:
            peer = self._proxies.of_headers(peer, head.forwarded)
        return Visitor(
            utime,
            is_get,
            head.is_prefetch,
            is_qr,
            peer,
            head.user_agent,
            head.referrer,
            head.language,
            head.do_not_track,
            query,
        )
