"""The process: uvicorn over the application, from start to a drained stop.

It must never decide what a request gets.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from socket import socket
from typing import Any

import structlog
import uvicorn
import uvloop

from shortd import __version__
from shortd.app import App
from shortd.control import socket as admin
from shortd.control.wire import Reply
from shortd.hosts.ways import option_problems
from shortd.server import logs, socket_files
from shortd.server.activation import inherited
from shortd.server.connections import Connections
from shortd.server.descriptors import most_connections, raise_limit
from shortd.server.lane import Lane
from shortd.server.lane_protocol import with_lane
from shortd.server.listening import BACKLOG, close, listen, name_of
from shortd.server.notifying import Supervisor
from shortd.server.protocol import with_bounds
from shortd.server.reloading import Reloading
from shortd.server.signals import Signals
from shortd.server.stopping import Server
from shortd.services import Services, open_services
from shortd.settings import Settings
from shortd.settings.config import ConfigError
from shortd.settings.in_force import RELOADED, InForce, Sourced
from shortd.store.data_directory import act_as_owner
from shortd.store.mounts import check_place
from shortd.visitors.visitors import kept_address

COLLECT_AFTER = (50_000, 20, 50)
"""Thresholds of the garbage collector's three generations."""
SWITCH_SECONDS = 0.0005
"""The event loop waits at most this long for the interpreter while another thread works."""

log = structlog.get_logger(__name__)


def run(in_force: InForce, signals: Signals | None = None) -> None:
    """Serves until a signal asks for the end; returns after everything is drained. `signals` may
    have been taken before.

    Raises StoreError if the data directory cannot be used, OSError if the address cannot,
    ConfigError for sockets that a supervisor passes and that are none to serve on.
    """
    signals = signals or Signals()
    supervisor = Supervisor.of_environment(os.environ)
    passed = inherited(os.environ)
    sys.setswitchinterval(SWITCH_SECONDS)
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        cut_off = runner.run(_serve(in_force, signals, supervisor, passed))
    log.info("stopped", clients_cut_off=cut_off)


async def _serve(
    in_force: InForce, signals: Signals, supervisor: Supervisor, passed: list[socket]
) -> int:
    """Serves until the end; how many clients were cut off then."""
    settings, limit = in_force.settings, raise_limit()
    with ExitStack() as undo:
        hosts = () if passed else settings.server.host
        listeners = passed or listen(hosts, settings.server.port)
        undo.callback(close, listeners)
        # Only now: the address may be one that root alone may have.
        if settings.data_dir.exists():
            act_as_owner(settings.data_dir, access_will_do=True)
        check_place(settings.data_dir, require_mount=settings.storage.require_mount)
        listeners += undo.enter_context(socket_files.listening(hosts))
        services = await open_services(settings, in_force=in_force, upgrading=supervisor.patient)
        return await _serve_with(services, listeners, limit, signals, supervisor)


async def _serve_with(
    services: Services,
    listeners: list[socket],
    limit: int,
    signals: Signals,
    supervisor: Supervisor,
) -> int:
    settings, loop = services.settings, asyncio.get_running_loop()
    most = most_connections(limit, settings.server.spare_descriptors)
    connections = Connections(settings.server, most, services.visitors.proxies.speaks_for_many)
    services.metrics.register(connections)
    protocol = with_bounds(connections)
    if settings.server.fast_lane:
        protocol = with_lane(Lane(services, loop), connections)
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
        backlog=BACKLOG,
    )
    server = Server(config, connections, services.clicks.clicks.feed.end)
    services.in_force.listening = tuple(map(name_of, listeners))
    status = f"Serving {settings.public_url} on {', '.join(services.in_force.listening)}"
    takers = {"log": partial(_take_log, services), "host": partial(_take_hosts, services)}
    assert takers.keys() == RELOADED, "the operator's pages tell which these are"
    reloading = Reloading(services.in_force, partial(_read, services), takers)

    def reload() -> None:
        if not server.is_up.is_set():
            # Nobody waits for that yet, and nobody is to take it for the end of the start.
            reloading.reload()
            return
        supervisor.reloading()
        reloading.reload()
        supervisor.ready(status)

    def reload_soon() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(reload)

    signals.attend(server.stop, reload_soon)
    # What exists now lives as long as the process; the collector need not visit it, and need
    # not look for cycles after every few hundred redirects, which make none.
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    log.info(
        "serving",
        version=__version__,
        url=settings.public_url,
        listening=", ".join(services.in_force.listening),
        settings=str(services.in_force.given.file or "none"),
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
            admin.listen(services, _command),
            _report(server, services, supervisor, status),
        )
    finally:
        await services.close()
    return server.cut_off


async def _command(services: Services, name: str, args: dict[str, Any]) -> AsyncIterator[Reply]:
    """Runs one of the operator's commands. All of them are imported for the first: it takes a
    moment, which the event loop does not wait for."""
    commands = await asyncio.to_thread(import_module, "shortd.control.commands")
    async for reply in commands.answer(services, name, args):
        yield reply


async def _report(server: Server, services: Services, supervisor: Supervisor, status: str) -> None:
    """Tells a supervisor how the process is, until cancelled: alive is one whose event loop and
    writer thread both get on.
    """
    await server.is_up.wait()
    await services.store.answers()
    supervisor.ready(status)

    async def tell_of_life() -> None:
        while supervisor.watchdog_seconds:
            await asyncio.sleep(supervisor.watchdog_seconds / 3)
            await services.store.answers()
            supervisor.alive()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell_of_life())
        await server.is_stopping.wait()
        supervisor.stopping()
        await asyncio.Event().wait()


def _read(services: Services) -> Sourced:
    """The settings as they are now. Raises ConfigError, also for what only the start would find."""
    found, started = services.in_force.now(), services.settings
    base_urls = (started.public_url, *started.hosts)
    if problems := list(option_problems(found.settings.host.options, base_urls)):
        raise ConfigError(problems)
    return found


def _take_log(services: Services, settings: Settings) -> None:
    """Has the section [log] in effect."""
    logs.configure(settings=settings.log)
    services.security.log.shown = partial(kept_address, mode=settings.log.addresses)


def _take_hosts(services: Services, settings: Settings) -> None:
    """Has the sections [host.*] in effect."""
    services.hosts.take_options(settings.host.options)


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
