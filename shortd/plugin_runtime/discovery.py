"""Finding plugins: entry points of the group `shortd`, then what is in the plugins' folder.

A plugin that cannot be used is reported by name and left out; nothing of it stops the others.
A disabled one is not even imported.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
import pluggy

from shortd.plugin.hookspecs import HOOKS, PROJECT, Hookspecs
from shortd.plugin_runtime.dropped import Dropped, PassedOver, look_through
from shortd.plugin_runtime.flaws import AnyPlugin, flaw_of, implemented, one_line
from shortd.plugin_runtime.loading import load
from shortd.settings.config import ConfigError, Settings, plugin_settings
from shortd.store.data_directory import PLUGIN_FOLDERS

BUNDLED = frozenset(
    {
        *("shortd_ab:AB", "shortd_mobile:Mobile", "shortd_rules:RuleList"),
        *("shortd_safety:Safety", "shortd_trackers:TrackerPage", "shortd_webhooks:Webhooks"),
    }
)
"""Origins of the plugins that come with shortd; none of them has user agents parsed on the way to a
redirect."""


SUMMARY_CHARACTERS = 200


class Found(msgspec.Struct, frozen=True):
    """A plugin that was found, usable or not."""

    name: str
    origin: str
    """The entry point's value, or the file."""
    kind: type[AnyPlugin] | None = None
    """None for one that is disabled or faulty."""
    disabled: bool = False
    fault: str = ""
    """Why it cannot be used, in one line."""

    @property
    def reason(self) -> str:
        """Why it is not used, in words that may be shown to anybody: without what was raised."""
        if self.disabled:
            return "disabled by [plugins] disabled"
        return self.fault and f"{self.fault.partition(': ')[0]}; see shortd plugins"

    @property
    def summary(self) -> str:
        """The first line of its docstring, or the beginning of it."""
        said = inspect.cleandoc(self.kind.__doc__ or "").partition("\n")[0] if self.kind else ""
        return said[:SUMMARY_CHARACTERS]

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that it implements."""
        return () if self.kind is None else implemented(self.kind)


def discover(settings: Settings, given: Sequence[type[AnyPlugin]] | None = None) -> list[Found]:
    """All plugins, in the order of their names; of two with one name, the first one found.

    Classes that are `given` (by a test) take the place of all that are installed or dropped.
    """
    found: dict[str, Found] = {}
    faulty = []
    if given is None:
        plugins = [*_installed(settings), *_dropped(settings)]
    else:
        plugins = [*_given(settings, given)]
    for plugin in plugins:
        first = found.setdefault(plugin.name, plugin)
        if first is not plugin:
            fault = f"the name is taken by {first.origin}"
            faulty.append(Found(plugin.name, plugin.origin, fault=fault))
    return sorted([*found.values(), *faulty], key=lambda plugin: plugin.name)


def read_settings(settings: Settings, found: Sequence[Found]) -> dict[str, Any]:
    """The settings of all usable plugins in their own types, by name; None where there are none.

    Raises ConfigError for what a plugin cannot use, and where people could sign in by plugins alone
    and none lets them.
    """
    problems = [*_no_way_in(settings, found)]
    values: dict[str, Any] = {}
    for plugin in found:
        if plugin.kind is None:
            continue
        try:
            values[plugin.name] = _own_settings(settings, plugin.name, plugin.kind)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return values


def _no_way_in(settings: Settings, found: Sequence[Found]) -> Iterator[str]:
    auth = settings.auth
    if auth.password or auth.oidc.issuers or auth.proxy.peers:
        return
    # One that cannot be used may be the one: no plugin stops the start by being broken.
    if not any("authenticate" in plugin.hooks or plugin.fault for plugin in found):
        yield (
            "auth.password: leaves no way to sign in: add [auth.oidc.NAME], [auth.proxy] or a"
            " plugin that signs people in first"
        )


def ownerless_tables(settings: Settings, found: Sequence[Found]) -> list[str]:
    """A line for each table of settings that is no plugin's: one that was removed, or misspelt.

    They stop no start, as a plugin that cannot be used does not.
    """
    names = {plugin.name for plugin in found}
    return [
        f"plugins.{name}: {_no_plugin(name, names)}"
        for name in settings.plugins.settings
        if name not in names
    ]


def check_all(settings: Settings) -> None:
    """Raises ConfigError for every plugin that cannot be used, for settings as above, for those
    that are no plugin's, and for names of plugins to be left out that are no plugins.
    """
    found = discover(settings)
    faults = [f"plugin {plugin.name}: {plugin.fault}" for plugin in found if plugin.fault]
    names = {plugin.name for plugin in found}
    for index, name in enumerate(settings.plugins.disabled):
        if name not in names:
            faults.append(f"plugins.disabled[{index}]: {_no_plugin(name, names)}")
    faults += ownerless_tables(settings, found)
    try:
        read_settings(settings, found)
    except ConfigError as error:
        faults += error.problems
    if faults:
        raise ConfigError(faults)


def _no_plugin(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; is {close[0]} meant?" if close else ""
    return f"there is no plugin of this name{hint}"


class _Manager(pluggy.PluginManager):
    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        # `flaw_of` has seen that nothing else is marked: pluggy need not look at every attribute.
        return super().parse_hookimpl_opts(plugin, name) if name in HOOKS else None


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks and no plugin."""
    manager = _Manager(PROJECT)
    manager.add_hookspecs(Hookspecs)
    return manager


def _own_settings(settings: Settings, name: str, kind: type[AnyPlugin]) -> Any:
    if kind.Settings is not None:
        return plugin_settings(settings, name, kind.Settings)
    if settings.plugins.settings.get(name):
        raise ConfigError([f"plugins.{name}: this plugin has no settings"])
    return None


def _given(settings: Settings, kinds: Sequence[type[AnyPlugin]]) -> Iterator[Found]:
    for kind in kinds:
        name = getattr(kind, "name", kind.__name__)
        yield _usable(settings, name, f"{kind.__module__}:{kind.__qualname__}", kind)


def _installed(settings: Settings) -> Iterator[Found]:
    for point in _points():
        yield _usable(settings, point.name, point.value, point)


@cache
def _points() -> list[EntryPoint]:
    """Entry points of plugins. Looked for once: it takes a file of every installed package."""
    # A checkout that is also installed names its plugins twice.
    points = set(entry_points(group=PROJECT))
    return sorted(points, key=lambda point: (point.name, point.value))


def passed_over(settings: Settings) -> list[PassedOver]:
    """What is in the plugins' folder and no plugin. Raises ConfigError."""
    own = settings.data_dir / PLUGIN_FOLDERS
    return [
        one
        for one in _looked_through(settings)
        # Where plugins have folders of their own, these are no failed packages.
        if isinstance(one, PassedOver) and one.path.parent.absolute() != own.absolute()
    ]


def _dropped(settings: Settings) -> Iterator[Found]:
    for one in _looked_through(settings):
        if isinstance(one, Dropped):
            yield _usable(settings, one.name, str(one.file), one)


def _looked_through(settings: Settings) -> Iterator[Dropped | PassedOver]:
    if not settings.plugins.dir:
        return
    folder = Path(settings.plugins.dir)
    if not folder.is_dir():
        raise ConfigError(["plugins.dir: there is no such folder"])
    try:
        yield from look_through(folder)
    except OSError as fault:
        raise ConfigError([f"plugins.dir: cannot be read: {fault.strerror}"]) from None


def _usable(
    settings: Settings, name: str, origin: str, source: EntryPoint | Dropped | type[AnyPlugin]
) -> Found:
    names = source.names if isinstance(source, Dropped) else (name,)
    if any(one in settings.plugins.disabled for one in names):
        return Found(name, origin, disabled=True)
    try:
        kind: Any = source
        if isinstance(source, Dropped):
            kind = load(source)
            # Whichever of its names it goes by.
            name = next((one for one in names if getattr(kind, "name", "") == one), name)
        elif isinstance(source, EntryPoint):
            kind = source.load()
    except KeyboardInterrupt:
        raise
    # A module that ends the process when imported must not end the server.
    except BaseException as fault:
        return Found(name, origin, fault=f"cannot be imported: {one_line(fault)}")
    flaw = kind if isinstance(kind, str) else flaw_of(name, kind)
    return Found(name, origin, fault=flaw) if flaw else Found(name, origin, kind)
