"""The operator's commands: asks for one, and prints what it answers.

They need not know whether the server runs: see `shortd.control`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from shortd.commands.options import PARTLY, Place, fail
from shortd.commands.tables import Column, Record, print_list, printable, show_rows
from shortd.commands.working import working

if TYPE_CHECKING:
    from shortd.control.asking import Came

USER_HELP = "USER is a username, an e-mail address or a userid."
TEAM_HELP = "TEAM is a team's id or code; the name of an account means its own team."

LONG = frozenset({"user remove", "link block"})
"""Commands that may take minutes."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; times are µs since 1970 in UTC."
)


def look(place: Place, command: str, **args: Any) -> Iterator[list[Record]]:
    """What a command shows that changes nothing, some of it at a time."""
    from shortd.control import asking

    place.check()
    for portion in asking.look(place.settings, command, args):
        place.tell()
        yield portion


def look_at_one(place: Place, command: str, **args: Any) -> Record:
    """The same of a command that shows one thing."""
    [record] = [record for portion in look(place, command, **args) for record in portion]
    return record


def listing(
    place: Place,
    command: str,
    columns: Sequence[Column],
    nothing: str,
    *,
    as_json: bool,
    **args: Any,
) -> None:
    """Prints what a command lists; `nothing` is said where there is nothing."""
    print_list(look(place, command, **args), columns, nothing, as_json=as_json)


def act(place: Place, command: str, **args: Any) -> None:
    """Runs any other command wherever the data are, and prints what it answers."""
    end(place, *answered(place, command, **args))


def answered(place: Place, command: str, **args: Any) -> Came:
    """The same for who prints it himself: rows, and what was refused."""
    from shortd.control import asking

    place.check()
    with working(command) if command in LONG else nullcontext():
        return asking.act(place.settings, command, args)


def end(place: Place, rows: list[list[str]], refused: Sequence[str]) -> None:
    """Prints what was done, and ends in failure if some of it was not."""
    if rows:
        place.tell()
        show_rows(rows)
    if refused:
        fail(map(printable, refused), status=PARTLY if rows else 1)
