"""Who is in a team: roles, leaving, invitations."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response
from msgspec import Meta

from shortd.fields import UserId
from shortd.models.accounts import Account
from shortd.models.teams import Role
from shortd.services import Services
from shortd.web.guard import act
from shortd.web.render import language_of
from shortd.web.routing import AnyRequest
from shortd.web.teams.asking import PATH, TEAM, acted, team_asked


class NewRole(msgspec.Struct, frozen=True, kw_only=True):
    userid: UserId
    role: Role


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    userid: UserId
    keep_links: bool = False
    """His links go with him."""


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    keep_links: bool = False


class NewOffer(msgspec.Struct, frozen=True, kw_only=True):
    guest: Annotated[str, Meta(min_length=1, max_length=254)]
    role: Role = Role.MEMBER


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    invitation: Annotated[str, Meta(min_length=1, max_length=64)]


@act(f"{TEAM}/members/role", status_code=303)
async def change_role(request: AnyRequest) -> Response[bytes]:
    async def change(services: Services, account: Account, value: NewRole, now: int) -> None:
        team = team_asked(request)
        await services.teams.members.set_role(account, team, value.userid, value.role)

    said = language_of(request).gettext("The role is changed.")
    return await acted(request, NewRole, "role", change, said, key="userid")


@act(f"{TEAM}/members/remove", status_code=303)
async def remove(request: AnyRequest) -> Response[bytes]:
    async def take_out(services: Services, account: Account, value: Removal, now: int) -> None:
        team = team_asked(request)
        await services.teams.members.remove(
            account, team, value.userid, keep_links=value.keep_links
        )

    said = language_of(request).gettext("The team has one member less.")
    return await acted(request, Removal, "remove", take_out, said, key="userid")


@act(f"{TEAM}/leave", status_code=303)
async def leave(request: AnyRequest) -> Response[bytes]:
    async def go(services: Services, account: Account, value: Leaving, now: int) -> None:
        team = team_asked(request)
        await services.teams.members.remove(
            account, team, account.userid, keep_links=value.keep_links
        )

    said = language_of(request).gettext("You have left the team.")
    return await acted(request, Leaving, "leave", go, said, to=PATH)


@act(f"{TEAM}/invite", status_code=303)
async def invite(request: AnyRequest) -> Response[bytes]:
    async def offer(services: Services, account: Account, value: NewOffer, now: int) -> None:
        team = team_asked(request)
        await services.teams.invitations.invite(account, team, value.guest, value.role, now)

    said = language_of(request).gettext("The invitation waits under Teams for whoever it is for.")
    fields = {"name": "guest", "email": "guest"}
    return await acted(request, NewOffer, "invite", offer, said, fields=fields)


@act(f"{TEAM}/withdraw", status_code=303)
async def withdraw(request: AnyRequest) -> Response[bytes]:
    async def take_back(services: Services, account: Account, value: Withdrawal, now: int) -> None:
        await services.teams.invitations.withdraw(account, value.invitation)

    said = language_of(request).gettext("The invitation is withdrawn.")
    return await acted(request, Withdrawal, "withdraw", take_back, said, key="invitation")


HANDLERS = (change_role, remove, leave, invite, withdraw)
