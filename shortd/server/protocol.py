"""HTTP connections: uvicorn's protocol with patience and appetite.

A connection reads no more than it can soon answer (`server.reading`), answers what it has read in
order, and ends when its client makes no progress. What cannot be read is refused behind all that
could. Rests on uvicorn's internals, whose minor version is pinned for that reason.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from shortd import errors
from shortd.files.transfers import extensions
from shortd.server.connections import Connections
from shortd.server.outlet import Outlet, reset, taken_bytes, unacknowledged, unread
from shortd.server.patience import Wait
from shortd.server.reading import ReadingProtocol
from shortd.server.request_head import Refused, rendered
from shortd.server.sendfile import ConnectionSendFile
from shortd.visits.request_heads import Header

LOOPBACK = "127.0.0.1"
MAPPED = "::ffff:"
"""What IPv4 addresses begin with on sockets of IPv6."""
NO_HEADERS: list[Header] = []
"""Never added to: each request begins with a list of its own."""


class PatientProtocol(ReadingProtocol):
    """uvicorn's protocol, with bounds on what it reads and on how long it waits."""

    __slots__ = (
        *("answering", "has_moved"),
        *("_address", "_extensions", "_has_body", "_is_ending", "_last_head", "_last_words"),
        *("_outlet", "_task", "_work"),
    )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.answering: RequestResponseCycle | None = None
        """The request that the application works on; `cycle` is the one that came last."""
        self.has_moved = False
        """The client has asked for something, and was answered, since the last look."""
        self._outlet = Outlet(transport, self.hang_up)
        self._extensions: dict[str, Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._work: Coroutine[Any, Any, None] | None = None
        self._has_body = False
        self._last_head = 0
        """Bytes of the head that was handed over last."""
        self._is_ending = False
        self._last_words: bytes | None = None
        self.client = _believed(self.client, transport)
        self._address = self.client[0] if self.client else ""
        if self.shared.admit(self._address):
            self.limit_unsent()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the request that came last, which may still wait behind this one.
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()
        self.ended, self.is_ready = True, False
        self._unanswered = 0
        self._count_held()
        self.pipeline.clear()
        self.shared.leave(self._address)
        super().connection_lost(exc)
        # Nothing of the connection is to wait for the garbage collector.
        self.flow.end()
        self._outlet.close = self.transport.close

    # What the parser finds

    def on_message_begin(self) -> None:
        self.in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.check_head()
        if self.parser.should_upgrade():
            return
        is_ahead = self.cycle is not None and not self.cycle.response_complete
        super().on_headers_complete()
        self.cycle.transport = self._outlet  # type: ignore[assignment]
        if self._extensions is None:
            self._extensions = extensions(ConnectionSendFile(self), self.patience.expect_upload)
        self.scope["extensions"] = self._extensions
        self.in_body = True
        self._body_left, self._has_body = None, False
        for name, value in self.headers:
            if name == b"content-length":
                self._body_left = int(value)
        self.patience.begin_body()
        if is_ahead:
            self._ahead += 1
            self._ahead_bytes += self._head_bytes
        self._unanswered += self._head_bytes
        self._last_head, self._head_bytes = self._head_bytes, 0

    def on_body(self, body: bytes) -> None:
        self._head_bytes, self._has_body = 0, True
        self.patience.receive(len(body))
        if self._body_left is not None:
            self._body_left -= len(body)
        if self.pipeline:
            self._ahead_bytes += len(body)
            self._unanswered += len(body)
        waiting: bytes | bytearray = self.cycle.body
        if not (waiting or self.cycle.response_complete):
            # The piece itself, as nobody has to copy it then. What comes before it is taken is
            # added to it, which mostly is nothing.
            self.cycle.body = body  # type: ignore[assignment]
            super().on_body(b"")
            return
        if waiting.__class__ is bytes:
            self.cycle.body = bytearray(waiting)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.in_message = self.in_body = False
        self._head_bytes = 0
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        if self.shared.is_ending:
            self._announce_end()
        if not self.cycle.keep_alive:
            self.ended, self.is_ready = True, False
        self._wait()

    # Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.answering = cycle
        self._work = cycle.run_asgi(app)
        self._task = task = self.loop.create_task(self._work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        # As uvicorn has it, but for the timer that it arms here for each request.
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self._is_lingering:
            return
        if self.in_body and not self.pipeline:
            self.cycle.body = bytearray()
            self.patience.ignore_body()
            if self.expect_100_continue and not self._has_body:
                # A client that was not told to continue may leave the body out, or send it
                # (RFC 9110 10.1.1): what comes now is a body or a request.
                self.end(b"")
        self._go_on()
        self.read_on()

    def pause_writing(self) -> None:
        self.is_ready = False
        super().pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._go_on()
            self.read_on()

    def _go_on(self) -> None:
        """Begins with the next request, or says the last words, if their turn has come."""
        if self._is_busy():
            return
        if self.pipeline:
            if self.flow.write_paused:
                # An answer is made when the one before it is written.
                return
            self._start_asgi_task(*self.pipeline.pop())
            if not self.pipeline:
                self._ahead = self._ahead_bytes = 0
                self._unanswered = self._last_head
        elif self._is_ending:
            self._is_ending = False
            self.finish(self._last_words)
        self._wait()

    def _is_busy(self) -> bool:
        return self.answering is not None and not self.answering.response_complete

    def _wait(self) -> None:
        """Notes whose turn it is."""
        if self.in_message or self._is_lingering:
            return
        if self._is_busy() or self.pipeline:
            self.patience.work()
            return
        self.patience.rest()
        # Whoever rests is to take no memory for what he once asked.
        self.cycle = self.answering = self._task = self.scope = None  # type: ignore[assignment]
        self.headers, self._line, self._unanswered = NO_HEADERS, b"", 0
        self._work = None

    # The end

    def refuse(self, refused: Refused) -> None:
        """Tells the client that its request cannot be read, when all before it are answered."""
        self.shared.note_malformed(refused.kind, self._address)
        self.tell(refused.error)

    def tell(self, error: errors.ShortdError) -> None:
        is_head = self.in_message and self.parser.get_method() == b"HEAD"
        self.end(rendered(error, self.server_state.default_headers, with_body=not is_head))

    def end(self, words: bytes | None) -> None:
        """Reads nothing more; answers what was read, says the last words and hangs up. The request
        that was being read is given up. None: the client has stopped sending, too.
        """
        if self.ended:
            return
        broken = self.cycle if self.in_body else None
        self._end_reading()
        if broken is not None and not self._withdraw(broken) and words is not None:
            words = b""
        self._is_ending, self._last_words = True, words
        self._go_on()

    def _end_reading(self) -> None:
        self.ended, self.is_ready = True, False
        self.in_message = self.in_body = False

    def _withdraw(self, cycle: RequestResponseCycle) -> bool:
        """Takes back the request that was handed over last; False if its answer has begun."""
        if cycle.response_started:
            self._cut_off(cycle)
            return False
        if cycle is not self.answering:
            self.pipeline.popleft()
        elif self._task and self._work and getcoroutinestate(self._work) == CORO_CREATED:
            self._task.cancel()
        self._cut_off(cycle)
        return True

    def _cut_off(self, cycle: RequestResponseCycle) -> None:
        """Lets the application see that its client has left, if it works on the request."""
        if cycle.response_complete:
            return
        cycle.disconnected = True
        cycle.message_event.set()
        cycle.on_response = _nothing
        if cycle is self.answering:
            self.answering = None

    def finish(self, words: bytes | None) -> None:
        """Says the last words, and closes the connection."""
        if words is None:
            self.transport.close()
            return
        self.transport.write(words)
        self.linger()

    def hang_up(self) -> None:
        """Closes the connection when all is written."""
        is_sending = self.in_message or bool(self.intake)
        self.ended, self.is_ready = True, False
        if is_sending:
            self.linger()
        else:
            self.transport.close()

    def linger(self) -> None:
        """Closes our side of the connection, and the other when the client has read that."""
        if self.transport.is_closing() or self._is_lingering:
            return
        self._is_lingering = True
        self.patience.linger()
        self.transport.write_eof()
        self._count_held()
        self.flow.let_in()

    def wind_down(self) -> None:
        """The server stops: the next answer that begins is the last one. A client that has asked
        for nothing yet may still do so, for a moment.
        """
        self._note_moves()
        self.is_ready = False
        if self._is_busy() or self.in_body or self.pipeline:
            self._announce_end()
            if not (self.in_body or self.cycle.keep_alive):
                self._end_reading()

    def _announce_end(self) -> None:
        """Has the answer to the request that came last say that it is, if that can still be said
        and nothing came behind it.
        """
        if not (self.cycle.response_started or self.intake):
            self.cycle.keep_alive = False

    def leave(self, now: float, quiet: float) -> None:
        """Closes the connection, if nothing of it is under way and its client has asked for nothing
        for `quiet` s.
        """
        if self._is_busy() or self.in_body or self.pipeline:
            return
        if self.ended or self.transport.is_closing():
            return
        # What has come and was not read yet is no silence.
        if self.patience.waited(now) >= quiet and not unread(self.transport):
            self.end(None)

    def _note_moves(self) -> None:
        if self.has_moved:
            self.has_moved = False
            if self.is_ready:
                self.patience.rest()

    def look(self, now: float, most: float) -> None:
        """Gives up a client that makes no progress. Asked once a second; `now` is the loop's time,
        and no pause may be longer than `most` s.
        """
        if not self.transport.get_write_buffer_size():
            self.patience.has_taken_all()
        elif self.patience.is_deaf(now, taken_bytes(self.transport), most=most):
            self.shared.closed["answer"] += 1
            reset(self.transport)
            return
        if self.transport.is_closing():
            return
        self._note_moves()
        late = self.patience.late(now, is_paused=self.flow.read_paused, most=most)
        if not late:
            return
        self.shared.closed[late] += 1
        if late is Wait.REQUEST and unacknowledged(self.transport):
            # It has not even taken what it asked for.
            reset(self.transport)
        elif self.ended:
            self.transport.close()
        else:
            self.end(None)

    def limit_unsent(self) -> None:
        """Sets how much may wait for the client before its next request does."""
        if not self.transport.is_closing():
            self.transport.set_write_buffer_limits(high=self.shared.unsent_bytes)


def _believed(
    client: tuple[str, int] | None, transport: asyncio.Transport
) -> tuple[str, int] | None:
    """Who a client is, as far as that is known."""
    if client is None:
        # Also whoever has left already, and may be anybody. A Unix socket leads to this machine.
        is_local = transport.get_extra_info("socket").family == socket.AF_UNIX
        return (LOOPBACK, 0) if is_local else None
    address, port = client
    # One socket for both families, as systemd makes them.
    return (address.removeprefix(MAPPED), port) if address.startswith(MAPPED) else client


def _nothing() -> None:
    pass


def with_bounds(shared: Connections) -> type[PatientProtocol]:
    """The protocol class of the connections that share these."""
    return type("PatientProtocol", (PatientProtocol,), {"shared": shared})
