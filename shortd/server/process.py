"""The process: uvicorn over the application, from start to a drained stop.

The only module that knows uvicorn. It must never decide what a request gets.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop

from shortd import __version__
from shortd.app import App
from shortd.control import commands as admin_commands
from shortd.control import socket as admin
from shortd.server.connections import Connections
from shortd.server.descriptors import most_connections, raise_limit
from shortd.server.lane import Lane
from shortd.server.lane_protocol import with_lane
from shortd.server.listening import listen, shown
from shortd.server.protocol import PatientProtocol, with_bounds
from shortd.server.signals import Signals
from shortd.services import open_services
from shortd.settings import Settings
from shortd.store.data_directory import act_as_owner

LOOK_SECONDS = 1.0
STOPPING_SECONDS = 5.0
"""A server that is to stop waits for a silent client for no longer than this."""
STOPPING_LOOK_SECONDS = 0.25
UNWIND_SECONDS = 0.5
"""Requests whose clients were cut off get so long to notice."""
COLLECT_AFTER = (50_000, 20, 50)
"""Thresholds of the garbage collector's three generations."""
SWITCH_SECONDS = 0.0005
"""The event loop waits at most this long for the interpreter while another thread works."""

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """A uvicorn server that stops in order, within the time that it is given."""

    def __init__(
        self, config: uvicorn.Config, connections: Connections, end: Callable[[], None]
    ) -> None:
        """`end` ends what would go on for ever, and is called when a stop begins."""
        super().__init__(config)
        self._end_streams = end
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._is_stopping = asyncio.Event()
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
            self._loop.call_soon_threadsafe(self._is_stopping.set)

    async def watch(self) -> None:
        """Gives up clients that make no progress, once a second, and tells what was noted of them;
        after `stop` more often, and in the end all that are left. Until cancelled.
        """
        while not self._is_stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_stopping.wait(), LOOK_SECONDS)
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
        for connection in list(self.server_state.connections):
            if not isinstance(connection, PatientProtocol):
                continue
            try:
                connection.look(now, most)
            except Exception:
                # One connection is no reason to stop serving all the others.
                log.exception("connection_failed")
                connection.transport.abort()

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


def run(
    settings: Settings, signals: Signals | None = None, settings_file: Path | None = None
) -> None:
    """Serves until a signal asks for the end; returns after everything is drained. `signals` may
    have been taken before.

    The file is where the settings come from, for the log.

    Raises StoreError if the data directory cannot be used, OSError if the address cannot.
    """
    signals = signals or Signals()
    sys.setswitchinterval(SWITCH_SECONDS)
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        cut_off = runner.run(_serve(settings, signals, settings_file))
    log.info("stopped", clients_cut_off=cut_off)


async def _serve(settings: Settings, signals: Signals, settings_file: Path | None) -> int:
    """Serves until the end; how many clients were cut off then."""
    limit = raise_limit()
    listeners = listen(settings.server.host, settings.server.port)
    try:
        # Only now: the address may be one that root alone may have.
        if settings.data_dir.exists():
            act_as_owner(settings.data_dir, access_will_do=True)
        services = await open_services(settings)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    most = most_connections(limit, settings.server.spare_descriptors)
    connections = Connections(settings.server, most, services.visitors.proxies.speaks_for_many)
    services.metrics.register(connections)
    protocol = with_bounds(connections)
    if settings.server.fast_lane:
        protocol = with_lane(Lane(services, asyncio.get_running_loop()), connections)
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
    )
    server = Server(config, connections, services.clicks.clicks.feed.end)
    signals.stop = server.stop
    # What exists now lives as long as the process; the collector need not visit it, and need
    # not look for cycles after every few hundred redirects, which make none.
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    log.info(
        "serving",
        version=__version__,
        url=settings.public_url,
        listening=", ".join(shown(*one.getsockname()[:2]) for one in listeners),
        settings=str(settings_file or "none"),
        data=str(settings.data_dir.absolute()),
        mail=str(services.mail.delivery.transport),
    )
    for issuer in services.issuers.values():
        log.info(
            "issuer", name=issuer.name, issuer=issuer.settings.issuer, callback=issuer.callback
        )
    try:
        await _run_with(
            server.serve(sockets=listeners),
            services.work(),
            server.watch(),
            admin.listen(services, admin_commands.answer),
        )
    finally:
        await services.close()
    return server.cut_off


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


def _is_no_cut(record: logging.LogRecord) -> bool:
    """A request that a stop cuts off is no fault."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
