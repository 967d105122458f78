"""HTTP connections: uvicorn's protocol with patience limits and the redirect lane.

Rests on uvicorn's internals, whose minor version is pinned for that reason. Whatever the lane
does not answer goes through uvicorn's own callbacks unchanged.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar

import structlog
from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shortd.heads import Head
from shortd.lane import Lane
from shortd.sendfile import EXTENSION, SendFile

HEADER_SECONDS = 10.0
"""A connection that has sent half a request gets this long for the rest of its headers."""
BODY_SECONDS = 30.0
"""A body may be slow, but not silent, for this long."""
KEEP_ALIVE_SECONDS = 75.0
"""A connection may rest between requests for this long."""
STOPPING_SECONDS = 5.0
"""A server that is to stop waits for a silent client for no longer than this."""
HEAD_BYTES = 64 * 1024
"""The most of a request's head that may follow its first piece. The parser copies a header
again with every piece of it, so an endless one would take all of the server's time."""

log = structlog.get_logger(__name__)


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, closing connections that make no progress.

    uvicorn arms no timer before the first request or while one arrives. Marks are set as a
    request comes in, headers measured from their first byte and a body from its last, and as
    its answer is out; `overdue` is asked now and then, so that a request costs no timer.
    """

    waiting_since: float | None = None
    """When the client last did what we wait for; None while we wait for nothing."""
    patience = HEADER_SECONDS
    unparsed = 0
    """Bytes that came since the parser last got somewhere."""
    answering: RequestResponseCycle | None = None
    """The request that the application works on; `cycle` is the one that came last."""
    _data = b""
    """What the parser is reading, and what it is to read again."""
    _again = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the request that came last, which may still wait behind this one.
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        while data:
            self._data, self._again = data, b""
            self.unparsed += len(data)
            super().data_received(data)
            data = self._again
        self._data = b""
        if self.unparsed > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        self.waiting_since = self.loop.time()
        self.patience = HEADER_SECONDS
        self.unparsed = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.patience = BODY_SECONDS
        self.unparsed = 0
        if self._asks_for_upgrade():
            return
        super().on_headers_complete()
        if self.url.startswith(b"/-/"):
            # No short link is a file's own address, and redirects are to pay nothing for files.
            extensions: dict[str, Any] = {EXTENSION: SendFile(self.cycle, self.transport)}
            self.scope["extensions"] = extensions

    def on_body(self, body: bytes) -> None:
        self.waiting_since = self.loop.time()
        self.unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_next()
        else:
            self.waiting_since = None
        if not self._asks_for_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        # As uvicorn has it, but for the timer that it arms here for each request.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.waiting_since is None:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        self.waiting_since = self.loop.time()
        self.patience = KEEP_ALIVE_SECONDS

    def _asks_for_upgrade(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _unsupported_upgrade_warning(self) -> None:
        """Has a request that asks for an upgrade read again, as one that does not.

        Java and curl ask for h2c in any first request. The parser has stopped behind the head,
        taking even the request's own body for the other protocol.
        """
        stop = sys.exception()
        assert isinstance(stop, HttpParserUpgrade)
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(fields))
        self._again = head + self._data[stop.args[0] :]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def overdue(self, now: float, limit: float = KEEP_ALIVE_SECONDS) -> bool:
        """Whether the client has kept us waiting for too long, or for more than `limit`, s.

        `now` is the loop's time.
        """
        if self.waiting_since is None:
            return False
        if self.flow.read_paused:
            # We are the ones who do not read.
            self.waiting_since = now
            return False
        return now - self.waiting_since > min(self.patience, limit)


class LaneProtocol(PatientProtocol):
    """A `PatientProtocol` that lets the redirect lane answer first."""

    lane: ClassVar[Lane]
    """Set by `with_lane`."""
    in_lane = False
    """The request being read was answered by the lane."""
    closing = False
    """The lane has answered the last request of this connection."""
    in_message = False
    """The parser stands inside a request."""
    begun = 0
    """Requests that began in the bytes being read."""
    head: Head | None = None
    """Of the request that the lane answered last in the bytes being read, if it may be kept."""

    def data_received(self, data: bytes) -> None:
        if self.in_message:
            super().data_received(data)
            return
        if self.is_free():
            response = None
            try:
                response = self.lane.answer_known(
                    data,
                    self.client[0] if self.client else "",
                    self.server_state.default_headers,
                )
            except Exception:
                log.exception("lane_failed")
            if response is not None:
                self.lane.send_later(self, response, True)
                self._note_answer()
                return
        self._parse(data)
        if self.head is not None and self.begun == 1 and not self.in_message:
            self.lane.remember(data, self.head)

    def _parse(self, data: bytes) -> None:
        self.begun = 0
        self.head = None
        super().data_received(data)

    def is_free(self) -> bool:
        """Whether the next request may be answered right away: no other one is in work."""
        if self.closing or self.flow.write_paused:
            return False
        return self.cycle is None or self.cycle.response_complete

    def on_message_begin(self) -> None:
        self.in_message = True
        self.begun += 1
        self.waiting_since = self.loop.time()
        self.patience = HEADER_SECONDS
        self.unparsed = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        self.unparsed = 0
        self.in_lane = self.closing
        if self.closing:
            return
        if self.is_free():
            parser = self.parser
            keep_alive = parser.should_keep_alive() and parser.get_http_version() != "1.0"
            response = None
            try:
                head = self.lane.head(self.headers)
                if head is not None:
                    response = self.lane.answer(
                        parser.get_method(),
                        self.url,
                        head,
                        self.client[0] if self.client else "",
                        self.server_state.default_headers,
                        keep_alive,
                    )
            except Exception:
                # Out of a parser's callback it would look like a bad request.
                log.exception("lane_failed")
            if response is not None:
                self.in_lane = True
                self.closing = not keep_alive
                self.head = head if keep_alive else None
                self.lane.send_later(self, response, keep_alive)
                return
        self._hand_over()

    def _hand_over(self) -> None:
        """Lets uvicorn see the request from its beginning, as if there were no lane."""
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expect
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.unparsed = 0
        if not self.in_lane:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.in_message = False
        if self.in_lane:
            self._note_answer()
        else:
            self.head = None
            super().on_message_complete()

    def _note_answer(self) -> None:
        self._wait_for_next()
        self.server_state.total_requests += 1

    def send(self, response: bytes, keep_alive: bool) -> None:
        """Writes a response of the lane."""
        if self.transport.is_closing():
            return
        self.transport.write(response)
        if not keep_alive:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        # Answers to earlier requests of this connection may still wait in the lane.
        self.lane.flush()
        super().send_400_response(msg)

    def shutdown(self) -> None:
        self.lane.flush()
        super().shutdown()


def with_lane(lane: Lane) -> type[LaneProtocol]:
    """The protocol class for the connections that `lane` serves."""
    return type("LaneProtocol", (LaneProtocol,), {"lane": lane})
