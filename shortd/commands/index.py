"""Which commands there are, and the module of each, imported when it is asked for.

A server has one command in its memory, not all of them. Whatever walks through the commands (help,
completion, tests) finds them as in any dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

from shortd.client.texts import take_text_alone
from shortd.commands.completion import complete_names

_OF_THE_SERVER = {
    "serve": "serve:serve",
    "init": "init:init",
    "config": "config:config",
    "status": "status:status",
    "health": "health:health",
    "mail": "mail:mail",
    "doctor": "doctor:doctor",
    "compact": "doctor:compact",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "export": "export:export",
    "user": "users:user",
    "team": "teams:team",
    "domain": "domains:domain",
    "campaign": "campaigns:campaign",
    "tracker": "trackers:tracker",
    "link": "links:link",
    "clock": "clock:clock",
    "audit": "audit:audit",
    "stats": "stats:stats",
    "plugins": "plugins:plugins",
    "x": "plugins:x",
    "import": "importing:import_links",
}
_OF_THE_CLIENT = {"send": "send_command:send", "fetch": "fetch_command:fetch"}
"""Settings and data directory are the server's own affair."""

PLACES = {
    **{name: f"shortd.commands.{place}" for name, place in _OF_THE_SERVER.items()},
    **{name: f"shortd.client.{place}" for name, place in _OF_THE_CLIENT.items()},
}
"""By name, the module of a command and what it is called there."""


class Index(MutableMapping[str, click.Command]):
    """The commands by name."""

    def __init__(self, places: dict[str, str] = PLACES) -> None:
        self._places = dict(places)
        self._imported: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        command = self._imported.get(name)
        if command is None:
            module, _, attribute = self._places[name].partition(":")
            command = getattr(import_module(module), attribute)
            take_text_alone(command)
            complete_names(command)
            self._imported[name] = command
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places[name] = ""
        self._imported[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._imported.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
