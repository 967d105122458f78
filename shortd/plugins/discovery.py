"""Finding plugins: entry points of the group `shortd`, then files of the plugins' folder.

A plugin that cannot be used is reported by name and left out; nothing of it stops the others.
A disabled one is not even imported.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pluggy

from shortd.config import ConfigError, Settings, plugin_settings
from shortd.hookspecs import DECIDE, HOOKS, PROJECT, Hookspecs
from shortd.plugin import Plugin
from shortd.plugin_types import NAME_PATTERN
from shortd.settings import PluginSettings

AnyPlugin = Plugin[Any, Any]
_IMPL = f"{PROJECT}_impl"
"""The attribute that `hookimpl` puts on a method."""


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
    def summary(self) -> str:
        """The first line of its docstring."""
        return inspect.cleandoc(self.kind.__doc__ or "").partition("\n")[0] if self.kind else ""

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that it implements."""
        return () if self.kind is None else implemented(self.kind)


def discover(settings: Settings, kinds: Sequence[type[AnyPlugin]] | None = None) -> list[Found]:
    """All plugins, in the order of their names; of two with one name, the first one found.

    `kinds` (a test's own) take the place of all that are installed or dropped.
    """
    found: dict[str, Found] = {}
    faulty = []
    if kinds is None:
        plugins = [*_installed(settings), *_dropped(settings)]
    else:
        plugins = [_given(settings, kind) for kind in kinds]
    for plugin in plugins:
        first = found.setdefault(plugin.name, plugin)
        if first is not plugin:
            fault = f"the name is taken by {first.origin}"
            faulty.append(Found(plugin.name, plugin.origin, fault=fault))
    return sorted([*found.values(), *faulty], key=lambda plugin: plugin.name)


def read_settings(settings: Settings, found: Sequence[Found]) -> dict[str, Any]:
    """The settings of all usable plugins in their own types, by name; None where there are none.

    Raises ConfigError for what a plugin cannot use, and for tables that no plugin owns.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    names = {plugin.name for plugin in found}
    for name in settings.plugins.settings:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; is {close[0]} meant?" if close else ""
            problems.append(f"plugins.{name}: there is no plugin of this name{hint}")
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


def check_all(settings: Settings) -> None:
    """Raises ConfigError for every plugin that cannot be used, and for settings as above."""
    found = discover(settings)
    faults = [f"plugin {plugin.name}: {plugin.fault}" for plugin in found if plugin.fault]
    try:
        read_settings(settings, found)
    except ConfigError as error:
        faults += error.problems
    if faults:
        raise ConfigError(faults)


def implemented(kind: type[AnyPlugin]) -> tuple[str, ...]:
    """The hooks that a class implements, in their usual order."""
    return tuple(name for name in HOOKS if hasattr(getattr(kind, name), _IMPL))


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hookspecs)
    return manager


def _own_settings(settings: Settings, name: str, kind: type[AnyPlugin]) -> Any:
    if kind.Settings is not None:
        return plugin_settings(settings, name, kind.Settings)
    if settings.plugins.settings.get(name):
        raise ConfigError([f"plugins.{name}: this plugin has no settings"])
    return None


def _installed(settings: Settings) -> Iterator[Found]:
    points = entry_points(group=PROJECT)
    # A checkout that is also installed names its plugins twice.
    for point in sorted(set(points), key=lambda point: (point.name, point.value)):
        yield _usable(settings, point.name, point.value, point)


def _given(settings: Settings, kind: type[AnyPlugin]) -> Found:
    name = getattr(kind, "name", kind.__name__)
    origin = f"{kind.__module__}:{kind.__qualname__}"
    if name in settings.plugins.disabled:
        return Found(name, origin, disabled=True)
    fault = flaw(name, kind)
    return Found(name, origin, fault=fault) if fault else Found(name, origin, kind)


def _dropped(settings: Settings) -> Iterator[Found]:
    if not settings.plugins.dir:
        return
    folder = Path(settings.plugins.dir)
    if not folder.is_dir():
        raise ConfigError(["plugins.dir: there is no such folder"])
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith("_"):
            yield _usable(settings, file.stem, str(file), file)


def _usable(settings: Settings, name: str, origin: str, source: EntryPoint | Path) -> Found:
    if name in settings.plugins.disabled:
        return Found(name, origin, disabled=True)
    try:
        kind: Any = _of_file(source) if isinstance(source, Path) else source.load()
    # A module that ends the process when imported must not end the server.
    except (Exception, SystemExit) as fault:
        return Found(name, origin, fault=f"cannot be imported: {one_line(fault)}")
    problem = kind if isinstance(kind, str) else flaw(name, kind)
    return Found(name, origin, fault=problem) if problem else Found(name, origin, kind)


def _of_file(file: Path) -> type[AnyPlugin] | str:
    module = _load(file)
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Plugin)
        and value.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        return f"must have exactly one subclass of Plugin, not {len(kinds)}"
    return kinds[0]


def _load(file: Path) -> ModuleType:
    path = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]
    # Known to `sys.modules`, where msgspec looks the types of a Struct's fields up.
    name = f"{PROJECT}_dropped_{path}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None, "the name ends with .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def name_flaw(name: str) -> str:
    """Why no plugin can have this name; empty if one can."""
    if not NAME_PATTERN.fullmatch(name):
        return "a name has up to 32 of a-z, 0-9 and _, and begins with a letter"
    # Its settings could not be told from those of [plugins] itself.
    return (
        f"{name} is the name of a setting"
        if name in PluginSettings.__struct_encode_fields__
        else ""
    )


def flaw(name: str, kind: object) -> str:
    """Why a class cannot be used as a plugin of that name; empty if it can."""
    if not isinstance(kind, type) or not issubclass(kind, Plugin):
        return "is no subclass of shortd.plugin.Plugin"
    if problem := name_flaw(name):
        return problem
    if getattr(kind, "name", None) != name:
        return f"calls itself {getattr(kind, 'name', None)!r}, which must be the same"
    for field in ("Settings", "Data"):
        struct = getattr(kind, field)
        if struct is None:
            continue
        if not isinstance(struct, type) or not issubclass(struct, msgspec.Struct):
            return f"{field} is no msgspec Struct"
        schema_hook = _schema_of_path if field == "Settings" else None
        try:
            msgspec.json.schema(struct, schema_hook=schema_hook)
            msgspec.msgpack.Decoder(struct)
        except Exception as fault:
            return f"{field} cannot be used: {one_line(fault)}"
        if struct.__struct_config__.array_like:
            return f"{field} is array_like, which has no names for its fields"
    unheard = [hook for hook in implemented(kind) if hook in DECIDE]
    if unheard and kind.Data is None and not kind.everywhere:
        return f"{unheard[0]} is never asked: give the plugin Data, or everywhere = True"
    return next((found for name in dir(kind) if (found := _hook_flaw(kind, name))), "")


def _schema_of_path(kind: type) -> dict[str, Any]:
    """Settings, which come from TOML, may be paths."""
    if kind is not Path:
        raise NotImplementedError
    return {"type": "string"}


def _hook_flaw(kind: type[AnyPlugin], name: str) -> str:
    method = getattr(kind, name, None)
    options = getattr(method, _IMPL, None)
    if name not in HOOKS:
        if options is None:
            return ""
        close = difflib.get_close_matches(name, HOOKS, n=1)
        return f"{name} is no hook" + (f"; is {close[0]} meant?" if close else "")
    if options is None:
        overridden = method is not getattr(Plugin, name)
        return f"{name} needs @hookimpl above it" if overridden else ""
    if options["wrapper"] or options["hookwrapper"]:
        return f"{name} is a wrapper, which hooks here cannot be"
    if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
        return f"{name} must be a plain function"
    known = set(inspect.signature(getattr(Hookspecs, name)).parameters)
    takes = inspect.signature(method).parameters if callable(method) else {}
    unknown = [parameter for parameter in takes if parameter not in known]
    if unknown:
        return f"{name} takes {unknown[0]}, which this hook is not given"
    return ""


def one_line(fault: BaseException) -> str:
    """A fault for a log or a list: its type and the first line of its message."""
    text = str(fault).partition("\n")[0][:300]
    return f"{type(fault).__name__}: {text}" if text else type(fault).__name__
