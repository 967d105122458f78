"""The process: uvicorn over the application, from start to a drained stop.

The only module that knows uvicorn. It must never decide what a request gets.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import HANDLED_SIGNALS

from shortd import __version__
from shortd.app import App
from shortd.services import open_services
from shortd.settings import Settings

HEADER_SECONDS = 10.0
"""A connection that has sent half a request gets this long for the rest of its headers."""
BODY_SECONDS = 30.0
"""A body may be slow, but not silent, for this long."""
KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 30
SWITCH_SECONDS = 0.0005
"""The event loop waits at most this long for the interpreter while another thread works."""

log = structlog.get_logger(__name__)


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, closing connections that make no progress.

    uvicorn arms no timer before the first request or while one arrives. Marks are set when
    data comes; `overdue` is asked now and then, so a request costs no timer of its own.
    """

    waiting_since: float | None = None
    in_headers = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.waiting_since = self.loop.time()
        self.in_headers = True

    def data_received(self, data: bytes) -> None:
        if not self.in_headers:
            # A body is measured from its last byte, headers from their first.
            self.waiting_since = self.loop.time()
        super().data_received(data)

    def on_message_begin(self) -> None:
        self.waiting_since = self.loop.time()
        self.in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.waiting_since = None
        super().on_message_complete()

    def overdue(self, now: float) -> bool:
        """Whether the client has kept us waiting for too long."""
        if self.waiting_since is None:
            return False
        if self.flow is not None and self.flow.read_paused:
            # We are the ones who do not read.
            self.waiting_since = now
            return False
        patience = HEADER_SECONDS if self.in_headers else BODY_SECONDS
        return now - self.waiting_since > patience


class Server(uvicorn.Server):
    """A uvicorn server that takes a signal as a request to stop, and nothing more."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again after its shutdown, which would end the process
        # before clicks and balances are saved.
        loop = asyncio.get_running_loop()
        for number in HANDLED_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in HANDLED_SIGNALS:
                loop.remove_signal_handler(number)

    async def watch(self) -> None:
        """Closes overdue connections, once a second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            now = loop.time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, PatientProtocol) and connection.overdue(now):
                    connection.transport.close()


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; returns after everything is drained.

    Raises StoreError if the data directory cannot be used, OSError if the address cannot.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    listener = _listen(settings.server.host, settings.server.port)
    try:
        services = await open_services(settings)
    except BaseException:
        listener.close()
        raise
    config = uvicorn.Config(
        App(services),
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = Server(config)
    # What exists now lives as long as the process; the collector need not visit it.
    gc.freeze()
    work = [asyncio.create_task(services.work()), asyncio.create_task(server.watch())]
    log.info(
        "serving",
        version=__version__,
        url=settings.public_url,
        listening="{}:{}".format(*listener.getsockname()[:2]),
        data=str(settings.data_dir),
    )
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await services.close()
    log.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket. Taken before anything is opened, so that a busy port is told first."""
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    try:
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, f"{host}:{port}") from None
