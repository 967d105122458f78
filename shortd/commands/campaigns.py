"""`shortd campaign …`: campaigns of teams."""

from __future__ import annotations

import click

from shortd.commands.control import TEAM_HELP, act, json_option, listing
from shortd.commands.options import Place, placed
from shortd.commands.tables import Column, day, field

CAMPAIGNS = (
    Column("ID", field("id")),
    Column("CODE", field("code")),
    Column("NAME", field("name")),
    Column("SINCE", day("created_utime"), 1),
    Column("LINKS", field("links")),
)


@click.group()
def campaign() -> None:
    """Look after the campaigns of teams."""


@campaign.command("list", epilog=TEAM_HELP)
@placed
@click.argument("team_name", metavar="TEAM")
@json_option
def campaign_list(place: Place, team_name: str, as_json: bool) -> None:
    """List a team's campaigns."""
    listing(place, "campaign list", CAMPAIGNS, "no campaigns", as_json=as_json, team=team_name)


@campaign.command("add", epilog=TEAM_HELP)
@placed
@click.argument("team_name", metavar="TEAM")
@click.argument("name")
@click.option("--code", help="A short name without spaces; else it follows from NAME.")
def campaign_add(place: Place, team_name: str, name: str, code: str | None) -> None:
    """Add a campaign to a team."""
    act(place, "campaign add", team=team_name, name=name, code=code)


@campaign.command("remove")
@placed
@click.argument("campaign_id", metavar="ID")
def campaign_remove(place: Place, campaign_id: str) -> None:
    """Remove a campaign; its links stay.

    ID is as `shortd campaign list` shows it.
    """
    act(place, "campaign remove", id=campaign_id)
