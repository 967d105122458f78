"""What the operator does to teams, and to who is in them."""

from __future__ import annotations

import msgspec

from shortd.control.named import OneTeam, account_called, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.models.teams import Role
from shortd.services import Services
from shortd.store.schema import LINKS_PER_TEAM, TEAMS
from shortd.teams.members import Members
from shortd.upkeep.audit import called


class NewTeam(Args, frozen=True):
    owner: str
    name: str
    code: str | None = None


class RemoveTeam(OneTeam, frozen=True):
    keep_links: bool = False


class InTeam(OneTeam, frozen=True):
    user: str
    role: Role = Role.MEMBER


class TeamShown(msgspec.Struct, frozen=True):
    """A team, as `team list` shows it."""

    id: str
    code: str
    name: str
    account: str | None
    """Userid of whose own team it is."""
    links: int
    """Without those that who has it for his own made for no team."""
    created_utime: int


class MemberShown(msgspec.Struct, frozen=True):
    """Who is in a team."""

    userid: str
    username: str | None
    email: str | None
    role: Role
    joined_utime: int


@look("team list")
def team_list(view: View, args: Args) -> Portions:
    for teams in portions(view.store, TEAMS):
        with view.store.read() as txn:
            yield [
                TeamShown(
                    id=team.id,
                    code=team.code,
                    name=team.name,
                    account=team.account or None,
                    links=LINKS_PER_TEAM.get(txn, (team.id,)),
                    created_utime=team.create_utime,
                )
                for team in teams
            ]


@act("team add")
async def team_add(services: Services, args: NewTeam) -> Rows:
    owner = account_called(services.store, args.owner)
    now, detail = services.clock.now(), f"of {called(owner)}"
    async with noted(services, Action.ADD_TEAM, args.name, detail=detail):
        team = await services.teams.teams.create(owner, args.name, args.code, now)
    return [[f"Added team {team.code}, id {team.id}."]]


@act("team remove")
async def team_remove(services: Services, args: RemoveTeam) -> Rows:
    team = await stored_team(services, args.team)
    detail = "links stay" if args.keep_links else ""
    async with noted(services, Action.REMOVE_TEAM, team.code, detail=detail):
        await services.teams.teams.delete(None, team.id, keep_links=args.keep_links)
    return [[f"Removed team {team.code}."]]


@look("team members")
def team_members(view: View, args: OneTeam) -> Portions:
    team, actor = found_team(view.store, args.team)
    yield [
        MemberShown(
            userid=member.userid,
            username=member.username or None,
            email=member.email or None,
            role=member.role,
            joined_utime=member.join_utime,
        )
        for member in Members(view.store).of_team(actor, team.id)
    ]


@act("team add-member")
async def team_add_member(services: Services, args: InTeam) -> Rows:
    team, account = (
        await stored_team(services, args.team),
        account_called(services.store, args.user),
    )
    now, detail = services.clock.now(), f"team {team.code}, {args.role.value}"
    async with noted(services, Action.ADD_MEMBER, about=account, detail=detail):
        await services.teams.members.add(team.id, account, args.role, now)
    return [[f"{account.email} is {args.role.value} of team {team.code}."]]


@act("team set-role")
async def team_set_role(services: Services, args: InTeam) -> Rows:
    team, account = (
        await stored_team(services, args.team),
        account_called(services.store, args.user),
    )
    detail = f"team {team.code}, {args.role.value}"
    async with noted(services, Action.SET_ROLE, about=account, detail=detail):
        await services.teams.members.set_role(None, team.id, account.userid, args.role)
    return [[f"{account.email} is {args.role.value} of team {team.code}."]]


@act("team remove-member")
async def team_remove_member(services: Services, args: InTeam) -> Rows:
    team, account = (
        await stored_team(services, args.team),
        account_called(services.store, args.user),
    )
    async with noted(services, Action.REMOVE_MEMBER, about=account, detail=f"team {team.code}"):
        await services.teams.members.remove(None, team.id, account.userid)
    return [[f"{account.email} is no longer in team {team.code}."]]
