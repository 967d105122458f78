"""The operator's commands on the command line: `shortd user|team|domain|campaign|tracker …`.

They need not know whether the server runs: see `admin`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from shortd.config import load
from shortd.options import settings_options

PASSWORD_VARIABLE = "SHORTD_USER_PASSWORD"
TYPES = click.Choice(["registered", "verified", "custom"])
ROLES = click.Choice(["owner", "admin", "member"])
TEAM_HELP = "TEAM is a team's id or code; the name of an account means its own team."

Command = Callable[..., None]


def _run(config_file: Path | None, data_dir: Path | None, command: str, **args: Any) -> None:
    """Runs a command wherever the data are, and prints what it answers."""
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    from shortd.admin import run_anywhere
    from shortd.admin_commands import run

    rows = run_anywhere(settings, run, command, args)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _new_password() -> list[str]:
    """The derivations of a password, from the environment or the terminal."""
    from shortd.client.failures import ClientFailure
    from shortd.client.passwords import ask
    from shortd.passwords import derivations

    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        password = ask("Password of the account: ", f"set {PASSWORD_VARIABLE}")
        if ask("Once more: ", "") != password:
            raise ClientFailure("These are two different passwords.")
    return derivations(password)


@click.group()
def user() -> None:
    """Look after accounts. USER is a username, an e-mail address or a userid."""


@user.command("list")
@settings_options
def user_list(config_file: Path | None, data_dir: Path | None) -> None:
    """List all accounts."""
    _run(config_file, data_dir, "user list")


@user.command("add")
@settings_options
@click.argument("email")
@click.option("--username", default="", help="A name to log in with; needed for v1.")
@click.option("--type", "kind", type=TYPES, default="registered", show_default=True)
def user_add(
    config_file: Path | None, data_dir: Path | None, email: str, username: str, kind: str
) -> None:
    """Add an account, whether or not strangers may sign up.

    Asks for the password, or takes it from SHORTD_USER_PASSWORD.
    """
    passwords = _new_password()
    account = {"email": email, "username": username, "type": kind, "passwords": passwords}
    _run(config_file, data_dir, "user add", **account)


@user.command("set")
@settings_options
@click.argument("name", metavar="USER")
@click.option("--email", help="Another address; it counts as not verified.")
@click.option("--username", help='Another name; "" for none.')
@click.option("--type", "kind", type=TYPES, help="Which limits hold.")
@click.option("--verified/--not-verified", default=None, help="Whether the address is known.")
@click.option("--password", is_flag=True, help="Asks for a new one; all logins end.")
def user_set(
    config_file: Path | None,
    data_dir: Path | None,
    name: str,
    email: str | None,
    username: str | None,
    kind: str | None,
    verified: bool | None,
    password: bool,
) -> None:
    """Change an account."""
    changes = {
        "email": email,
        "username": username,
        "type": kind,
        "verified": verified,
        "passwords": _new_password() if password else None,
    }
    _run(config_file, data_dir, "user set", user=name, changes=changes)


@user.command("lock")
@settings_options
@click.argument("name", metavar="USER")
def user_lock(config_file: Path | None, data_dir: Path | None, name: str) -> None:
    """Lock an account: its links answer 404, its tokens and keys 403. Nothing is lost."""
    _run(config_file, data_dir, "user set", user=name, changes={"locked": True})


@user.command("unlock")
@settings_options
@click.argument("name", metavar="USER")
def user_unlock(config_file: Path | None, data_dir: Path | None, name: str) -> None:
    """Unlock an account: everything is as it was."""
    _run(config_file, data_dir, "user set", user=name, changes={"locked": False})


@user.command("remove")
@settings_options
@click.argument("name", metavar="USER")
@click.confirmation_option(prompt="Remove the account with its links, files and keys?")
def user_remove(config_file: Path | None, data_dir: Path | None, name: str) -> None:
    """Remove an account with all that is its own; what it made for teams goes to them."""
    _run(config_file, data_dir, "user remove", user=name)


@user.command("api-key")
@settings_options
@click.argument("name", metavar="USER")
@click.option("--name", "label", default="command line", show_default=True, help="What it is for.")
@click.option("--read-only", is_flag=True, help="It changes nothing.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="How long it lives.")
def user_api_key(
    config_file: Path | None,
    data_dir: Path | None,
    name: str,
    label: str,
    read_only: bool,
    days: float | None,
) -> None:
    """Make an API key for v1 and sqwish, and print it: it is shown this once."""
    scopes = ["read"] if read_only else ["read", "write"]
    key = {"user": name, "name": label, "scopes": scopes, "days": days}
    _run(config_file, data_dir, "user api-key", **key)


@click.group(epilog=TEAM_HELP)
def team() -> None:
    """Look after teams."""


@team.command("list")
@settings_options
def team_list(config_file: Path | None, data_dir: Path | None) -> None:
    """List all teams; accounts' own teams only once they have a name or members."""
    _run(config_file, data_dir, "team list")


@team.command("add")
@settings_options
@click.argument("owner", metavar="USER")
@click.argument("name")
@click.option("--code", help="A short name without spaces; else it follows from NAME.")
def team_add(
    config_file: Path | None, data_dir: Path | None, owner: str, name: str, code: str | None
) -> None:
    """Add a team NAME that USER owns."""
    _run(config_file, data_dir, "team add", owner=owner, name=name, code=code)


@team.command("remove")
@settings_options
@click.argument("name", metavar="TEAM")
@click.option("--keep-links", is_flag=True, help="Links go to those who made them.")
def team_remove(
    config_file: Path | None, data_dir: Path | None, name: str, keep_links: bool
) -> None:
    """Remove a team. One with links is refused unless they are kept."""
    _run(config_file, data_dir, "team remove", team=name, keep_links=keep_links)


@team.command("members")
@settings_options
@click.argument("name", metavar="TEAM")
def team_members(config_file: Path | None, data_dir: Path | None, name: str) -> None:
    """List who is in a team."""
    _run(config_file, data_dir, "team members", team=name)


@team.command("add-member")
@settings_options
@click.argument("name", metavar="TEAM")
@click.argument("account", metavar="USER")
@click.option("--role", type=ROLES, default="member", show_default=True)
def team_add_member(
    config_file: Path | None, data_dir: Path | None, name: str, account: str, role: str
) -> None:
    """Put an account into a team, without asking it."""
    _run(config_file, data_dir, "team add-member", team=name, user=account, role=role)


@team.command("set-role")
@settings_options
@click.argument("name", metavar="TEAM")
@click.argument("account", metavar="USER")
@click.argument("role", type=ROLES)
def team_set_role(
    config_file: Path | None, data_dir: Path | None, name: str, account: str, role: str
) -> None:
    """Give a member another role."""
    _run(config_file, data_dir, "team set-role", team=name, user=account, role=role)


@team.command("remove-member")
@settings_options
@click.argument("name", metavar="TEAM")
@click.argument("account", metavar="USER")
def team_remove_member(
    config_file: Path | None, data_dir: Path | None, name: str, account: str
) -> None:
    """Take a member out of a team; the links it made there go to an owner."""
    _run(config_file, data_dir, "team remove-member", team=name, user=account)


@click.group(epilog=TEAM_HELP)
def domain() -> None:
    """Look after the domains that teams bring along."""


@domain.command("list")
@settings_options
@click.option("--team", "team_name", metavar="TEAM", help="Of this team alone.")
def domain_list(config_file: Path | None, data_dir: Path | None, team_name: str | None) -> None:
    """List the domains of teams, claimed ones and ended ones among them."""
    _run(config_file, data_dir, "domain list", team=team_name)


@domain.command("add")
@settings_options
@click.argument("name", metavar="DOMAIN")
@click.argument("team_name", metavar="TEAM")
def domain_add(config_file: Path | None, data_dir: Path | None, name: str, team_name: str) -> None:
    """Let a domain answer for a team, because you know that it is theirs."""
    _run(config_file, data_dir, "domain add", team=team_name, name=name)


@domain.command("remove")
@settings_options
@click.argument("name", metavar="DOMAIN")
def domain_remove(config_file: Path | None, data_dir: Path | None, name: str) -> None:
    """End a DOMAIN, given by name or id; its links stay, unreachable."""
    _run(config_file, data_dir, "domain remove", id=name)


@click.group(epilog=TEAM_HELP)
def campaign() -> None:
    """Look after the campaigns of teams."""


@campaign.command("list")
@settings_options
@click.argument("team_name", metavar="TEAM")
def campaign_list(config_file: Path | None, data_dir: Path | None, team_name: str) -> None:
    """List a team's campaigns."""
    _run(config_file, data_dir, "campaign list", team=team_name)


@campaign.command("add")
@settings_options
@click.argument("team_name", metavar="TEAM")
@click.argument("name")
@click.option("--code", help="A short name without spaces; else it follows from NAME.")
def campaign_add(
    config_file: Path | None, data_dir: Path | None, team_name: str, name: str, code: str | None
) -> None:
    """Add a campaign to a team."""
    _run(config_file, data_dir, "campaign add", team=team_name, name=name, code=code)


@campaign.command("remove")
@settings_options
@click.argument("campaign_id", metavar="ID")
def campaign_remove(config_file: Path | None, data_dir: Path | None, campaign_id: str) -> None:
    """Remove a campaign; its links stay."""
    _run(config_file, data_dir, "campaign remove", id=campaign_id)


@click.group(epilog=TEAM_HELP)
def tracker() -> None:
    """Look after the trackers that teams keep to copy them to links."""


@tracker.command("list")
@settings_options
@click.argument("team_name", metavar="TEAM")
def tracker_list(config_file: Path | None, data_dir: Path | None, team_name: str) -> None:
    """List a team's trackers."""
    _run(config_file, data_dir, "tracker list", team=team_name)


@tracker.command("add")
@settings_options
@click.argument("team_name", metavar="TEAM")
@click.argument("provider")
@click.argument("code")
@click.argument("name")
def tracker_add(
    config_file: Path | None,
    data_dir: Path | None,
    team_name: str,
    provider: str,
    code: str,
    name: str,
) -> None:
    """Add a tracker NAME with a CODE of a PROVIDER, such as google_analytics."""
    tracker = {"team": team_name, "provider": provider, "code": code, "name": name}
    _run(config_file, data_dir, "tracker add", **tracker)


@tracker.command("remove")
@settings_options
@click.argument("tracker_id", metavar="ID")
def tracker_remove(config_file: Path | None, data_dir: Path | None, tracker_id: str) -> None:
    """Remove a team's tracker; links that have it keep it."""
    _run(config_file, data_dir, "tracker remove", id=tracker_id)


GROUPS = (user, team, domain, campaign, tracker)
