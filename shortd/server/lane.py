"""The redirect lane: plain redirects answered before any ASGI scope or task exists.

A shortcut and nothing more. It answers only what it is sure of, a GET or HEAD of a link that
redirects or of none at all, through the same `Visits` as the pages, and with the same bytes.
Everything else it leaves untouched. `[server] fast_lane = false` switches it off; a differential
test holds the two lanes together.

Clicks of one event-loop tick go into the journal in one write, and only then the tick's
responses leave.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Protocol
from urllib.parse import unquote

from shortd import errors
from shortd.hosts import BasePaths, behind
from shortd.hosts.destinations import without_mark
from shortd.limits.lookups import lookups_limited
from shortd.links.addresses import unescaped_path
from shortd.links.finding import asked_for
from shortd.services import Services
from shortd.visits.cache import Cache
from shortd.visits.request_heads import HEAD_BYTES, KNOWN_HEADS, Header, RequestHead
from shortd.web.answers import Answer, header_lines, status_line, whole_seconds
from shortd.web.pages import Pages, open_pages
from shortd.web.readers import Reader
from shortd.web.visitor.follow import link_refusal, sent_away

# Whatever has another shape is looked for as a wide code, unless it is the pages' business.
_TARGET = re.compile(rb'/(?P<code>(?!-)[A-Za-z0-9_-]{1,64})(?:\?(?P<query>[!"$-~]*))?')
_QUERY = re.compile(rb'[!"$-~]*')
_METHODS = (b"GET", b"HEAD")
_FIRST_LINE = (
    rb"(?P<method>GET|HEAD) %b/(?P<code>(?!-)[A-Za-z0-9_-]{1,64})(?P<query>\?qr)? HTTP/1\.1\r\n"
)
"""With room for the base paths that there are."""
_SLOW = frozenset((b"content-length", b"transfer-encoding", b"upgrade", b"expect"))
"""Headers of requests that are more than a plain redirect."""


Refusal = tuple[bytes, bytes, bytes]
"""The status line, what stands behind the default headers, and the body."""


class Connection(Protocol):
    """What the lane needs of a connection."""

    def send_answers(self) -> None:
        """Writes what the lane has answered, and goes on with what waits behind it."""
        ...


class Lane:
    """Answers plain redirects for all connections of one event loop."""

    def __init__(self, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._now = services.clock.now
        self._visits = services.visits.visits
        self._store = services.store
        self._hosts = services.hosts
        self._codes = services.links.codes
        self._clicks = services.clicks.clicks
        self._heads = services.visits.heads
        self._lookups = services.limits.lookups
        # Most links say the same to search engines; the pages have those that do not.
        robots = b"" if services.settings.links.robots else b"x-robots-tag: noindex\r\n"
        self._unkept = b"cache-control: no-store\r\n" + robots
        self._status_line = status_line(services.settings.links.redirect_status)
        self._paths = services.hosts.paths or None
        self._first_line = _first_line(services.hosts.paths)
        self._pages = pages = open_pages(services.settings, services.hosts.paths)
        self._sends_to = services.hosts.sends_to
        self._sent_away = lru_cache(maxsize=64)(_sent_away)
        self._missing = lru_cache(maxsize=64)(partial(_missing, pages))
        self._limited = lru_cache(maxsize=64)(partial(_limited, pages))
        # By the bytes behind the request line. Browsers, proxies and scripts send the same ones
        # again and again, and parsing them costs as much as the redirect.
        self._known: Cache[bytes, RequestHead] = Cache(KNOWN_HEADS)
        # A head holds the number of its host.
        services.hosts.on_change(self._known.clear)
        self._waiting: list[Connection] = []
        self._default_headers: list[Header] = []
        self._default_lines = b""
        self._start = b""

    def head(self, fields: Mapping[bytes, bytes], headers: list[Header]) -> RequestHead | None:
        """Reads headers, whose names are lower-case; None leaves the request to the pages.
        `fields` is `headers` as a dict.
        """
        if not _SLOW.isdisjoint(fields):
            return None
        return self._heads.read(fields, headers)

    def answer(
        self,
        method: bytes,
        target: bytes,
        head: RequestHead,
        peer: str,
        default_headers: list[Header],
        keep_alive: bool,
    ) -> bytes | None:
        """The response to a request, its click recorded; None leaves it to the pages.

        Nothing has happened when None is returned.
        """
        if method not in _METHODS:
            return None
        if self._paths is not None:
            found = behind(self._paths.of(head.host), target)
            target = target if found is None else found
        match = _TARGET.fullmatch(target)
        if match is None:
            path, _, query = target.partition(b"?")
            code = self._wide_code(path, head.host) if _QUERY.fullmatch(query) else None
            if code is None:
                return None
        else:
            plain, query = match.groups()
            code = plain.decode()
        is_qr, rest = without_mark(query) if query else (False, b"")
        asked = rest.decode("ascii")
        is_get = method == b"GET"
        return self._answer(code, is_get, is_qr, head, peer, default_headers, keep_alive, asked)

    def answer_known(self, data: bytes, peer: str, default_headers: list[Header]) -> bytes | None:
        """The response to a whole request if its head was remembered, as `answer` gives it.

        `data` stands where a request begins. What follows the first line has been parsed
        before, byte for byte, and parsed again could only come to the same.
        """
        match = self._first_line.match(data)
        if match is None:
            return None
        head = self._known.get(data[match.end() :])
        if head is None:
            return None
        if self._paths is None:
            method, code, query = match.groups()
        else:
            method, given, code, query = match.groups()
            own = self._paths.of(head.host).encode()
            if own == b"/" + code if given is None else own != given:
                # The root, or no path of this host.
                return None
        return self._answer(
            code.decode(), method == b"GET", query is not None, head, peer, default_headers, True
        )

    def remember(self, data: bytes, head: RequestHead) -> None:
        """Keeps the head of a request that is all of `data` and keeps its connection alive."""
        match = self._first_line.match(data)
        if match is not None and len(data) <= HEAD_BYTES:
            self._known.put(data[match.end() :], head)

    def _wide_code(self, path: bytes, host: int) -> str | None:
        """The code of the link that a path asks for that is no plain code; None for the server's
        own addresses, for previews and images, and where nothing is.
        """
        if not path.isascii():
            return None
        written = unquote(path.decode("ascii"))
        is_own, text = self._codes.is_own, unescaped_path(written, path)
        if text is None or is_own is None or is_own(written):
            return None
        named = asked_for(self._store, self._hosts, host, text)
        return None if named is None or named.preview or named.image else named.code

    def _answer(
        self,
        code: str,
        is_get: bool,
        is_qr: bool,
        head: RequestHead,
        peer: str,
        default_headers: list[Header],
        keep_alive: bool,
        query: str = "",
    ) -> bytes | None:
        visitor = self._heads.visitor(
            head, peer, self._now(), is_get=is_get, is_qr=is_qr, query=query
        )
        lookups, refused = self._lookups, None
        if lookups.barred:
            payer = self._heads.who_pays(head, peer, visitor.address, is_head=not is_get)
            if refusal := lookups.refusal(payer, visitor.utime):
                seconds = whole_seconds(refusal.retry_after or 0)
                refused = self._limited(seconds, self._pages.reader(head))
        location = "" if refused else self._visits.redirect((head.host, code), visitor)
        if location is None:
            return None
        if default_headers is not self._default_headers:
            # uvicorn makes a new list each second, with the new date.
            self._default_headers = default_headers
            self._default_lines = header_lines(default_headers)
            self._start = self._status_line + self._default_lines
        close = b"" if keep_alive else b"connection: close\r\n"
        if not location:
            if refused is None:
                payer = self._heads.who_pays(head, peer, visitor.address, is_head=not is_get)
                lookups.missed(payer, visitor.utime)
                away = self._sends_to(head.host, "unknown")
                refused = self._sent_away(away) if away else self._missing(self._pages.reader(head))
            return self._refuse(refused, is_get, close)
        return b"%blocation: %b\r\n%bcontent-length: 0\r\n%b\r\n" % (
            self._start,
            location.encode("ascii"),
            self._unkept,
            close,
        )

    def _refuse(self, refused: Refusal, is_get: bool, close: bytes) -> bytes:
        """What the pages answer to who is not led on."""
        status_line, lines, body = refused
        return b"%b%b%b%b\r\n%b" % (
            status_line,
            self._default_lines,
            lines,
            close,
            body if is_get else b"",
        )

    def send_later(self, connection: Connection) -> None:
        """Has a connection send what it has answered at the end of this tick, behind the journal
        write. Once a tick.
        """
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(connection)

    def flush(self) -> None:
        """Journals the clicks recorded since the last flush, then sends their responses."""
        self._clicks.flush()
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.send_answers()


def _first_line(paths: BasePaths) -> re.Pattern[bytes]:
    some = b"|".join(re.escape(path.encode()) for path in sorted(paths.all))
    return re.compile(_FIRST_LINE % (b"(?P<path>%b)?" % some if some else b""))


def _missing(pages: Pages, reader: Reader | None) -> Refusal:
    """For who asks for a link that is not there."""
    return _written(link_refusal(pages, errors.LINK_NOT_FOUND(), reader))


def _sent_away(location: str) -> Refusal:
    """For the same, where the host says where to."""
    return _written(sent_away(location))


def _written(answer: Answer) -> Refusal:
    return status_line(answer.status), header_lines(answer.all_headers), answer.body


def _limited(pages: Pages, seconds: int, reader: Reader | None) -> Refusal:
    """For who has to wait so long until he may look for links again."""
    return _written(link_refusal(pages, lookups_limited(seconds), reader))
