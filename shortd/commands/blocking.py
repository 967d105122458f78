"""`shortd link block`, `unblock` and `blocked`: where links may lead."""

from __future__ import annotations

import click

from shortd.commands.control import act, json_option, look
from shortd.commands.options import Place, placed
from shortd.commands.tables import Column, day, field, print_list

PATTERN_HELP = (
    "PATTERN is a domain such as example.org, with everything below it; =example.org for that host"
    " alone; or /an expression/ between slashes, in RE2's syntax, looked for in the whole URL."
)
BLOCKED = (
    Column("PATTERN", field("pattern"), folds=True),
    Column("SINCE", day("since_utime")),
    Column("REASON", field("reason"), folds=True),
)


@click.command("block", epilog=PATTERN_HELP)
@placed
@click.argument("pattern", metavar="PATTERN")
@click.option(
    "--disable-existing", is_flag=True, help="Also switch off the links that lead there already."
)
@click.option("--reason", metavar="TEXT", default="", help="For the list; visitors never see it.")
def link_block(place: Place, pattern: str, disable_existing: bool, reason: str) -> None:
    """Let no new link lead to a destination."""
    act(
        place,
        "link block",
        pattern=pattern,
        disable_existing=disable_existing,
        reason=reason,
    )


@click.command("unblock", epilog=PATTERN_HELP)
@placed
@click.argument("pattern", metavar="PATTERN")
def link_unblock(place: Place, pattern: str) -> None:
    """Let links lead to a destination again.

    Links that were switched off stay off.
    """
    act(place, "link unblock", pattern=pattern)


@click.command("blocked")
@placed
@json_option
def link_blocked(place: Place, as_json: bool) -> None:
    """List the destinations that are blocked, the newest first."""
    from shortd.commands.sorting import in_order

    newest = in_order(look(place, "link blocked"), lambda row: -row["since_utime"])
    print_list(newest, BLOCKED, "nothing is blocked", as_json=as_json)
