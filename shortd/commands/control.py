"""The operator's commands: asks for one, and prints what it answers.

They need not know whether the server runs: see `shortd.control`.
"""

from __future__ import annotations

from typing import Any

import click

from shortd.commands.options import Place

USER_HELP = "USER is a username, an e-mail address or a userid."
TEAM_HELP = "TEAM is a team's id or code; the name of an account means its own team."


def look(place: Place, command: str, **args: Any) -> None:
    """Prints what a command shows that changes nothing."""
    from shortd.control import asking

    place.check()
    show_rows(asking.look(place.settings, command, args))


def act(place: Place, command: str, **args: Any) -> None:
    """Runs any other command wherever the data are, and prints what it answers."""
    from shortd.control import asking

    place.check()
    rows = asking.act(place.settings, command, args)
    place.tell()
    show_rows(rows)


def printable(row: list[str]) -> list[str]:
    """Cells without what a terminal would obey: names are anybody's."""
    return ["".join(filter(str.isprintable, cell)) for cell in row]


def show_rows(rows: list[list[str]]) -> None:
    """Prints a table."""
    shown = [printable(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
