"""`shortd tracker …`: trackers of teams."""

from __future__ import annotations

import click

from shortd.commands.control import TEAM_HELP, act, json_option, listing
from shortd.commands.options import Place, placed
from shortd.commands.tables import Column, field

TRACKERS = (
    Column("ID", field("id")),
    Column("PROVIDER", field("provider")),
    Column("CODE", field("code")),
    Column("NAME", field("name")),
)


@click.group()
def tracker() -> None:
    """Look after the trackers that teams keep for their links."""


@tracker.command("list", epilog=TEAM_HELP)
@placed
@click.argument("team_name", metavar="TEAM")
@json_option
def tracker_list(place: Place, team_name: str, as_json: bool) -> None:
    """List a team's trackers."""
    listing(place, "tracker list", TRACKERS, "no trackers", as_json=as_json, team=team_name)


@tracker.command("add", epilog=TEAM_HELP)
@placed
@click.argument("team_name", metavar="TEAM")
@click.argument("provider", metavar="PROVIDER")
@click.argument("code")
@click.argument("name")
def tracker_add(
    place: Place,
    team_name: str,
    provider: str,
    code: str,
    name: str,
) -> None:
    """Add a tracker to a team.

    CODE is what the PROVIDER calls you, such as the G-… of google_analytics.
    """
    tracker = {"team": team_name, "provider": provider, "code": code, "name": name}
    act(place, "tracker add", **tracker)


@tracker.command("remove")
@placed
@click.argument("tracker_id", metavar="ID")
def tracker_remove(place: Place, tracker_id: str) -> None:
    """Remove a team's tracker; links that have it keep it.

    ID is as `shortd tracker list` shows it.
    """
    act(place, "tracker remove", id=tracker_id)
