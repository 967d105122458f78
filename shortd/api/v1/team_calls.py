"""The calls about teams: entity/team/list, and ours that make, name and end them."""

from __future__ import annotations

import msgspec

from shortd.api.caller import Keyed
from shortd.api.v1.inputs import CodeText, HexId, Input, NameText, Paged
from shortd.api.v1.registry import Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.models.accounts import Scope
from shortd.models.teams import Role, Team
from shortd.teams import TeamView

ROLES = {
    Role.OWNER: "ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER",
    Role.ADMIN: "ROLE_ADMIN, ROLE_MEMBER",
    Role.MEMBER: "ROLE_MEMBER",
}
"""What each role includes, as the document writes it."""


class CreateTeam(Input, frozen=True, kw_only=True):
    name: NameText
    code: CodeText | None = None


class UpdateTeam(Input, frozen=True, kw_only=True):
    team_id: HexId
    name: NameText | None = None
    code: CodeText | None = None


class DeleteTeam(Input, frozen=True, kw_only=True):
    team_id: HexId
    keep_links: bool = False


class TeamInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A team, as its member sees it."""

    id: str
    code: str
    name: str
    roles: str
    members: int
    links: int
    joined_date: str


class TeamOutput(Output, frozen=True, kw_only=True):
    team: TeamInfo


class TeamsOutput(Output, frozen=True, kw_only=True):
    teams: list[TeamInfo]
    total: int


@call("entity/team/list", scope=Scope.READ)
async def team_list(ctx: Context, args: Paged) -> TeamsOutput:
    """Lists the teams that you are in, your own first."""
    teams = ctx.services.teams.teams.of_account(ctx.account)
    return TeamsOutput(teams=[_shown(team) for team in ctx.page_of(teams, args)], total=len(teams))


@call("entity/team/create", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def create_team(ctx: Context, args: CreateTeam) -> TeamOutput:
    """Makes a team, whose owner you are. Without a code it gets one from its name."""
    teams = ctx.services.teams.teams
    made = await ctx.once(lambda: teams.create(ctx.account, args.name, args.code, ctx.now), Team)
    return TeamOutput(team=_shown(teams.get(ctx.account, made.id)))


@call("entity/team/update", scope=Scope.WRITE)
async def update_team(ctx: Context, args: UpdateTeam) -> Empty:
    """Changes a team's name or code. Owners and admins may."""
    await ctx.services.teams.teams.update(ctx.account, args.team_id, name=args.name, code=args.code)
    return Empty()


@call("entity/team/delete", scope=Scope.WRITE)
async def delete_team(ctx: Context, args: DeleteTeam) -> Empty:
    """Ends a team with all it has. With `keepLinks` its links go to those who made them, else it
    must have none. Owners may.
    """
    await ctx.services.teams.teams.delete(ctx.account, args.team_id, keep_links=args.keep_links)
    return Empty()


def _shown(team: TeamView) -> TeamInfo:
    return TeamInfo(
        id=team.id,
        code=team.code,
        name=team.name,
        roles=ROLES[team.role],
        members=team.members,
        links=team.links,
        joined_date=millisecond_text(team.join_utime),
    )
