"""The plugins of one running server: started, in order, each behind its guard."""

from __future__ import annotations

import hmac
import inspect
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pluggy
import structlog

from shortd.clock import Clock
from shortd.plugin import Account, Link, Plugin, Server
from shortd.plugin.hookspecs import HOOKS, Hookspecs
from shortd.plugin_runtime.belongings import Grounds, PluginBelongings
from shortd.plugin_runtime.discovery import (
    BUNDLED,
    Found,
    discover,
    new_manager,
    ownerless_tables,
    read_settings,
)
from shortd.plugin_runtime.flaws import AnyPlugin, one_line
from shortd.plugin_runtime.guard import Guard, GuardedCall
from shortd.plugin_runtime.order import decide_order
from shortd.plugin_runtime.workers import STOP_SECONDS, Worker, failure
from shortd.settings.config import Settings

SLOW_SECONDS = 10.0
"""After so long a `start` or `stop` that does not return is told of."""

log = structlog.get_logger(__name__)


class Running:
    """One plugin at work."""

    def __init__(
        self, found: Found, plugin: AnyPlugin, server: Server, guard: Guard, worker: Worker
    ) -> None:
        """Raises for a plugin that cannot be used."""
        self.found = found
        self.name = found.name
        self.plugin = plugin
        self.server = server
        """What the plugin was given, whatever it has done with that."""
        self.guard = guard
        self.worker = worker
        """Its own threads."""
        self.idle_hooks = _idle_hooks(plugin)
        bool(plugin.everywhere)  # While it can still be left out.
        self.check = guard.call("check", plugin.check)
        """Counts what `check` raises besides refusals; it is called by itself."""
        self.shares = guard.call("shares", plugin.shares)
        self.explain = guard.call("explain", plugin.explain)
        self._wants: GuardedCall | None = None
        if type(plugin).wants is not Plugin.wants:
            self._wants = guard.call("wants", partial(_wants, plugin))
        data = plugin.Data
        self.decode: Callable[[bytes], Any] | None = None
        if data is not None:
            self.decode = msgspec.msgpack.Decoder(data).decode

    def wants(self, hook: str, about: Link | Account | None = None) -> bool:
        """Whether it wants to hear of something by a hook; with None, of anything at all. Where it
        cannot say, it does.
        """
        if self._wants is None:
            return True
        return self._wants(hook, about) is not False


class Plugins:
    """All of them, by name and by hook."""

    def __init__(self, found: Sequence[Found], manager: pluggy.PluginManager) -> None:
        self.found = list(found)
        """Faulty and disabled ones, too."""
        self.running: dict[str, Running] = {}
        self._manager = manager

    def add(self, running: Running) -> None:
        """Takes in a plugin that has started."""
        self._manager.register(running.plugin, running.name)
        self.running[running.name] = running

    def of_hook(self, hook: str) -> list[tuple[Running, GuardedCall]]:
        """Who implements a hook, in the order of being asked."""
        functions = {
            implementation.plugin_name: _in_order_of_spec(hook, implementation)
            for implementation in getattr(self._manager.hook, hook).get_hookimpls()
        }
        awake = {
            name: one.plugin for name, one in self.running.items() if hook not in one.idle_hooks
        }
        order = decide_order(awake, hook)
        calls = []
        for name in order:
            running = self.running[name]
            # Made once: what is counted is counted in one place.
            call = running.guard.calls.get(hook) or running.guard.call(hook, functions[name])
            calls.append((running, call))
        return calls

    def plain(self, hook: str) -> list[tuple[Running, GuardedCall]]:
        """Those of them that are called in a thread."""
        return [one for one in self.of_hook(hook) if not is_async(one[0], hook)]

    def awaited(self, hook: str) -> list[tuple[Running, GuardedCall]]:
        """Those of them that are `async def`."""
        return [one for one in self.of_hook(hook) if is_async(one[0], hook)]

    def stop(self) -> None:
        """Ends the threads of all plugins and tells these that it is over."""
        for running in self.running.values():
            running.worker.begin_close()
        until = time.monotonic() + STOP_SECONDS
        for running in self.running.values():
            if not running.worker.close(max(0.0, until - time.monotonic())):
                log.warning("plugin_left_behind", plugin=running.name)
            # Those that are paused, too.
            try:
                with _patience("plugin_stops_slowly", running.name):
                    running.plugin.stop()
            except KeyboardInterrupt:
                raise
            except BaseException as fault:
                running.guard.failed("stop", failure(fault))


class Prepared(NamedTuple):
    """What was found, with the settings of all that can be used."""

    found: list[Found]
    settings: dict[str, Any]
    ownerless: list[str]
    """Tables of settings that are no plugin's, in words."""

    @property
    def are_all_bundled(self) -> bool:
        """Whether all that can be used came with shortd."""
        return all(one.origin in BUNDLED for one in self.found if one.kind is not None)


def prepare(settings: Settings, given: Sequence[type[AnyPlugin]] | None = None) -> Prepared:
    """Finds the plugins and reads their settings; raises ConfigError before anything starts."""
    found = discover(settings, given)
    return Prepared(found, read_settings(settings, found), ownerless_tables(settings, found))


def start_plugins(
    prepared: Prepared,
    public_url: str,
    hosts: Collection[str],
    secret: bytes,
    clock: Clock,
    grounds: Grounds,
) -> Plugins:
    """Starts all plugins. One that cannot be used is logged and left out.

    `secret` is the server's own; each plugin gets another one that follows from it.
    """
    plugins = Plugins([], new_manager())
    for one in prepared.found:
        if one.kind is not None:
            own_secret = hmac.digest(secret, one.name.encode(), "sha256")
            guard, worker = Guard(one.name, clock.now), Worker(one.name)
            belongings = PluginBelongings(one.name, grounds, guard.cannot_read)
            begin = partial(worker.begin, failed=partial(guard.failed, "begin"))
            server = Server(
                public_url, hosts, own_secret, belongings, worker.wait, begin, clock.now
            )
            try:
                plugin = one.kind(prepared.settings[one.name], server)
                if getattr(plugin, "server", None) is not server:
                    raise TypeError("its __init__ has to call super().__init__(settings, server)")
                with _patience("plugin_starts_slowly", one.name):
                    plugin.start()
                plugins.add(Running(one, plugin, server, guard, worker))
            except KeyboardInterrupt:
                raise
            except BaseException as fault:
                worker.close()
                one = Found(one.name, one.origin, fault=f"does not start: {one_line(fault)}")
        if one.fault:
            log.error("plugin_left_out", plugin=one.name, origin=one.origin, fault=one.fault)
        plugins.found.append(one)
    for problem in prepared.ownerless:
        log.warning("plugin_settings_unused", problem=problem)
    return plugins


@contextmanager
def _patience(event: str, name: str) -> Iterator[None]:
    """Around what the server's start or end waits for: says so if that takes long."""
    told = threading.Timer(SLOW_SECONDS, log.warning, (event,), {"plugin": name})
    told.daemon = True
    told.start()
    try:
        yield
    finally:
        told.cancel()


def unstarted(prepared: Prepared, public_url: str) -> Iterator[tuple[str, AnyPlugin]]:
    """All usable plugins by name, for the command line: not started, and without a secret."""
    for one in prepared.found:
        if one.kind is not None:
            yield one.name, one.kind(prepared.settings[one.name], Server(public_url, (), b""))


def is_async(running: Running, hook: str) -> bool:
    """Whether a plugin's hook is `async def`."""
    return inspect.iscoroutinefunction(getattr(running.plugin, hook))


def _wants(plugin: AnyPlugin, hook: str, about: Link | Account | None) -> bool:
    answer: Any = plugin.wants(hook, about)
    return answer is None or bool(answer)


def _idle_hooks(plugin: AnyPlugin) -> Collection[str]:
    """The hooks that are not to be called. Raises for what are none."""
    idle: Any = plugin.idle_hooks
    if isinstance(idle, str):
        raise TypeError("idle_hooks has names of hooks, as in ('check_destination',)")
    hooks = frozenset(idle)
    if unknown := hooks.difference(HOOKS):
        raise ValueError(f"idle_hooks: {min(map(str, unknown))} is no hook")
    return hooks


def _in_order_of_spec(hook: str, implementation: pluggy.HookImpl) -> Callable[..., Any]:
    """The function of a hook, to be called with all its arguments in their order: it may take
    fewer of them, in any order.
    """
    function = implementation.function
    names = list(inspect.signature(getattr(Hookspecs, hook)).parameters)[1:]
    taken = [*implementation.argnames, *implementation.kwargnames]
    if taken == names and not implementation.kwargnames:
        return function
    places = [(name, names.index(name)) for name in taken]

    def call(*arguments: Any) -> Any:
        return function(**{name: arguments[place] for name, place in places})

    return call
