"""Invitations to teams: offered, accepted, declined, taken back.

`actor` is who asks, None the operator. To whoever is neither the guest nor in the team, an
invitation does not exist.
"""

from __future__ import annotations

from random import Random

import msgspec
from msgspec import structs

from shortd import errors
from shortd.accounts import find_account, normalize_email, registered
from shortd.clock import DAY
from shortd.ids import random_id
from shortd.links.access import need_role, role_in
from shortd.models.accounts import Account
from shortd.models.teams import Invitation, Role
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    INVITATIONS,
    INVITATIONS_BY_GUEST,
    INVITATIONS_BY_TEAM,
    TEAMS,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.members import check_role, check_room, join, may_manage
from shortd.teams.teams import stored_team

INVITATION_DAYS = 14
OPEN_FROM_ONE, OPEN_IN_ALL = 20, 100
"""Most open invitations to one guest, from one inviter and from everybody."""


class InvitationView(msgspec.Struct, frozen=True):
    """An invitation, as the guest and the team see it."""

    id: str
    team: str
    team_name: str
    guest: str
    """A username or an e-mail address."""
    role: Role
    create_utime: int
    expiration_utime: int


class Invitations:
    """The rules of invitations over the store. Times are Unix µs."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store = store
        self._random = random

    async def invite(
        self, actor: Account | None, team: str, guest: str, role: Role, now: int
    ) -> InvitationView:
        """Offers somebody a place in a team for two weeks, in place of an earlier offer.

        `guest` is the username of an account, or an e-mail address, whoever has it.
        ACCOUNT_NOT_FOUND, ALREADY_MEMBER, OWN_TEAM, FORBIDDEN, NOT_REGISTERED, QUOTA_EXCEEDED for
        a team, or a guest, who has as many as may be.
        """
        guest = guest.strip()
        invitation_id = random_id(self._random)

        def offer(txn: WriteTxn) -> InvitationView:
            may_manage(txn, actor, team, role)
            stored_team(txn, team, actor)
            check_role(txn, team, role)
            userid, email = _guest(txn, guest)
            if userid and role_in(txn, userid, team) is not None:
                raise errors.ALREADY_MEMBER()
            for old in _invitations(txn, team):
                if old.expiration_utime <= now or (old.userid, old.email) == (userid, email):
                    INVITATIONS.delete(txn, (old.id,))
            check_room(txn, team)
            inviter = "" if actor is None else actor.userid
            _check_patience(txn, userid or email, inviter, now)
            until = now + INVITATION_DAYS * DAY
            row = Invitation(invitation_id, team, role, now, until, userid, email, inviter)
            INVITATIONS.put(txn, (row.id,), row)
            return _shown(txn, row)

        return await self._store.write(offer)

    def of_guest(self, account: Account, now: int) -> list[InvitationView]:
        """The places that somebody has been offered; those to his e-mail address once it is known
        to be his."""
        with self._store.read() as txn:
            rows = (row for guest in _guises(account) for row in _to_guest(txn, guest))
            return [_shown(txn, row) for row in rows if row.expiration_utime > now]

    def of_team(self, actor: Account | None, team: str, now: int) -> list[InvitationView]:
        """The places that a team has offered and nobody has taken yet. Plain members are not shown
        e-mail addresses."""
        with self._store.read() as txn:
            is_member = need_role(txn, actor, team) == Role.MEMBER
            rows = [row for row in _invitations(txn, team) if row.expiration_utime > now]
            views = [_shown(txn, row) for row in rows]
        if not is_member:
            return views
        return [structs.replace(view, guest="") if "@" in view.guest else view for view in views]

    async def accept(self, account: Account, invitation: str, now: int) -> InvitationView:
        """Takes a place, and says which it was. INVITATION_NOT_FOUND, also for an offer to an
        e-mail address of which nobody knows whose it is; ALREADY_MEMBER, NOT_REGISTERED,
        QUOTA_EXCEEDED.
        """

        def take(txn: WriteTxn) -> InvitationView:
            current = registered(txn, account.userid)
            row = _offered(txn, current, invitation, now)
            INVITATIONS.delete(txn, (row.id,))
            join(txn, row.team, current.userid, row.role, now)
            return _shown(txn, row)

        return await self._store.write(take)

    async def decline(self, account: Account, invitation: str, now: int) -> None:
        """Turns an offer down. INVITATION_NOT_FOUND as for `accept`, NOT_REGISTERED."""

        def forget(txn: WriteTxn) -> None:
            current = registered(txn, account.userid)
            INVITATIONS.delete(txn, (_offered(txn, current, invitation, now).id,))

        await self._store.write(forget, Reserve.ALL)

    async def withdraw(self, actor: Account | None, invitation: str) -> None:
        """Takes an offer back. INVITATION_NOT_FOUND, FORBIDDEN."""

        def forget(txn: WriteTxn) -> None:
            row = INVITATIONS.get(txn, (invitation,))
            if row is None:
                raise errors.INVITATION_NOT_FOUND()
            need_role(txn, actor, row.team, missing=errors.INVITATION_NOT_FOUND)
            may_manage(txn, actor, row.team, row.role)
            INVITATIONS.delete(txn, (invitation,))

        await self._store.write(forget, Reserve.ALL)


def _guest(txn: Txn, name: str) -> tuple[str, str]:
    """(userid, "") of a username, or ("", address). ACCOUNT_NOT_FOUND, INVALID_FIELD."""
    if "@" in name:
        return "", normalize_email(name).casefold()
    account = find_account(txn, name)
    if account is None:
        raise errors.ACCOUNT_NOT_FOUND(field="name")
    registered(txn, account.userid)
    return account.userid, ""


def _offered(txn: Txn, account: Account, invitation: str, now: int) -> Invitation:
    row = INVITATIONS.get(txn, (invitation,))
    is_his = row is not None and (row.userid or row.email) in _guises(account)
    if row is None or not is_his or row.expiration_utime <= now:
        raise errors.INVITATION_NOT_FOUND()
    return row


def _guises(account: Account) -> list[str]:
    """What an account may be invited as. Anybody can sign up with an address that is not his."""
    return [account.userid, *([account.email.casefold()] if account.email_verified else [])]


def _to_guest(txn: Txn, guest: str) -> list[Invitation]:
    """Invitations by userid or e-mail address."""
    rows = (INVITATIONS.get(txn, (key[1],)) for key in INVITATIONS_BY_GUEST.keys(txn, (guest,)))
    return [row for row in rows if row is not None]


def _check_patience(txn: Txn, guest: str, inviter: str, now: int) -> None:
    """QUOTA_EXCEEDED for one more invitation than anybody should have to turn down."""
    waiting = [row for row in _to_guest(txn, guest) if row.expiration_utime > now]
    from_one = sum(row.inviter == inviter for row in waiting)
    if from_one >= OPEN_FROM_ONE or len(waiting) >= OPEN_IN_ALL:
        raise errors.QUOTA_EXCEEDED("Too many invitations wait for an answer there already.")


def _invitations(txn: Txn, team: str) -> list[Invitation]:
    rows = (INVITATIONS.get(txn, (key[1],)) for key in INVITATIONS_BY_TEAM.keys(txn, (team,)))
    return [row for row in rows if row is not None]


def _shown(txn: Txn, row: Invitation) -> InvitationView:
    team = TEAMS.get(txn, (row.team,))
    account = ACCOUNTS.get(txn, (row.userid,)) if row.userid else None
    return InvitationView(
        id=row.id,
        team=row.team,
        team_name=team.name if team else "",
        guest=account.username if account else row.email,
        role=row.role,
        create_utime=row.create_utime,
        expiration_utime=row.expiration_utime,
    )
