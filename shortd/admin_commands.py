"""The operator's commands, by name: what `admin` runs for `shortd user`, `team` and the like."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.access import own_team_id
from shortd.admin import Rows
from shortd.clock import DAY
from shortd.custody import Changes
from shortd.models import NEVER, Account, AccountType, DomainStatus, Role, Scope, Team
from shortd.services import Services
from shortd.statistics import day_text

ArgsT = TypeVar("ArgsT", bound=msgspec.Struct)

COMMANDS: dict[str, tuple[type[msgspec.Struct], Callable[[Services, Any], Awaitable[Rows]]]] = {}
"""By name, the type of its arguments and what runs it."""


async def run(services: Services, command: str, args: dict[str, Any]) -> Rows:
    """Runs a command. BAD_REQUEST for one that does not exist or has other arguments."""
    kind, function = COMMANDS.get(command, (None, None))
    if kind is None or function is None:
        raise errors.BAD_REQUEST(f"There is no command {command}.")
    try:
        converted = msgspec.convert(args, kind)
    except msgspec.ValidationError as fault:
        raise errors.BAD_REQUEST(str(fault)) from None
    return await function(services, converted)


def command(
    name: str,
) -> Callable[
    [Callable[[Services, ArgsT], Awaitable[Rows]]], Callable[[Services, ArgsT], Awaitable[Rows]]
]:
    """Enters a function into the table of commands."""

    def register(
        function: Callable[[Services, ArgsT], Awaitable[Rows]],
    ) -> Callable[[Services, ArgsT], Awaitable[Rows]]:
        COMMANDS[name] = (typing.get_type_hints(function)["args"], function)
        return function

    return register


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of a command."""


class NewUser(Args, frozen=True):
    email: str
    passwords: list[str]
    username: str = ""
    type: AccountType = AccountType.REGISTERED


class OneUser(Args, frozen=True):
    user: str
    """Username, e-mail address or userid."""


class SetUser(OneUser, frozen=True):
    changes: Changes


class NewKey(OneUser, frozen=True):
    name: str
    scopes: list[Scope]
    days: float | None = None


class NewTeam(Args, frozen=True):
    owner: str
    name: str
    code: str | None = None


class OneTeam(Args, frozen=True):
    team: str
    """Id or code; an account's name is its own team."""


class RemoveTeam(OneTeam, frozen=True):
    keep_links: bool = False


class InTeam(OneTeam, frozen=True):
    user: str
    role: Role = Role.MEMBER


class Named(OneTeam, frozen=True):
    name: str
    code: str | None = None


class NewTracker(OneTeam, frozen=True):
    provider: str
    code: str
    name: str


class AnyTeam(Args, frozen=True):
    team: str | None = None


class ById(Args, frozen=True):
    id: str


@command("user add")
async def user_add(services: Services, args: NewUser) -> Rows:
    login = await services.accounts.sign_up(
        email=args.email,
        username=args.username,
        passwords=args.passwords,
        temporary_userid=None,
        now=services.clock.now(),
        by_operator=True,
    )
    if args.type is not AccountType.REGISTERED:
        await services.custody.change(login.account.userid, Changes(type=args.type))
    await services.logins.log_out(login.account.userid, login.token)
    return [[f"Added {login.account.email}, userid {login.account.userid}."]]


@command("user list")
async def user_list(services: Services, args: Args) -> Rows:
    rows = [
        [
            account.userid,
            account.username or "-",
            account.email or "-",
            account.type.value + (", locked" if account.locked else ""),
            day_text(account.create_utime // DAY),
        ]
        for account in services.custody.all()
    ]
    return [["USERID", "USERNAME", "E-MAIL", "TYPE", "SINCE"], *rows]


@command("user set")
async def user_set(services: Services, args: SetUser) -> Rows:
    account = await services.custody.change(_account(services, args.user).userid, args.changes)
    state = " It is locked." if account.locked else ""
    return [[f"{account.userid} is {account.type.value}.{state}"]]


@command("user remove")
async def user_remove(services: Services, args: OneUser) -> Rows:
    account = _account(services, args.user)
    await services.custody.end(account.userid, services.clock.now())
    return [[f"Removed {account.userid} with its links, files and keys."]]


@command("user api-key")
async def user_api_key(services: Services, args: NewKey) -> Rows:
    now = services.clock.now()
    until = NEVER if args.days is None else now + round(args.days * DAY)
    account = _account(services, args.user)
    made = await services.api_keys.create(account, args.name, args.scopes, now, until)
    return [[made.key]]


@command("team list")
async def team_list(services: Services, args: Args) -> Rows:
    rows = [[team.id, team.code, team.name, team.account or "-"] for team in services.teams.all()]
    return [["ID", "CODE", "NAME", "OWN TEAM OF"], *rows]


@command("team add")
async def team_add(services: Services, args: NewTeam) -> Rows:
    owner = _account(services, args.owner)
    team = await services.teams.create(owner, args.name, args.code, services.clock.now())
    return [[f"Added team {team.code}, id {team.id}."]]


@command("team remove")
async def team_remove(services: Services, args: RemoveTeam) -> Rows:
    team = await _team(services, args.team)
    await services.teams.delete(None, team.id, keep_links=args.keep_links)
    return [[f"Removed team {team.code}."]]


@command("team members")
async def team_members(services: Services, args: OneTeam) -> Rows:
    team = await _team(services, args.team)
    rows = [
        [view.userid, view.username or "-", view.email or "-", view.role.value]
        for view in services.members.of_team(None, team.id)
    ]
    return [["USERID", "USERNAME", "E-MAIL", "ROLE"], *rows]


@command("team add-member")
async def team_add_member(services: Services, args: InTeam) -> Rows:
    team, account = await _team(services, args.team), _account(services, args.user)
    await services.members.add(team.id, account, args.role, services.clock.now())
    return [[f"{account.email} is {args.role.value} of team {team.code}."]]


@command("team set-role")
async def team_set_role(services: Services, args: InTeam) -> Rows:
    team, account = await _team(services, args.team), _account(services, args.user)
    await services.members.set_role(None, team.id, account.userid, args.role)
    return [[f"{account.email} is {args.role.value} of team {team.code}."]]


@command("team remove-member")
async def team_remove_member(services: Services, args: InTeam) -> Rows:
    team, account = await _team(services, args.team), _account(services, args.user)
    await services.members.remove(None, team.id, account.userid)
    return [[f"{account.email} is no longer in team {team.code}."]]


@command("domain list")
async def domain_list(services: Services, args: AnyTeam) -> Rows:
    wanted = None if args.team is None else (await _team(services, args.team)).id
    rows = [
        [domain.id, domain.name, domain.status.value, domain.team]
        for domain in services.domains.all()
        if wanted in (None, domain.team)
    ]
    return [["ID", "DOMAIN", "STATUS", "TEAM"], *rows]


@command("domain add")
async def domain_add(services: Services, args: Named) -> Rows:
    team = await _team(services, args.team)
    shown = await services.domains.confirm(team.id, args.name, services.clock.now())
    return [[f"{shown.name} answers for team {team.code}."]]


@command("domain remove")
async def domain_remove(services: Services, args: ById) -> Rows:
    for domain in services.domains.all():
        if domain.id == args.id or (domain.name, domain.status) == (args.id, DomainStatus.ACTIVE):
            await services.domains.unsubscribe(None, domain.id)
            return [[f"{domain.name} no longer answers for team {domain.team}."]]
    raise errors.DOMAIN_NOT_FOUND("There is no such domain.")


@command("campaign list")
async def campaign_list(services: Services, args: OneTeam) -> Rows:
    team = await _team(services, args.team)
    rows = [
        [view.id, view.code, view.name, str(view.links)]
        for view in services.campaigns.of_team(None, team.id).campaigns
    ]
    return [["ID", "CODE", "NAME", "LINKS"], *rows]


@command("campaign add")
async def campaign_add(services: Services, args: Named) -> Rows:
    team = await _team(services, args.team)
    now = services.clock.now()
    campaign = await services.campaigns.create(None, team.id, args.name, args.code, now)
    return [[f"Added campaign {campaign.code}, id {campaign.id}."]]


@command("campaign remove")
async def campaign_remove(services: Services, args: ById) -> Rows:
    await services.campaigns.delete(None, args.id)
    return [[f"Removed campaign {args.id}; its links stay."]]


@command("tracker list")
async def tracker_list(services: Services, args: OneTeam) -> Rows:
    team = await _team(services, args.team)
    rows = [
        [row.id, row.provider, row.code, row.name]
        for row in services.team_trackers.of_team(None, team.id)
    ]
    return [["ID", "PROVIDER", "CODE", "NAME"], *rows]


@command("tracker add")
async def tracker_add(services: Services, args: NewTracker) -> Rows:
    team = await _team(services, args.team)
    row = await services.team_trackers.create(
        None, team.id, args.provider, args.code, args.name, services.clock.now()
    )
    return [[f"Added tracker {row.name}, id {row.id}."]]


@command("tracker remove")
async def tracker_remove(services: Services, args: ById) -> Rows:
    await services.team_trackers.delete(None, args.id)
    return [[f"Removed tracker {args.id}."]]


def _account(services: Services, name: str) -> Account:
    account = services.accounts.named(name)
    if account is None:
        raise errors.ACCOUNT_NOT_FOUND(f"There is no account {name!r}.")
    return account


async def _team(services: Services, name: str) -> Team:
    """A team by id or code, or the own team of an account."""
    try:
        return services.teams.find(name)
    except errors.ShortdError:
        account = services.accounts.named(name)
        if account is None:
            owners = (row for row in services.custody.all() if own_team_id(row.userid) == name)
            account = next(owners, None)
        if account is None:
            raise
    return await services.teams.own(account)
