"""Loads the settings: from a TOML file, the environment and the command line.

The command line wins over the environment, that over the file, and that over the defaults.
Everything is checked before anything runs, and an unknown name is an error: a setting is never
silently ignored. The settings themselves are in `shortd.settings`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ada_url
import msgspec

from shortd.config_checks import CHECKS, base_url
from shortd.config_reader import ConfigError, Reader, StructType, Text
from shortd.settings import Settings

__all__ = ["ConfigError", "Settings", "load", "plugin_settings"]

_PREFIX = "SHORTD_"
_OPTIONS = (
    *("SHORTD_CONFIG", "SHORTD_DATA"),
    # The client's, which may be there for the whole of a user's session.
    *("SHORTD_SERVER_URL", "SHORTD_USERID", "SHORTD_TOKEN", "SHORTD_FILE_PASSWORD"),
    "SHORTD_USER_PASSWORD",
)
"""The environment's forms of options; reading them is left to the commands that have these."""


def load(
    config_file: Path | None = None,
    *,
    data_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str],
) -> Settings:
    """The settings to run with. No file is read unless it is named.

    Without a `public_url` anywhere, links are built from `server.host` and `server.port`.
    Raises ConfigError for a file that cannot be read, unknown names and unusable values.
    """
    table = {} if config_file is None else _read(config_file)
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in _OPTIONS:
            path = name.removeprefix(_PREFIX).lower().split("__")
            _put(table, path, Text(environ[name], name))
    if data_dir is not None:
        _put(table, ["data_dir"], Text(str(data_dir), "--data"))
    if host is not None:
        _put(table, ["server", "host"], Text(host, "--host"))
    if port is not None:
        _put(table, ["server", "port"], Text(str(port), "--port"))

    reader = Reader(config_file, CHECKS)
    settings = reader.read(Settings, table)
    if "public_url" not in table:
        try:
            public_url = _listening_url(settings.server.host, settings.server.port)
        except ValueError:
            reader.report("server.host", "not a host that links can name", table["server"]["host"])
        else:
            settings = msgspec.structs.replace(settings, public_url=public_url)
    taken = {_netloc(settings.public_url)}
    for index, url in enumerate(settings.hosts):
        if _netloc(url) in taken:
            reader.report(f"hosts[{index}]", "names a short host a second time", table["hosts"])
        taken.add(_netloc(url))
    reader.stop_at_problems()
    return settings


def plugin_settings(settings: Settings, name: str, kind: type[StructType]) -> StructType:
    """The settings under [plugins.NAME], as the plugin's own Struct.

    Raises ConfigError with lines such as `plugins.ab.seed: expected int, got str`.
    """
    return Reader().read(kind, settings.plugins.settings.get(name, {}), f"plugins.{name}")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{file}: not UTF-8 text"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{file}: not TOML: {error}"]) from error


def _put(table: dict[str, Any], path: list[str], value: Text) -> None:
    *sections, key = path
    for section in sections:
        below = table.get(section)
        if not isinstance(below, dict):
            below = table[section] = {}
        table = below
    table[key] = value


def _listening_url(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return base_url(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


def _netloc(url: str) -> str:
    """Host and port, by which a request's Host header tells short hosts apart."""
    return str(ada_url.URL(url).host)
