"""Connections whose plain redirects are answered by the redirect lane.

The lane sees each request first, without a parser if it has seen the same head before. Its answers
leave at the end of the tick; until then they count as unsent, so that a connection gets as many as
a turn allows, and goes on when the others had theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

import structlog

from shortd.hosts.authority import host_name
from shortd.server.connections import Connections
from shortd.server.intake import END_OF_HEAD
from shortd.server.lane import Lane
from shortd.server.protocol import NO_HEADERS, PatientProtocol
from shortd.server.request_head import names_http
from shortd.visits.request_heads import RequestHead

log = structlog.get_logger(__name__)


class LaneProtocol(PatientProtocol):
    """A `PatientProtocol` that lets the redirect lane answer first."""

    lane: ClassVar[Lane]
    """Set by `with_lane`."""

    __slots__ = (
        *("_answered", "_answers", "_begun", "_closes", "_head", "_in_lane", "_is_answered"),
        *("_turn_bytes", "_turn_requests", "_unknown"),
    )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._answers = b""
        """Of the lane, in this tick."""
        self._answered = 0
        """How many they are."""
        self._closes = False
        """The lane has answered the last request of this connection."""
        self._in_lane = False
        """The request being read was answered by the lane."""
        self._is_answered = False
        """The lane has answered the request that was read last."""
        self._begun = 0
        """Requests that began."""
        self._head: RequestHead | None = None
        """Of that request, if it may be remembered."""
        self._unknown = b""
        super().connection_made(transport)
        self._turn_requests = self.bounds.turn_requests
        self._turn_bytes = self.bounds.turn_bytes

    def connection_lost(self, exc: Exception | None) -> None:
        self._answers = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_ready and (not self._answers or self._has_turn()):
            if self._answer_known(data):
                return
            if data.find(END_OF_HEAD) == len(data) - 4 and data[0] > 32 and data.isascii():
                # A whole head and nothing else, as from nearly all clients.
                self._line, self._head_bytes = data, len(data)
                self._parse_whole(data, self.feed)
                if not self._is_answered or self.ended:
                    self.read_on()
                return
            self._unknown = data
        super().data_received(data)
        self._unknown = b""

    def _has_turn(self) -> bool:
        return self._answered < self._turn_requests and len(self._answers) < self._turn_bytes

    def _is_free(self) -> bool:
        """Whether the request may be answered right away: no other one is in work."""
        return self.cycle is None or self.cycle.response_complete

    def is_hungry(self) -> bool:
        return (self.in_body or not self._answers or self._has_turn()) and super().is_hungry()

    def _answer_known(self, data: bytes) -> bool:
        """Answers a whole request if its head was seen before."""
        try:
            response = self.lane.answer_known(
                data, self._address, self.server_state.default_headers
            )
        except Exception:
            log.exception("lane_failed")
            return False
        if response is None:
            return False
        self.has_moved = True
        self._answer(response)
        return True

    def _answer(self, response: bytes) -> None:
        if self._answers:
            self._answers += response
            self._answered += 1
        else:
            self._answers = response
            self._answered = 1
            self.lane.send_later(self)

    def parse_head(self, piece: bytes) -> None:
        if self.in_message:
            super().parse_head(piece)
        elif (
            piece != self._unknown
            and self._is_free()
            # Whoever is to be told more than usual is not answered from memory.
            and not self.shared.is_ending
            and self._answer_known(piece)
        ):
            self._head_bytes = 0
        else:
            self._parse_whole(piece, super().parse_head)

    def _parse_whole(self, piece: bytes, parse: Callable[[bytes], None]) -> None:
        """Has the parser read what begins with a head, and remembers it if it is one."""
        begun = self._begun
        parse(piece)
        head = self._head
        if self._is_answered and head is not None and self._begun == begun + 1:
            self.lane.remember(piece, head)

    def on_message_begin(self) -> None:
        self.in_message = True
        self._head, self._is_answered = None, False
        self._begun += 1
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            parser = self.parser
            version = parser.get_http_version()
            fields = dict(self.headers)
            if not (
                version == "1.1"
                and len(fields) == len(self.headers)
                and host_name(fields.get(b"host", b""))
                and names_http(self._line)
            ):
                self.check_head()
                fields = dict(self.headers)
            is_last = self.shared.is_ending and not self.intake
            keep_alive = version != "1.0" and parser.should_keep_alive() and not is_last
            response = None
            try:
                head = self.lane.head(fields, self.headers)
                if head is not None:
                    response = self.lane.answer(
                        parser.get_method(),
                        self.url,
                        head,
                        self._address,
                        self.server_state.default_headers,
                        keep_alive,
                    )
            except Exception:
                # Out of a parser's callback it would look like a bad request.
                log.exception("lane_failed")
            if response is not None:
                self._in_lane = True
                self._head_bytes = 0
                self.ended = self._closes = not keep_alive
                self._head = head if keep_alive else None
                self._answer(response)
                return
        self._in_lane = False
        self._hand_over()

    def _hand_over(self) -> None:
        """Lets uvicorn see the request from its beginning, as if there were no lane."""
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expect
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._in_lane:
            self._in_lane = self.in_message = False
            self._is_answered = self.has_moved = True
            self.headers, self._line = NO_HEADERS, b""
        else:
            super().on_message_complete()

    def send_answers(self) -> None:
        """Writes what the lane has answered in this tick."""
        answers, self._answers = self._answers, b""
        if answers:
            self.transport.write(answers)
            if self._closes:
                self.hang_up()
            elif not self.is_ready:
                self.read_on_later()

    def finish(self, words: bytes | None) -> None:
        # Answers to earlier requests of this connection may still wait in the lane.
        self.lane.flush()
        super().finish(words)

    def wind_down(self) -> None:
        self.lane.flush()
        super().wind_down()


def with_lane(lane: Lane, shared: Connections) -> type[LaneProtocol]:
    """The protocol class for the connections that `lane` serves."""
    return type("LaneProtocol", (LaneProtocol,), {"lane": lane, "shared": shared})
