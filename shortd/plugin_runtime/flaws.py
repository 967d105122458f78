"""What can be wrong with a plugin's class, found before it is used and told in one line."""

from __future__ import annotations

import difflib
import inspect
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from shortd.plugin import Plugin
from shortd.plugin.hookspecs import ASYNC, DECIDE, HOOKS, PROJECT, Hookspecs
from shortd.plugin.types import NAME_PATTERN
from shortd.settings import PluginSettings

AnyPlugin = Plugin[Any, Any]
IMPL = f"{PROJECT}_impl"
"""The attribute that `hookimpl` puts on a method."""


def implemented(kind: type[AnyPlugin]) -> tuple[str, ...]:
    """The hooks that a class implements, in their usual order."""
    return tuple(name for name in HOOKS if hasattr(getattr(kind, name), IMPL))


def one_line(fault: BaseException) -> str:
    """A fault for a log or a list: its type and the first line of its message."""
    try:
        text = str(fault).partition("\n")[0][:300]
    # A plugin's own exception may fail in turn.
    except Exception:
        text = ""
    return f"{type(fault).__name__}: {text}" if text else type(fault).__name__


def name_flaw(name: str) -> str:
    """Why no plugin can have this name; empty if one can."""
    if not NAME_PATTERN.fullmatch(name):
        return "a name has up to 32 of a-z, 0-9 and _, and begins with a letter"
    if name in PluginSettings.__struct_encode_fields__:
        # Its settings could not be told from those of [plugins] itself.
        return f"{name} is the name of a setting"
    return ""


def flaw_of(name: str, kind: object) -> str:
    """Why a class cannot be used as a plugin of that name; empty if it can."""
    if not isinstance(kind, type) or not issubclass(kind, Plugin):
        return "is no subclass of shortd.plugin.Plugin"
    plugin: Any = kind
    return name_flaw(name) or _flaw_of_class(name, plugin)


# Looking through a class takes a millisecond, and tests start servers by the thousand.
@lru_cache(maxsize=32)
def _flaw_of_class(name: str, kind: Any) -> str:
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
    return next((flaw for name in dir(kind) if (flaw := _hook_flaw(kind, name))), "")


def _schema_of_path(kind: type) -> dict[str, Any]:
    """Settings, which come from TOML, may be paths."""
    if kind is not Path:
        raise NotImplementedError
    return {"type": "string"}


def _hook_flaw(kind: type[AnyPlugin], name: str) -> str:
    method = getattr(kind, name, None)
    options = getattr(method, IMPL, None)
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
    is_async = inspect.iscoroutinefunction(method) and name not in ASYNC
    if is_async or inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        return f"{name} must be a plain function"
    known = set(inspect.signature(getattr(Hookspecs, name)).parameters)
    takes = inspect.signature(method).parameters if callable(method) else {}
    unknown = [parameter for parameter in takes if parameter not in known]
    if unknown:
        return f"{name} takes {unknown[0]}, which this hook is not given"
    return ""
