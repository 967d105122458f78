"""The calls about teams: entity/team/list, and ours that make and change them."""

from __future__ import annotations

import msgspec

from shortd.api.v1.inputs import Paged
from shortd.api.v1.registry import Context, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.models import Role, Scope
from shortd.teams import TeamView

ROLES = {
    Role.OWNER: "ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER",
    Role.ADMIN: "ROLE_ADMIN, ROLE_MEMBER",
    Role.MEMBER: "ROLE_MEMBER",
}
"""What each role includes, as the document writes it."""


class TeamInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A team, as its member sees it."""

    id: str
    code: str
    name: str
    roles: str
    members: int
    links: int
    joined_date: str


class TeamsOutput(Output, frozen=True, kw_only=True):
    teams: list[TeamInfo]
    total: int


@call("entity/team/list", scope=Scope.READ)
async def team_list(ctx: Context, args: Paged) -> TeamsOutput:
    """Lists the teams that you are in, your own first."""
    teams = ctx.services.teams.of_account(ctx.account)
    return TeamsOutput(teams=[_shown(team) for team in ctx.page_of(teams, args)], total=len(teams))


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
