"""`shortd audit`: what operators did."""

from __future__ import annotations

import click

from shortd.clock import SystemClock
from shortd.commands.ages import age
from shortd.commands.control import json_option, listing
from shortd.commands.options import Place, placed
from shortd.commands.tables import Column, Record, field, time


def _by(record: Record) -> str:
    return f"{record['way']} {record['by']}" if record["by"] else str(record["way"])


LINES = (
    Column("TIME", time("utime")),
    Column("BY", _by),
    Column("WHAT", lambda record: str(record["action"]).replace("_", " ")),
    Column("TO WHOM OR WHAT", field("subject"), folds=True),
    Column("DETAILS", field("detail"), 1, folds=True),
    Column("REASON", field("reason"), 2, folds=True),
)


@click.command()
@placed
@click.option("--newer", callback=age, metavar="AGE", help="Only what is newer: 90s, 12h, 7d, 1y.")
@json_option
def audit(place: Place, newer: int | None, as_json: bool) -> None:
    """Show what operators did, and to whom.

    By command, page or plugin, the newest first. What is older than 400 days is forgotten.
    """
    since = 0 if newer is None else max(0, SystemClock().now() - newer)
    listing(place, "audit", LINES, "nothing was done", as_json=as_json, newer=since)
