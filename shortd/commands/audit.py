"""`shortd audit`: what operators did."""

from __future__ import annotations

import click

from shortd.clock import SystemClock
from shortd.commands.ages import age
from shortd.commands.control import show_rows
from shortd.commands.options import Place, placed

HEAD = ["TIME", "BY", "WHAT", "TO WHOM OR WHAT", "DETAILS", "REASON"]


@click.command()
@placed
@click.option("--newer", callback=age, metavar="AGE", help="Only what is newer: 90s, 12h, 7d, 1y.")
def audit(place: Place, newer: int | None) -> None:
    """Show what operators did, and to whom.

    By command, page or plugin, the newest first. What is older than 400 days is forgotten.
    """
    from shortd.control import asking

    place.check()
    since = 0 if newer is None else max(0, SystemClock().now() - newer)
    rows, after = [HEAD], None
    while True:
        cursor, *more = asking.look(place.settings, "audit", {"newer": since, "after": after})
        rows += more
        if not cursor:
            break
        after = [int(number) for number in cursor]
    show_rows(rows)
