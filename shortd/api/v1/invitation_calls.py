"""The calls about invitations to teams, all of them ours: entity/team/invitation/*.

Invitations are made by entity/team/member/add.
"""

from __future__ import annotations

import msgspec

from shortd.api.v1.inputs import HexId, Input, Paged
from shortd.api.v1.registry import Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.models.accounts import Scope
from shortd.models.teams import Role
from shortd.teams.invitations import InvitationView


class ListInvitations(Paged, frozen=True, kw_only=True):
    team_id: HexId | None = None


class OneInvitation(Input, frozen=True, kw_only=True):
    invitation_id: HexId


class InvitationInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A place in a team that somebody may take. `member` is his username or e-mail address."""

    id: str
    team_id: str
    team_name: str
    member: str
    role: Role
    created_time: str
    expired_time: str


class InvitationOutput(Output, frozen=True, kw_only=True):
    invitation: InvitationInfo


class InvitationsOutput(Output, frozen=True, kw_only=True):
    invitations: list[InvitationInfo]
    total: int


@call("entity/team/invitation/list", scope=Scope.READ)
async def invitation_list(ctx: Context, args: ListInvitations) -> InvitationsOutput:
    """Lists the invitations that a team has open; without `teamId`, those that you have. Those to
    your address are listed once it is verified, and plain members are shown no addresses.
    """
    invitations = ctx.services.teams.invitations
    if args.team_id is None:
        rows = invitations.of_guest(ctx.account, ctx.now)
    else:
        rows = invitations.of_team(ctx.account, args.team_id, ctx.now)
    return InvitationsOutput(
        invitations=[shown(row) for row in ctx.page_of(rows, args)], total=len(rows)
    )


@call("entity/team/invitation/accept", scope=Scope.WRITE)
async def accept_invitation(ctx: Context, args: OneInvitation) -> Empty:
    """Takes the place that you were invited to."""
    await ctx.services.teams.invitations.accept(ctx.account, args.invitation_id, ctx.now)
    return Empty()


@call("entity/team/invitation/decline", scope=Scope.WRITE)
async def decline_invitation(ctx: Context, args: OneInvitation) -> Empty:
    """Turns an invitation down."""
    await ctx.services.teams.invitations.decline(ctx.account, args.invitation_id, ctx.now)
    return Empty()


@call("entity/team/invitation/withdraw", scope=Scope.WRITE)
async def withdraw_invitation(ctx: Context, args: OneInvitation) -> Empty:
    """Takes an invitation back. Whoever may invite to that role may."""
    await ctx.services.teams.invitations.withdraw(ctx.account, args.invitation_id)
    return Empty()


def shown(row: InvitationView) -> InvitationInfo:
    return InvitationInfo(
        id=row.id,
        team_id=row.team,
        team_name=row.team_name,
        member=row.guest,
        role=row.role,
        created_time=millisecond_text(row.create_utime),
        expired_time=millisecond_text(row.expiration_utime),
    )
