"""The plugins in words, as `shortd plugins` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.filesize import decimal

from shortd.plugin.hookspecs import DECIDE
from shortd.plugin_runtime.discovery import Found
from shortd.plugin_runtime.dropped import PassedOver
from shortd.plugin_runtime.events import Events
from shortd.plugin_runtime.figures import states
from shortd.plugin_runtime.order import decide_order
from shortd.plugin_runtime.running import Plugins

GONE = "gone"
PASSED_OVER = "passed over"


class Keeps(msgspec.Struct, frozen=True):
    """What a plugin keeps in the data directory."""

    rows: int = 0
    files: int = 0
    bytes: int = 0
    """Of both."""


class PluginListed(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin, at work or as it is found where no server runs."""

    name: str
    state: str
    """on, paused, faulty or disabled; ready where no server runs; gone, if it is not here and has
    left something; passed over, for what is in the plugins' folder and no plugin."""
    fault: str | None
    """Why it is paused or faulty."""
    about: str
    hooks: Sequence[str]
    origin: str
    order: Mapping[str, int]
    """Its place among those that are asked, from 1, by decide hook."""
    paused: Mapping[str, str]
    """Why hooks are paused, by hook."""
    waiting: int | None
    """Events that it has not heard of yet; None where no server runs."""
    dropped: int | None
    """Events that it never heard of."""
    kept: Keeps | None = None
    """What it keeps in the data directory; None where nobody knows."""


def with_kept(
    plugins: Sequence[PluginListed], kept: Mapping[str, Keeps] | None
) -> list[PluginListed]:
    """The same with what they keep, by name, and those that are gone and have left something."""
    if kept is None:
        return [*plugins]
    names = {plugin.name for plugin in plugins}
    told = [
        msgspec.structs.replace(plugin, kept=kept.get(plugin.name, Keeps())) for plugin in plugins
    ]
    gone = [
        _nothing(name, GONE, "it is not here any more", kept=keeps)
        for name, keeps in sorted(kept.items())
        if name not in names
    ]
    return [*told, *gone]


def not_taken(passed: Sequence[PassedOver]) -> Iterator[PluginListed]:
    """What is in the plugins' folder and no plugin."""
    for one in passed:
        yield _nothing(one.path.name, PASSED_OVER, one.reason, origin=str(one.path))


def found(plugins: Sequence[Found]) -> Iterator[PluginListed]:
    """The plugins before they are started."""
    order = _order({one.name: one.kind for one in plugins if one.kind is not None})
    for plugin in plugins:
        yield _listed(plugin, state_of(plugin), order)


def at_work(plugins: Plugins, events: Events) -> Iterator[PluginListed]:
    """The plugins of a running server."""
    known = states(plugins)
    order = _order({name: one.plugin for name, one in plugins.running.items()})
    for plugin in plugins.found:
        running = plugins.running.get(plugin.name)
        if running is None or running.found is not plugin:
            yield _listed(plugin, state_of(plugin), order)
            continue
        yield msgspec.structs.replace(
            _listed(plugin, known[plugin.name].state, order),
            fault=running.guard.paused or None,
            paused={call.hook: call.reason for call in running.guard.calls.values() if call.reason},
            waiting=events.waiting_of(plugin.name),
            dropped=events.dropped_of(plugin.name),
        )


def state_of(plugin: Found) -> str:
    """Before it is started: disabled, faulty or ready."""
    return "disabled" if plugin.disabled else "faulty" if plugin.fault else "ready"


def lines(plugins: Sequence[PluginListed]) -> Iterator[str]:
    """A line or more for each plugin, then the order in which the decide hooks are asked, and what
    is none."""
    there = [plugin for plugin in plugins if plugin.state not in (GONE, PASSED_OVER)]
    if not there:
        yield "No plugins."
    width = max((len(plugin.name) for plugin in there), default=0)
    for plugin in there:
        beside = f"{'':<{width}}  {'':<8}  "
        about = plugin.fault or plugin.about or plugin.origin
        yield f"{plugin.name:<{width}}  {plugin.state:<8}  {about}"
        if plugin.state not in ("faulty", "disabled"):
            yield f"{beside}{', '.join(plugin.hooks) or 'no hooks'}  ({plugin.origin})"
        if plugin.waiting or plugin.dropped:
            yield f"{beside}events that wait: {plugin.waiting}, that it missed: {plugin.dropped}"
        if plugin.kept is not None and plugin.kept != Keeps():
            yield f"{beside}keeps {_kept_words(plugin.kept)}"
    for hook in DECIDE:
        asked = sorted((one.order[hook], one.name) for one in plugins if hook in one.order)
        if asked:
            yield f"order of {hook}: {', '.join(name for _, name in asked)}"
    for plugin in plugins:
        if plugin.state == GONE and plugin.kept is not None:
            yield (
                f"gone: {plugin.name} has left {_kept_words(plugin.kept)}:"
                f" `shortd plugins forget {plugin.name}` deletes it"
            )
        elif plugin.state == PASSED_OVER:
            yield f"passed over: {plugin.origin}: {plugin.fault}"


def _kept_words(keeps: Keeps) -> str:
    return f"{keeps.rows} rows and {keeps.files} files, {decimal(keeps.bytes)}"


def _nothing(
    name: str, state: str, fault: str, *, origin: str = "", kept: Keeps | None = None
) -> PluginListed:
    return PluginListed(
        name=name,
        state=state,
        fault=fault,
        about="",
        hooks=(),
        origin=origin,
        order={},
        paused={},
        waiting=None,
        dropped=None,
        kept=kept,
    )


def _listed(plugin: Found, state: str, order: Mapping[str, Sequence[str]]) -> PluginListed:
    return PluginListed(
        name=plugin.name,
        state=state,
        fault=plugin.fault or None,
        about=plugin.summary,
        hooks=plugin.hooks,
        origin=plugin.origin,
        order={
            hook: names.index(plugin.name) + 1
            for hook, names in order.items()
            if plugin.kind is not None and plugin.name in names
        },
        paused={},
        waiting=None,
        dropped=None,
    )


def _order(kinds: Mapping[str, Any]) -> dict[str, list[str]]:
    return {hook: decide_order(kinds, hook) for hook in DECIDE}
