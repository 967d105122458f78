"""`shortd clock …`: the server's sense of time."""

from __future__ import annotations

import click

from shortd.commands.control import act
from shortd.commands.options import Place, placed


@click.group()
def clock() -> None:
    """Look after the server's sense of time."""


@clock.command("believe")
@placed
def clock_believe(place: Place) -> None:
    """Say that this machine's clock is right, however far it has moved.

    Until then, or until it has gone on for hours, a clock that has moved by days removes nothing.
    """
    act(place, "clock believe")
