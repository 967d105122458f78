"""`shortd team …`: teams, and who is in them."""

from __future__ import annotations

import click

from shortd.commands.control import TEAM_HELP, USER_HELP, act, json_option, listing
from shortd.commands.options import Place, placed
from shortd.commands.tables import Column, day, field

ROLES = click.Choice(["owner", "admin", "member"])
TEAMS = (
    Column("ID", field("id")),
    Column("CODE", field("code")),
    Column("NAME", field("name")),
    Column("LINKS", field("links"), 1),
    Column("SINCE", day("created_utime"), 2),
    Column("OWN TEAM OF", field("account"), 3),
)
MEMBERS = (
    Column("USERID", field("userid"), 2),
    Column("USERNAME", field("username")),
    Column("E-MAIL", field("email")),
    Column("SINCE", day("joined_utime"), 1),
    Column("ROLE", field("role")),
)


@click.group()
def team() -> None:
    """Look after teams."""


@team.command("list")
@placed
@json_option
def team_list(place: Place, as_json: bool) -> None:
    """List all teams.

    An account's own team is among them once it has a name or members.
    """
    listing(place, "team list", TEAMS, "no teams", as_json=as_json)


@team.command("add", epilog=USER_HELP)
@placed
@click.argument("owner", metavar="USER")
@click.argument("name")
@click.option("--code", help="A short name without spaces; else it follows from NAME.")
def team_add(place: Place, owner: str, name: str, code: str | None) -> None:
    """Add a team NAME that USER owns."""
    act(place, "team add", owner=owner, name=name, code=code)


@team.command("remove", epilog=TEAM_HELP)
@placed
@click.argument("name", metavar="TEAM")
@click.option("--keep-links", is_flag=True, help="Its links go to those who made them.")
def team_remove(place: Place, name: str, keep_links: bool) -> None:
    """Remove a team.

    One that has links is refused without --keep-links.
    """
    act(place, "team remove", team=name, keep_links=keep_links)


@team.command("members", epilog=TEAM_HELP)
@placed
@click.argument("name", metavar="TEAM")
@json_option
def team_members(place: Place, name: str, as_json: bool) -> None:
    """List who is in a team."""
    listing(place, "team members", MEMBERS, "nobody", as_json=as_json, team=name)


@team.command("add-member", epilog=f"{TEAM_HELP} {USER_HELP}")
@placed
@click.argument("name", metavar="TEAM")
@click.argument("account", metavar="USER")
@click.option(
    "--role", type=ROLES, default="member", show_default=True, help="What it may do there."
)
def team_add_member(place: Place, name: str, account: str, role: str) -> None:
    """Put an account into a team, without asking it."""
    act(place, "team add-member", team=name, user=account, role=role)


@team.command("set-role", epilog=f"{TEAM_HELP} {USER_HELP}")
@placed
@click.argument("name", metavar="TEAM")
@click.argument("account", metavar="USER")
@click.argument("role", type=ROLES)
def team_set_role(place: Place, name: str, account: str, role: str) -> None:
    """Give a member another role."""
    act(place, "team set-role", team=name, user=account, role=role)


@team.command("remove-member", epilog=f"{TEAM_HELP} {USER_HELP}")
@placed
@click.argument("name", metavar="TEAM")
@click.argument("account", metavar="USER")
def team_remove_member(place: Place, name: str, account: str) -> None:
    """Take a member out of a team.

    The links that it made there go to an owner.
    """
    act(place, "team remove-member", team=name, user=account)
