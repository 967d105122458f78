"""`shortd domain …`: domains that teams bring along."""

from __future__ import annotations

import click

from shortd.commands.control import TEAM_HELP, act, json_option, listing
from shortd.commands.options import Place, placed
from shortd.commands.tables import Column, day, field

DOMAINS = (
    Column("ID", field("id"), 1),
    Column("DOMAIN", field("domain")),
    Column("STATUS", field("status")),
    Column("SINCE", day("since_utime"), 2),
    Column("TEAM", field("team")),
)


@click.group()
def domain() -> None:
    """Look after the domains that teams bring along."""


@domain.command("list", epilog=TEAM_HELP)
@placed
@click.option("--team", "team_name", metavar="TEAM", help="Of this team alone.")
@json_option
def domain_list(place: Place, team_name: str | None, as_json: bool) -> None:
    """List the domains of teams.

    Those that are only claimed, and those that have ended, are among them.
    """
    listing(place, "domain list", DOMAINS, "no domains", as_json=as_json, team=team_name)


@domain.command("add", epilog=TEAM_HELP)
@placed
@click.argument("name", metavar="DOMAIN")
@click.argument("team_name", metavar="TEAM")
def domain_add(place: Place, name: str, team_name: str) -> None:
    """Let a domain answer for a team.

    DOMAIN is a name such as go.example.org, which you know to be theirs; members show that by a
    TXT record.
    """
    act(place, "domain add", team=team_name, name=name)


@domain.command("set")
@placed
@click.argument("name", metavar="DOMAIN")
@click.option(
    "--ignore-case/--no-ignore-case",
    default=None,
    help="Find codes in any case, if none is written just so.",
)
@click.option("--root", metavar="URL", help="Where who asks for the domain alone is sent.")
@click.option("--unknown", metavar="URL", help="Where who asks for a code of no link is sent.")
@click.option("--ended", metavar="URL", help="Where who asks for an ended link is sent.")
@click.option(
    "--wide-codes/--no-wide-codes",
    default=None,
    help="Let members choose codes of any characters.",
)
@click.option("--www/--no-www", default=None, help="Whether its www. is the same host.")
def domain_set(place: Place, /, name: str, **changes: str | bool | None) -> None:
    """Change what a domain does in its own way, and show it.

    DOMAIN is its name, or its id as `shortd domain list` shows it. What is not named stays; an
    empty URL, as in --root "", leaves visitors to this server again.
    """
    act(place, "domain set", id=name, changes=changes)


@domain.command("remove")
@placed
@click.argument("name", metavar="DOMAIN")
def domain_remove(place: Place, name: str) -> None:
    """End a domain; its links stay, but nobody reaches them.

    DOMAIN is its name, or its id as `shortd domain list` shows it.
    """
    act(place, "domain remove", id=name)
