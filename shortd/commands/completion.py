"""What a shell completes beside the names of commands and options: accounts, teams, hosts, formats.

It is asked with every press of a key, so accounts come from a running server or not at all, and
nothing that goes wrong is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
from click.shell_completion import CompletionItem

from shortd.client.texts import Text
from shortd.commands.options import Place, the_place

MOST = 100
READ = 2000
"""Accounts that are looked at."""


class _Completed(Text):
    """A text that a shell completes."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = (name for name in self.names(the_place(ctx)) if name.startswith(incomplete))
            return [CompletionItem(name) for name in islice(found, MOST)]
        except Exception:
            # A shell prints what it is given into the middle of a line.
            return []

    def names(self, place: Place) -> Iterator[str]:
        raise NotImplementedError


class _User(_Completed):
    def names(self, place: Place) -> Iterator[str]:
        for account in islice(_records(place, "user list"), READ):
            yield from filter(None, (account["username"], account["email"]))


class _Team(_Completed):
    def names(self, place: Place) -> Iterator[str]:
        yield from (team["code"] for team in islice(_records(place, "team list"), READ))


class _Host(_Completed):
    def names(self, place: Place) -> Iterator[str]:
        from shortd.hosts import name_of

        yield from map(name_of, (place.settings.public_url, *place.settings.hosts))


class _Format(_Completed):
    def names(self, place: Place) -> Iterator[str]:
        from shortd.commands.importing import OTHERS
        from shortd.moving.formats import FORMATS

        yield from sorted({*FORMATS, *OTHERS})


class _Source(Text):
    """A file or a folder, mostly."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


def _records(place: Place, command: str) -> Iterator[dict[str, Any]]:
    from shortd.control import asking

    for portion in asking.look_there(place.settings, command):
        yield from portion


_TYPES = {
    "USER": _User(),
    "TEAM": _Team(),
    "HOST": _Host(),
    "FORMAT": _Format(),
    "SOURCE": _Source(),
}


def complete_names(command: click.Command) -> None:
    """Has shells complete the names that a command, and all that are below it, are given."""
    for parameter in command.params:
        if parameter.metavar in _TYPES:
            parameter.type = _TYPES[parameter.metavar]
    if isinstance(command, click.Group):
        for below in command.commands.values():
            complete_names(below)
