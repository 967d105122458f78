"""Loads the settings: from a TOML file, the environment and the command line.

The command line wins over the environment, that over the file, and that over the defaults.
Everything is checked before anything runs, and an unknown name is an error: a setting is never
silently ignored. The settings themselves are in `shortd.settings.settings`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from shortd.settings.auth_checks import auth_problems
from shortd.settings.config_checks import CHECKS, base_url, is_socket, listening_host
from shortd.settings.config_reader import (
    ConfigError,
    Reader,
    StructType,
    Text,
    one_or_more,
    source_of,
)
from shortd.settings.dotted import parts
from shortd.settings.host_tables import host_problems, named_tables, names_of, netloc
from shortd.settings.settings import ServerSettings, Settings, WebSettings
from shortd.settings.variables import is_setting, named_by_file, path_of

__all__ = ["ConfigError", "Given", "Settings", "gather", "load", "plugin_settings"]

SECRET_CHARACTERS = 1 << 16
"""The most in a file that a variable names."""

_ITEM = re.compile(r"\[\d+\]\Z")
_SECTIONS = frozenset(field.encode_name for field in msgspec.structs.fields(Settings))


class Given(NamedTuple):
    """All that was set, before it is read: values that are no `Text` come from the file."""

    table: dict[str, Any]
    file: Path | None

    def value(self, name: str) -> object:
        """What a setting of this dotted name was set to; None if it was not."""
        value: object = self.table
        for key in parts(name):
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return value

    def origin(self, name: str) -> str:
        """Where a setting of this dotted name was set: variable, option or file; "" if nowhere."""
        value = self.value(name)
        return "" if value is None else source_of(value) or str(self.file or "")

    def located(self, problem: str) -> str:
        """A problem that a check found later, with where its setting was set before it."""
        name = _ITEM.sub("", problem.partition(": ")[0])
        if name == str(self.file) or name.partition(".")[0] not in _SECTIONS:
            return problem
        origin = self.origin(name) or self.file
        return f"{origin}: {problem}" if origin else problem


def load(
    config_file: Path | None = None,
    *,
    data_dir: Path | None = None,
    hosts: Sequence[str] = (),
    port: int | None = None,
    environ: Mapping[str, str],
) -> Settings:
    """The settings to run with. No file is read unless it is named.

    Without a `public_url` anywhere, links are built from `server.host` and `server.port`.
    Raises ConfigError for a file that cannot be read, unknown names and unusable values.
    """
    return settings_of(
        gather(config_file, data_dir=data_dir, hosts=hosts, port=port, environ=environ)
    )


def gather(
    config_file: Path | None = None,
    *,
    data_dir: Path | None = None,
    hosts: Sequence[str] = (),
    port: int | None = None,
    environ: Mapping[str, str],
) -> Given:
    """What file, environment and options say. Raises ConfigError for a file that cannot be read."""
    table = {} if config_file is None else _read(config_file)
    for name in sorted(environ):
        if not is_setting(name, environ[name]):
            continue
        if (setting := named_by_file(name)) is None:
            _put(table, path_of(name), Text(environ[name], name))
        elif setting in environ:
            raise ConfigError([f"{name}: {setting} is set as well; take one of them away"])
        else:
            _put(table, path_of(setting), Text(_content(environ[name], name), name))
    if data_dir is not None:
        _put(table, ["data_dir"], Text(text_of(data_dir), "--data"))
    if hosts:
        # As an array: a path may have a comma in it.
        items = json.dumps([*hosts], ensure_ascii=False).replace("\x7f", "\\u007f")
        _put(table, ["server", "host"], Text(items, "--host"))
    if port is not None:
        _put(table, ["server", "port"], Text(str(port), "--port"))
    if isinstance(tables := table.get("host"), dict):
        try:
            table["host"] = named_tables(tables, _public_url(table), table.get("hosts"))
        except ValueError as problem:
            raise ConfigError([f"{config_file}: {problem}"]) from None
    return Given(table, config_file)


def settings_of(given: Given) -> Settings:
    """What was given, read and checked, with the defaults for all else. Raises ConfigError."""
    table = given.table
    reader = Reader(given.file, CHECKS)
    settings = reader.read(Settings, table)
    if "public_url" not in table:
        try:
            public_url = _listening_url(settings.server.host, settings.server.port)
        except ValueError:
            reader.report(
                "server.host",
                "not a host that links can name; set public_url to what they are to begin with",
                table["server"]["host"],
            )
        else:
            settings = msgspec.structs.replace(settings, public_url=public_url)
    web = settings.web
    if web.language != WebSettings().language:
        # Commands need no catalogue otherwise.
        from shortd.languages import CatalogueError, open_languages

        try:
            open_languages(web.language, web.languages)
        except CatalogueError as fault:
            reader.report("web.language", str(fault), table["web"]["language"])
    origins = settings.server.cors_origins
    if "*" in origins and len(origins) > 1:
        problem = "* stands for all, so that it stands alone"
        reader.report("server.cors_origins", problem, given.value("server.cors_origins"))
    first, *others = names_of(settings)
    taken = {first}
    for index, name in enumerate(others):
        if name in taken:
            reader.report(f"hosts[{index}]", "names a short host a second time", table["hosts"])
        taken.add(name)
    if web.url and netloc(web.url) in taken:
        reader.report("web.url", "is a short host; leave it empty, or name another one", web.url)
    for name, problem in (*auth_problems(settings.auth), *host_problems(settings)):
        reader.report(name, problem, given.value(name))
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


def _content(file: str, variable: str) -> str:
    """What is in the file that a variable names, without the line's end. Raises ConfigError."""
    try:
        with Path(file).open(encoding="utf-8") as opened:
            content = opened.read(SECRET_CHARACTERS + 1)
    except OSError as error:
        raise ConfigError([f"{variable}: {file} cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"{variable}: {file} is no UTF-8 text"]) from error
    if len(content) > SECRET_CHARACTERS:
        raise ConfigError([f"{variable}: {file} has more than {SECRET_CHARACTERS} characters"])
    return content.removesuffix("\n").removesuffix("\r")


def text_of(path: Path) -> str:
    """A path as a setting can have it, where a leading "~" is a home directory."""
    text = str(path)
    return f"./{text}" if text.startswith("~") else text


def _put(table: dict[str, Any], path: list[str], value: Text) -> None:
    *sections, key = path
    for section in sections:
        below = table.get(section)
        if not isinstance(below, dict):
            below = table[section] = {}
        table = below
    table[key] = value


def _listening_url(hosts: Sequence[str], port: int) -> str:
    """Raises ValueError where there is none that links could begin with."""
    host = next((host for host in hosts if not is_socket(host)), "")
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return base_url(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


def _public_url(table: Mapping[str, Any]) -> object:
    """What was given for it, or what follows from the rest, be it as it may."""
    if "public_url" in table:
        return table["public_url"]
    given, usual = table.get("server"), ServerSettings()
    server = given if isinstance(given, dict) else {}
    try:
        return _listening_url(
            [listening_host(str(host)) for host in one_or_more(server.get("host", usual.host))],
            int(server.get("port", usual.port)),
        )
    except ValueError:
        return None
