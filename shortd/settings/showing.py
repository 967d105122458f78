"""All settings in effect, as TOML has them, with where each comes from, without a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from shortd.settings.config import Given, Settings
from shortd.settings.dotted import quoted

DEFAULT = "default"
HIDDEN = "***"

# Before a host stand a user and his password; as far as the last "@", as a password may have any.
_USER = re.compile(r"(?<=://)\S*@")
_OWN_SECRET = re.compile(r"auth\.oidc\..*\.client_secret")
# Of settings of plugins, which are anybody's: what their names tell.
_SECRET = re.compile(r"pass|secret|token|key|auth|credential|cookie|salt|seed|pin$|webhook", re.I)


class Shown(NamedTuple):
    """A setting as people may see it."""

    name: str
    """Dotted."""
    value: str
    """As TOML writes it."""
    origin: str
    """File, variable or option; DEFAULT if it was not set."""


def shown(settings: Settings, given: Given, plugins: Mapping[str, Any]) -> Iterator[Shown]:
    """Each setting. `plugins` are the settings of plugins in their own types."""
    for name, value in (*_flat(settings, ""), *_flat(_by_name(settings, plugins), "plugins.")):
        yield Shown(name, _toml(_harmless(name, value)), _origin(name, given))


def lines(settings: Settings, given: Given, plugins: Mapping[str, Any]) -> Iterator[str]:
    """The same, as lines of TOML with comments."""
    rows = [(f"{one.name} = {one.value}", one.origin) for one in shown(settings, given, plugins)]
    width = max(len(text) for text, _ in rows if len(text) < 60)
    for text, origin in rows:
        yield f"{text:<{width}}  # {origin}"


def facts(settings: Settings, given: Given, plugins: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same for programs: name, value and where from."""
    for name, value in [*_flat(settings, ""), *_flat(_by_name(settings, plugins), "plugins.")]:
        yield {"name": name, "value": _harmless(name, value), "from": _origin(name, given)}


def _by_name(settings: Settings, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of all plugins, as they stand there where nobody knows their types."""
    return {**settings.plugins.settings, **plugins}


def _origin(name: str, given: Given) -> str:
    origin = given.origin(name)
    if not origin and name == "public_url":
        return "server.host and server.port"
    return origin or DEFAULT


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Dotted names, and what is no table. The tables of plugins come by themselves."""
    if isinstance(value, msgspec.Struct):
        fields = {f.encode_name: getattr(value, f.name) for f in msgspec.structs.fields(value)}
        tables = fields.pop("*", {})
        fields |= {key: one for key, one in tables.items() if isinstance(one, msgspec.Struct)}
    elif isinstance(value, dict):
        fields = value
    else:
        yield path.removesuffix("."), value
        return
    for key, below in fields.items():
        yield from _flat(below, f"{path}{quoted(str(key))}.")


def _harmless(name: str, value: Any) -> Any:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return _USER.sub(f"{HIDDEN}@", _hidden(name, value))
    if isinstance(value, Mapping):
        return {key: _harmless(f"{name}.{key}", below) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_harmless(name, below) for below in value]
    if isinstance(value, msgspec.Struct):
        return _harmless(name, msgspec.to_builtins(value))
    return _hidden(name, value)


def _hidden(name: str, value: Any) -> Any:
    if _OWN_SECRET.fullmatch(name):
        return HIDDEN if value else value
    if name.startswith("plugins.") and _SECRET.search(name.removeprefix("plugins.")):
        return HIDDEN if value else value
    return value


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        pairs = (f"{quoted(str(key))} = {_toml(below)}" for key, below in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    # TOML's strings are JSON's, as far as a name of a file need be no text.
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
