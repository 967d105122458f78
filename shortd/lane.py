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
from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

from shortd import errors
from shortd.cache import Cache
from shortd.heads import HEAD_BYTES, KNOWN_HEADS, Head, Header
from shortd.services import Services
from shortd.web.answers import Answer, error_answer
from shortd.web.pages import Pages

# A query that is forwarded, escapes and other shapes are the pages' business.
_TARGET = re.compile(rb"/(?P<code>(?!-)[A-Za-z0-9_-]{1,64})(?:\?(?P<query>[!-~]*))?")
_METHODS = (b"GET", b"HEAD")
_FIRST_LINE = re.compile(
    rb"(?P<method>GET|HEAD) /(?P<code>(?!-)[A-Za-z0-9_-]{1,64})(?P<query>\?qr)? HTTP/1\.1\r\n"
)
_SLOW = frozenset((b"content-length", b"transfer-encoding", b"upgrade", b"expect"))
"""Headers of requests that are more than a plain redirect."""


class Connection(Protocol):
    """What the lane needs of a connection."""

    def send(self, response: bytes, keep_alive: bool) -> None:
        """Writes a whole response, and closes if the connection is not to be kept."""
        ...


class Lane:
    """Answers plain redirects for all connections of one event loop."""

    def __init__(self, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._now = services.clock.now
        self._visits = services.visits
        self._clicks = services.clicks
        self._heads = services.heads
        self._forward_query = services.settings.links.forward_query
        self._status_line = _status_line(services.settings.links.redirect_status)
        pages = Pages(services.settings.public_url)
        missing = errors.LINK_NOT_FOUND()
        self._missing_page = _refusal(error_answer(pages, missing, "text/html"))
        self._missing = _refusal(error_answer(pages, missing, ""))
        # By the bytes behind the request line. Browsers, proxies and scripts send the same ones
        # again and again, and parsing them costs as much as the redirect.
        self._known: Cache[bytes, Head] = Cache(KNOWN_HEADS)
        # A head holds the number of its host.
        services.hosts.on_change(self._known.clear)
        self._waiting: list[tuple[Connection, bytes, bool]] = []
        self._default_headers: list[Header] = []
        self._default_lines = b""
        self._start = b""

    def head(self, headers: list[Header]) -> Head | None:
        """Reads headers, whose names are lower-case; None leaves the request to the pages."""
        fields = dict(headers)
        if not _SLOW.isdisjoint(fields):
            return None
        return self._heads.read(fields, headers)

    def answer(
        self,
        method: bytes,
        target: bytes,
        head: Head,
        peer: str,
        default_headers: list[Header],
        keep_alive: bool,
    ) -> bytes | None:
        """The response to a request, its click recorded; None leaves it to the pages.

        Nothing has happened when None is returned.
        """
        match = _TARGET.fullmatch(target)
        if match is None or method not in _METHODS:
            return None
        code, query = match.groups()
        if query and self._forward_query and query != b"qr":
            return None
        is_qr = query == b"qr"
        return self._answer(code, method == b"GET", is_qr, head, peer, default_headers, keep_alive)

    def answer_known(self, data: bytes, peer: str, default_headers: list[Header]) -> bytes | None:
        """The response to a whole request if its head was remembered, as `answer` gives it.

        `data` stands where a request begins. What follows the first line has been parsed
        before, byte for byte, and parsed again could only come to the same.
        """
        match = _FIRST_LINE.match(data)
        if match is None:
            return None
        head = self._known.get(data[match.end() :])
        if head is None:
            return None
        method, code, query = match.groups()
        return self._answer(
            code, method == b"GET", query is not None, head, peer, default_headers, True
        )

    def remember(self, data: bytes, head: Head) -> None:
        """Keeps the head of a request that is all of `data` and keeps its connection alive."""
        match = _FIRST_LINE.match(data)
        if match is not None and len(data) <= HEAD_BYTES:
            self._known.put(data[match.end() :], head)

    def _answer(
        self,
        code: bytes,
        is_get: bool,
        is_qr: bool,
        head: Head,
        peer: str,
        default_headers: list[Header],
        keep_alive: bool,
    ) -> bytes | None:
        visitor = self._heads.visitor(head, peer, self._now(), is_get=is_get, is_qr=is_qr)
        location = self._visits.redirect((head.host, code.decode()), visitor)
        if location is None:
            return None
        if default_headers is not self._default_headers:
            # uvicorn makes a new list each second, with the new date.
            self._default_headers = default_headers
            self._default_lines = _lines(default_headers)
            self._start = self._status_line + self._default_lines
        close = b"" if keep_alive else b"connection: close\r\n"
        if not location:
            return self._not_found(head, is_get, close)
        return b"%blocation: %b\r\ncache-control: no-store\r\ncontent-length: 0\r\n%b\r\n" % (
            self._start,
            location.encode("ascii"),
            close,
        )

    def _not_found(self, head: Head, is_get: bool, close: bytes) -> bytes:
        """What the pages answer where there is no link."""
        status_line, lines, body = self._missing_page if head.wants_html else self._missing
        return b"%b%b%b%b\r\n%b" % (
            status_line,
            self._default_lines,
            lines,
            close,
            body if is_get else b"",
        )

    def send_later(self, connection: Connection, response: bytes, keep_alive: bool) -> None:
        """Sends a response at the end of this tick, behind the journal write."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append((connection, response, keep_alive))

    def flush(self) -> None:
        """Journals the clicks recorded since the last flush, then sends their responses."""
        self._clicks.flush()
        waiting, self._waiting = self._waiting, []
        for connection, response, keep_alive in waiting:
            connection.send(response, keep_alive)


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def _lines(headers: Iterable[Header]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def _refusal(answer: Answer) -> tuple[bytes, bytes, bytes]:
    """The status line, what stands behind the default headers, and the body."""
    return _status_line(answer.status), _lines(answer.all_headers), answer.body
