"""A uvicorn server that stops in order: nobody is cut off who could still be served, and nobody
holds it up for longer than it is given.

Where a supervisor holds the listening sockets, whoever connects meanwhile waits for the next
process. Who is connected gets the answer to what he has asked, is told with it that his connection
ends, and has a moment to ask before it does: a connection that closes while a request is on its way
loses it.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import structlog
import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shortd.server.connections import Connections
from shortd.server.protocol import PatientProtocol

LOOK_SECONDS = 1.0
PAUSE_SECONDS = 0.7
"""What clients have for one more request, from when a stop begins."""
QUIET_SECONDS = 1.1
"""Whoever asks more than once a second asks within that."""
STOPPING_SECONDS = 5.0
"""A server that is to stop waits for a silent client for no longer than this."""
STOPPING_LOOK_SECONDS = 0.1
EMPTY_SECONDS = 0.02
"""How often a stop looks whether anybody is left."""
UNWIND_SECONDS = 0.5
"""Requests whose clients were cut off get so long to notice."""

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """Listens on the sockets that it is given, of any family, until it is told to stop."""

    def __init__(self, config: Config, connections: Connections, end: Callable[[], None]) -> None:
        """`end` ends what would go on for ever, and is called when a stop begins."""
        super().__init__(config)
        self._end_streams = end
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self.is_up = asyncio.Event()
        """Whoever connects is served."""
        self.is_stopping = asyncio.Event()
        self._closed_at = math.inf
        """When nobody could connect any more."""
        self.cut_off = 0
        """Clients that a stop did not wait for."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again after its shutdown, which would end the process
        # before clicks and balances are saved.
        yield

    def stop(self, number: int) -> None:
        """Takes a signal as a request to stop, and nothing more."""
        self.handle_exit(number, None)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.is_stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, which takes Unix sockets for others."""
        await self.lifespan.startup()
        self.servers = []
        for listener in sockets or ():
            listen = (
                self._loop.create_unix_server
                if listener.family == socket.AF_UNIX
                else self._loop.create_server
            )
            backlog = self.config.backlog
            self.servers.append(await listen(self._connect, sock=listener, backlog=backlog))
        self.started = True

    def _connect(self) -> asyncio.Protocol:
        protocol = cast("type[HttpToolsProtocol]", self.config.http_protocol_class)
        return protocol(self.config, self.server_state, self.lifespan.state)

    async def on_tick(self, counter: int) -> bool:
        is_over = await super().on_tick(counter)
        # Only now does each answer have its date.
        self.is_up.set()
        return is_over

    async def watch(self) -> None:
        """Gives up clients that make no progress, once a second, and tells what was noted of them;
        after `stop` more often, and in the end all that are left. Until cancelled.
        """
        while not self.is_stopping.is_set():
            # asyncio.wait_for may lose a cancellation that comes as the event is set.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.is_stopping.wait()
            self._look()
            self._connections.tell(self._loop.time())
        self._end_streams()
        self._connections.tell(math.inf)
        given_up = self._connections.closed.total()
        end = self._loop.time() + self._connections.bounds.stop_seconds
        while self._loop.time() < end:
            await asyncio.sleep(STOPPING_LOOK_SECONDS)
            self._look(STOPPING_SECONDS)
            self.cut_off = self._connections.closed.total() - given_up
        await self._end()
        await asyncio.Event().wait()

    def _look(self, most: float = math.inf) -> None:
        now = self._loop.time()
        is_leaving = now - self._closed_at > PAUSE_SECONDS
        for connection in self._all():
            try:
                if is_leaving:
                    connection.leave(now, QUIET_SECONDS)
                connection.look(now, most)
            except Exception:
                # One connection is no reason to stop serving all the others.
                log.exception("connection_failed")
                connection.transport.abort()

    def _all(self) -> list[PatientProtocol]:
        connections = self.server_state.connections
        return [one for one in list(connections) if isinstance(one, PatientProtocol)]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, which closes at once what rests."""
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        self._closed_at = self._loop.time()
        self._connections.is_ending = True
        for connection in self._all():
            connection.wind_down()
        state = self.server_state
        while (state.connections or state.tasks) and not self.force_exit:
            await asyncio.sleep(EMPTY_SECONDS)

    async def _end(self) -> None:
        """Ends what is still under way: downloads can be resumed, and what was not answered was
        not promised.
        """
        connections, tasks = self.server_state.connections, self.server_state.tasks
        self.cut_off += len(connections)
        for connection in list(connections):
            connection.transport.abort()
        await asyncio.sleep(UNWIND_SECONDS)
        for task in list(tasks):
            task.cancel()
        await asyncio.sleep(UNWIND_SECONDS)
        self.force_exit = True
