"""`shortd link …`: links, and where they may lead."""

from __future__ import annotations

import click

from shortd.commands.control import act, look
from shortd.commands.options import Place, placed

PATTERN_HELP = (
    "PATTERN is a domain such as example.org, with everything below it; =example.org for that host"
    " alone; or /an expression/ between slashes, in RE2's syntax, looked for in the whole URL."
)


@click.group()
def link() -> None:
    """Look after links, and where they may lead."""


@link.command("block", epilog=PATTERN_HELP)
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


@link.command("unblock", epilog=PATTERN_HELP)
@placed
@click.argument("pattern", metavar="PATTERN")
def link_unblock(place: Place, pattern: str) -> None:
    """Let links lead to a destination again.

    Links that were switched off stay off.
    """
    act(place, "link unblock", pattern=pattern)


@link.command("blocked")
@placed
def link_blocked(place: Place) -> None:
    """List the destinations that are blocked, the newest first."""
    look(place, "link blocked")
