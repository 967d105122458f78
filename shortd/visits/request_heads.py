"""What the header lines of a request say of the visit: host, client, browser, purpose.

Both lanes read them here, so that both see the same visitor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from shortd.hosts import Hosts
from shortd.visitors import visitors
from shortd.visitors.proxies import FORWARDING, Proxies
from shortd.visits.cache import Cache
from shortd.visits.decisions import Visitor

Header = tuple[bytes, bytes]
"""Names are in lower case."""

USER_AGENT_LIMIT = 512
REFERRER_LIMIT = 1024
LANGUAGE_LIMIT = visitors.LANGUAGE_LIMIT
"""Characters of a header that are looked at. A click keeps as many bytes, and of a referrer the
host alone."""
KNOWN_HEADS = 1024
"""Heads remembered at least, twice as many at most, of so many bytes each."""
HEAD_BYTES = 2048
LINE_BYTES = 64
"""What a line takes beside its own bytes, about: many short ones are large."""
MOST_BYTES = 2 * HEAD_BYTES
"""Of a head in memory."""


LOOKS = (b"lang=", b"theme=")
"""How cookies begin by which visitors have chosen the look of pages."""
COOKIE_LIMIT = 4096
"""Bytes of a Cookie header that is read."""

PURPOSES = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
"""By which browsers of all times, and apps, say that they load ahead of their user."""
_AHEAD = re.compile(rb"prefetch|preview", re.I)


def _of_pages(cookie: bytes) -> str:
    chosen = any(name in cookie for name in LOOKS) and len(cookie) <= COOKIE_LIMIT
    return cookie.decode("latin-1") if chosen else ""


def wants_html(accept: str) -> bool:
    """Whether an Accept header is that of a browser."""
    return "text/html" in accept


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A request's headers, read. Where several lines have one name, the last one counts."""

    host: int
    """Number of the short host that the Host header means; `NO_HOST` if that is not clear."""
    is_prefetch: bool
    """One of `PURPOSES` says so."""
    user_agent: str
    referrer: str
    language: str
    do_not_track: bool
    """DNT or Sec-GPC says so."""
    wants_html: bool
    forwarded: list[Header] | None
    """The lines that say for whom a proxy asks; None if there are none."""
    is_forwarded: bool
    """Some header says that somebody else asks."""
    cookie: str
    """The Cookie header; empty unless it may say how pages are to look."""
    range: str
    """The Range header; empty if there is none."""


class RequestHeads:
    """Reads header lines."""

    def __init__(self, hosts: Hosts, proxies: Proxies) -> None:
        self._hosts = hosts
        self._proxies = proxies
        self._numbers = hosts.numbers
        self._known: Cache[tuple[Header, ...], RequestHead] = Cache(KNOWN_HEADS)
        # A head holds the number of its host.
        hosts.on_change(self._known.clear)

    def of(self, headers: Iterable[Header]) -> RequestHead:
        """The head of a request. It is remembered: browsers, proxies and scripts send the same
        lines again and again.
        """
        lines = tuple(headers)
        head = self._known.get(lines)
        if head is None:
            head = self.read(dict(lines), lines)
            if sum(len(name) + len(value) + LINE_BYTES for name, value in lines) <= MOST_BYTES:
                self._known.put(lines, head)
        return head

    def read(self, fields: Mapping[bytes, bytes], headers: Iterable[Header]) -> RequestHead:
        """The head of a request; `fields` is `headers` as a dict."""
        get = fields.get
        name = get(b"host", b"")
        number = self._numbers.get(name)
        if number is None:
            number = self._hosts.number_of(name)
        forwarded = None
        if b"x-forwarded-for" in fields:
            forwarded = [line for line in headers if line[0] == b"x-forwarded-for"]
        return RequestHead(
            number,
            any(_AHEAD.search(fields[name]) for name in PURPOSES if name in fields),
            get(b"user-agent", b"").decode("latin-1")[:USER_AGENT_LIMIT],
            get(b"referer", b"").decode("latin-1")[:REFERRER_LIMIT],
            get(b"accept-language", b"").decode("latin-1")[:LANGUAGE_LIMIT],
            get(b"dnt") == b"1" or get(b"sec-gpc") == b"1",
            wants_html(get(b"accept", b"").decode("latin-1")),
            forwarded,
            not FORWARDING.isdisjoint(fields),
            _of_pages(get(b"cookie", b"")),
            get(b"range", b"").decode("latin-1"),
        )

    def who_pays(self, head: RequestHead, peer: str, client: str, *, is_head: bool) -> str:
        """The address that a miss of a visit from `client` is charged to; empty if nobody's.

        A proxy that nobody told us of stands for all visitors, who must not pay for each other.
        HEAD, which is nobody's visit, is charged all the same.
        """
        if not is_head and head.is_forwarded and self._proxies.may_be_one(peer):
            return ""
        return client

    def visitor(
        self,
        head: RequestHead,
        peer: str,
        utime: int,
        *,
        is_get: bool,
        is_qr: bool,
        query: str = "",
    ) -> Visitor:
        """Who asks, over a connection from `peer`, at `utime` (µs).

        `query` is what of the request's goes on to the destination, if the link wants that.
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
