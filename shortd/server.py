"""The process: uvicorn over the application, from start to a drained stop.

The only module that knows uvicorn. It must never decide what a request gets.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
import uvloop
from uvicorn.server import HANDLED_SIGNALS

from shortd import __version__, admin, admin_commands
from shortd.app import App
from shortd.lane import Lane
from shortd.protocol import KEEP_ALIVE_SECONDS, STOPPING_SECONDS, PatientProtocol, with_lane
from shortd.services import open_services
from shortd.settings import Settings

SHUTDOWN_SECONDS = 30
COLLECT_AFTER = (50_000, 20, 50)
"""Thresholds of the garbage collector's three generations."""
SWITCH_SECONDS = 0.0005
"""The event loop waits at most this long for the interpreter while another thread works."""

log = structlog.get_logger(__name__)


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
            limit = STOPPING_SECONDS if self.should_exit else KEEP_ALIVE_SECONDS
            for connection in list(self.server_state.connections):
                if isinstance(connection, PatientProtocol) and connection.overdue(now, limit):
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
    protocol: type[PatientProtocol] = PatientProtocol
    if settings.server.fast_lane:
        protocol = with_lane(Lane(services, asyncio.get_running_loop()))
    config = uvicorn.Config(
        App(services),
        interface="asgi3",
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = Server(config)
    # What exists now lives as long as the process; the collector need not visit it, and need
    # not look for cycles after every few hundred redirects, which make none.
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    log.info(
        "serving",
        version=__version__,
        url=settings.public_url,
        listening="{}:{}".format(*listener.getsockname()[:2]),
        data=str(settings.data_dir),
        mail=str(services.delivery.transport),
    )
    try:
        await _run_with(
            server.serve(sockets=[listener]),
            services.work(),
            server.watch(),
            admin.listen(services, admin_commands.run),
        )
    finally:
        await services.close()
    log.info("stopped")


async def _run_with(main: Coroutine[Any, Any, None], *work: Coroutine[Any, Any, None]) -> None:
    """Runs `main` to its end beside endless work; work that ends by itself ends it all."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in (main, *work)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket. Taken before anything is opened, so that a busy port is told first."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as fault:
        # Python appends the address, in a form for programmers.
        reason = (fault.strerror or str(fault)).partition(" (while")[0]
        raise OSError(fault.errno, reason, f"{host}:{port}") from None
