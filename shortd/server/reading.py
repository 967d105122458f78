"""How a connection reads: what came, in pieces, into the parser, as far as its appetite goes.

No request exists before it is wanted, however many have come, and what cannot be read is refused
once. What becomes of a request, and how a connection ends, is another's affair (`server.protocol`).
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shortd import errors
from shortd.server.connections import Connections
from shortd.server.intake import Intake
from shortd.server.outlet import Flow
from shortd.server.patience import Patience
from shortd.server.request_head import (
    Refused,
    check,
    escaped_line,
    origin_form,
    unreadable,
    without_upgrade,
)

TOO_LARGE = ("The head of the request is too large.", "head too large")
LINGER_BYTES = 1 << 20
"""What a client may go on sending to a connection that is at its end."""
TURN_PARSED_BYTES = 64 * 1024
"""What one connection has parsed before the others have their turn."""
LEAST_PIECE_BYTES = 64
"""What a piece counts for: none is for nothing."""


class ReadingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on what it reads."""

    shared: ClassVar[Connections]
    """Set by `with_bounds`."""

    # What a redirect touches is looked up in a slot, beside uvicorn's attributes.
    __slots__ = (
        *("bounds", "ended", "in_body", "in_message", "intake", "is_ready", "patience"),
        *("_ahead", "_ahead_bytes", "_body_left", "_head_bytes", "_held", "_is_lingering"),
        *("_is_read_again", "_is_scheduled", "_line", "_lingered", "_unanswered"),
    )
    flow: Flow

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.bounds = self.shared.bounds
        self.flow = Flow(transport, self.read_on)
        self.patience = Patience(self.bounds, self.loop.time)
        self.intake = Intake()
        self.in_message = False
        """The parser stands inside a request."""
        self.in_body = False
        """It stands behind that request's head, and the request was handed over."""
        self.ended = False
        """Nothing that comes is read any more."""
        self.is_ready = not self.shared.is_ending
        """All that came is answered, and a new request may come."""
        self._ahead = self._ahead_bytes = 0
        """Requests read ahead since none waited, and their bytes."""
        self._unanswered = 0
        """Bytes of the requests that are not answered, or that were read ahead with these."""
        self._held = 0
        """What all of this connection that waits takes."""
        self._head_bytes = 0
        """Since the parser last got somewhere."""
        self._line = b""
        """What came of a head that begins with its first line."""
        self._body_left: int | None = None
        self._is_read_again = False
        """The head that the parser reads has stopped it before."""
        self._is_scheduled = False
        self._is_lingering = False
        self._lingered = 0

    def refuse(self, refused: Refused) -> None:
        """Ends the connection, since its request cannot be read."""
        raise NotImplementedError

    def tell(self, error: errors.ShortdError) -> None:
        """Ends the connection with a refusal, when all that was read is answered."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        if not self.ended:
            self.intake.take(data)
            self.read_on()
        elif self._is_lingering:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.transport.abort()

    def read_on(self) -> None:
        """Parses what came, as far as the appetite goes, then has the transport read or rest."""
        left = TURN_PARSED_BYTES
        while self.intake and not self.ended and self.is_hungry():
            if left <= 0:
                self.read_on_later()
                break
            left -= max(LEAST_PIECE_BYTES, self._parse_piece())
        self._count_held()
        if self.intake or not (self.ended or self.is_hungry()):
            self.flow.pause_reading()
            self.is_ready = False
            return
        # What comes behind the end is dropped: a client that leaves is noticed.
        if self.flow.read_paused:
            self.flow.let_in()
        self.is_ready = not (
            self.in_message
            or self.ended
            or self.shared.is_ending
            or (self.cycle is not None and not self.cycle.response_complete)
        )

    def read_on_later(self) -> None:
        """Reads on in the next iteration of the event loop, when others had their turn."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._read_on_now)

    def _read_on_now(self) -> None:
        self._is_scheduled = False
        if not self.transport.is_closing():
            self.read_on()

    def is_hungry(self) -> bool:
        """Whether more may be parsed of a body, or of a request behind those that wait."""
        if self.in_body:
            return self.cycle.response_complete or len(self.cycle.body) <= HIGH_WATER_LIMIT
        return (
            self._ahead < self.bounds.pipelined_requests
            and self._ahead_bytes < self.bounds.pipelined_bytes
            and not self.flow.write_paused
        )

    def _count_held(self) -> None:
        """What all connections hold is bounded. Of a client that sends more, nothing is answered
        but what was read before; it may ask again (RFC 9112 9.3.2).
        """
        if self.ended:
            self.intake.drop()
        held = self.intake.held + self._unanswered
        if held == self._held:
            return
        self.shared.held += held - self._held
        is_more, self._held = held > self._held, held
        if is_more and self.shared.held > self.bounds.buffer_bytes and not self.ended:
            self.shared.closed["held"] += 1
            self.tell(errors.BUSY(retry_after=1))

    def _parse_piece(self) -> int:
        """Parses up to the end of a head, or some of a body: how many bytes."""
        if self.in_body:
            piece = self.intake.body_piece(self._body_left)
            if self._body_left is None:
                self._head_bytes += len(piece)
            self.feed(piece)
            return len(piece)
        if is_first := not self.in_message:
            self._head_bytes += self.intake.skip_blank()
            self._line = b""
        head = self.intake.head_piece()
        self._head_bytes += len(head)
        self.parse_head(head)
        if is_first and self.in_message and not self.in_body:
            self.patience.begin_head()
        return len(head)

    def parse_head(self, piece: bytes) -> None:
        """Has the parser read a head, or what came of it."""
        if b"\n" not in self._line:
            if not piece.isascii():
                piece = escaped_line(piece)
            self._line += piece
        self.feed(piece)

    def feed(self, piece: bytes | memoryview) -> None:
        """Has the parser read a piece. What it cannot read ends the connection, in order."""
        try:
            if self._head_bytes > self.bounds.head_bytes:
                # The parser copies a header again with every piece of it.
                raise unreadable(*TOO_LARGE)
            self.parser.feed_data(piece)
        except HttpParserUpgrade as stop:
            self._read_again(bytes(piece[stop.args[0] :]))
        except HttpParserError as fault:
            # An exception from a callback is the context of what the parser raises.
            cause = fault.__context__
            self.refuse(cause if isinstance(cause, Refused) else unreadable())
        except Refused as refused:
            self.refuse(refused)

    def _read_again(self, rest: bytes) -> None:
        """Has a request that asks for an upgrade read again, as one that does not.

        Java and curl ask for h2c in any first request. The parser has stopped behind the head,
        taking even the request's own body for the other protocol.
        """
        if self._is_read_again:
            # Once and no more: what stops the parser again would stop it for ever.
            self.refuse(unreadable())
            return
        parser = self.parser
        version = parser.get_http_version()
        head = without_upgrade(parser.get_method(), self.url, version, self.headers)
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        if rest:
            self.intake.put_back(rest)
        self._is_read_again = True
        self.feed(head)
        self._is_read_again = False

    def check_head(self) -> None:
        """Raises Refused for a head that nobody is to see."""
        if len(self.headers) > self.bounds.head_fields:
            raise unreadable(*TOO_LARGE)
        parser = self.parser
        check(parser.get_method(), parser.get_http_version(), self._line, self.headers)
        if not self.url.startswith(b"/"):
            self.url, headers = origin_form(self.url, self.headers)
            # The scope has this very list.
            self.headers[:] = headers
