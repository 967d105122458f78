"""The calls about who is in a team, all of them ours: entity/team/member/*."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd.api.caller import Keyed
from shortd.api.v1.inputs import HexId, Input, Paged
from shortd.api.v1.invitation_calls import InvitationOutput, shown
from shortd.api.v1.registry import Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.models.accounts import Scope
from shortd.models.teams import Role
from shortd.teams.invitations import InvitationView

UserIdText = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9]{32}$(?!\n)", description="A member's userId.")
]
GuestText = Annotated[str, Meta(max_length=254, description="A username or an e-mail address.")]


class ListMembers(Paged, frozen=True, kw_only=True):
    team_id: HexId


class AddMember(Input, frozen=True, kw_only=True):
    team_id: HexId
    member: GuestText
    role: Role = Role.MEMBER


class UpdateMember(Input, frozen=True, kw_only=True):
    team_id: HexId
    user_id: UserIdText
    role: Role


class RemoveMember(Input, frozen=True, kw_only=True):
    team_id: HexId
    user_id: UserIdText
    keep_links: bool = False


class MemberInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody in a team, as the others see him."""

    user_id: str
    username: str
    email: str
    role: Role
    joined_date: str


class MembersOutput(Output, frozen=True, kw_only=True):
    members: list[MemberInfo]
    total: int


@call("entity/team/member/list", scope=Scope.READ)
async def member_list(ctx: Context, args: ListMembers) -> MembersOutput:
    """Lists who is in a team. Plain members see no `email` but their own."""
    members = ctx.services.teams.members.of_team(ctx.account, args.team_id)
    return MembersOutput(
        members=[
            MemberInfo(
                user_id=member.userid,
                username=member.username,
                email=member.email,
                role=member.role,
                joined_date=millisecond_text(member.join_utime),
            )
            for member in ctx.page_of(members, args)
        ],
        total=len(members),
    )


@call("entity/team/member/add", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def add_member(ctx: Context, args: AddMember) -> InvitationOutput:
    """Invites somebody to a team, who is in it once he accepts. Owners may, and admins for the
    role of a member.
    """
    invitations = ctx.services.teams.invitations
    invitation = await ctx.once(
        lambda: invitations.invite(ctx.account, args.team_id, args.member, args.role, ctx.now),
        InvitationView,
    )
    return InvitationOutput(invitation=shown(invitation))


@call("entity/team/member/update", scope=Scope.WRITE)
async def update_member(ctx: Context, args: UpdateMember) -> Empty:
    """Gives a member another role. Owners may."""
    await ctx.services.teams.members.set_role(ctx.account, args.team_id, args.user_id, args.role)
    return Empty()


@call("entity/team/member/remove", scope=Scope.WRITE)
async def remove_member(ctx: Context, args: RemoveMember) -> Empty:
    """Takes somebody out of a team, yourself perhaps. The links that he made for it go to an
    owner; with `keepLinks`, which owners may say, they go with him, but for those on a domain of
    the team. Owners may, and admins with members.
    """
    await ctx.services.teams.members.remove(
        ctx.account, args.team_id, args.user_id, keep_links=args.keep_links
    )
    return Empty()
