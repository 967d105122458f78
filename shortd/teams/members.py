"""Who is in a team: joining, changing roles, leaving.

Owners may do everything. Admins invite and remove members, but neither other admins nor owners.
Anybody may leave, but for the last owner; the account whose own team it is is always its owner, and
its only one. `actor` is who asks, None the operator.
"""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.accounts import registered
from shortd.links.access import need_role, own_team_id, role_in
from shortd.models.accounts import Account
from shortd.models.teams import Member, Role
from shortd.store import Store
from shortd.store.portions import in_portions
from shortd.store.schema import (
    ACCOUNTS,
    INVITATIONS_BY_TEAM,
    MEMBERS,
    MEMBERS_IN_TEAM,
    TEAMS,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.offboarding import hand_over, heir_of, members_of, take_along
from shortd.teams.teams import room_for_team, team_row

MEMBERS_PER_TEAM = 1000
"""Open invitations among them."""


class MemberView(msgspec.Struct, frozen=True):
    """Somebody in a team, as the others see him."""

    userid: str
    username: str
    email: str
    """Empty for whoever may not know it."""
    role: Role
    join_utime: int


class Members:
    """The rules of membership over the store. Times are Unix µs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_team(
        self, actor: Account | None, team: str, start: int = 0, count: int = MEMBERS_PER_TEAM + 1
    ) -> list[MemberView]:
        """Who is in a team, owners of own teams first, the others in the order of joining, from the
        `start`th on. Plain members are shown no e-mail address but their own. TEAM_NOT_FOUND."""
        with self._store.read() as txn:
            is_member = need_role(txn, actor, team) == Role.MEMBER
            row = team_row(txn, team, actor)
            members = members_of(txn, team)
            if row.account:
                members.insert(0, Member(team, row.account, Role.OWNER, row.create_utime))
            shown = members[start : start + count]
            views = [view for one in shown if (view := _view(txn, one)) is not None]
        if actor is None or not is_member:
            return views
        return [
            view if view.userid == actor.userid else msgspec.structs.replace(view, email="")
            for view in views
        ]

    async def add(self, team: str, account: Account, role: Role, now: int) -> None:
        """Puts an account into a team without asking it, for the operator.

        ALREADY_MEMBER, OWN_TEAM for a second owner of an own team, NOT_REGISTERED,
        QUOTA_EXCEEDED.
        """

        def put(txn: WriteTxn) -> None:
            need_role(txn, None, team)
            check_role(txn, team, role)
            join(txn, team, account.userid, role, now)

        await self._store.write(put)

    async def set_role(self, actor: Account | None, team: str, userid: str, role: Role) -> None:
        """Gives a member another role. MEMBER_NOT_FOUND, FORBIDDEN, LAST_OWNER, OWN_TEAM."""

        def change(txn: WriteTxn) -> None:
            member = _member(txn, actor, team, userid)
            may_manage(txn, actor, team, member.role, role)
            check_role(txn, team, role)
            if role != Role.OWNER:
                _check_not_last(txn, member)
            MEMBERS.put(txn, (team, userid), msgspec.structs.replace(member, role=role))

        await self._store.write(change)

    async def remove(
        self, actor: Account | None, team: str, userid: str, *, keep_links: bool = False
    ) -> None:
        """Takes somebody out of a team, himself perhaps. The links that he made for it go to
        one of its owners; or he keeps them, as far as they are on no domain of the team, if an
        owner says so.

        MEMBER_NOT_FOUND, FORBIDDEN, LAST_OWNER, OWN_TEAM.
        """

        def leave(txn: WriteTxn, rows: int) -> bool:
            member = _member(txn, actor, team, userid)
            if actor is None or actor.userid != userid:
                may_manage(txn, actor, team, member.role)
            if keep_links:
                need_role(txn, actor, team, Role.OWNER)
            _check_not_last(txn, member)
            part_with = take_along if keep_links else hand_over
            if not part_with(txn, team, userid, heir_of(txn, team, userid), rows):
                return False
            MEMBERS.delete(txn, (team, userid))
            return True

        await in_portions(self._store, leave)


def may_manage(txn: Txn, actor: Account | None, team: str, *roles: Role) -> None:
    """FORBIDDEN unless the actor may give and take away these roles."""
    own = need_role(txn, actor, team, Role.OWNER, Role.ADMIN)
    if not set(roles).issubset(managed_by(own)):
        raise errors.FORBIDDEN()


def managed_by(role: Role, *, is_of_account: bool = False) -> tuple[Role, ...]:
    """The roles that somebody of this role may give and take away, the least first; in an account's
    own team nobody else is an owner."""
    if role == Role.OWNER:
        return (Role.MEMBER, Role.ADMIN) if is_of_account else (Role.MEMBER, Role.ADMIN, Role.OWNER)
    return (Role.MEMBER,) if role == Role.ADMIN else ()


def check_role(txn: Txn, team: str, role: Role) -> None:
    """OWN_TEAM for a second owner of an account's own team."""
    row = TEAMS.get(txn, (team,))
    if row is not None and row.account and role == Role.OWNER:
        raise errors.OWN_TEAM("An account's own team has no other owner.", field="role")


def _check_not_last(txn: Txn, member: Member) -> None:
    if member.role != Role.OWNER:
        return
    members = members_of(txn, member.team)
    if not any(one.role == Role.OWNER and one.userid != member.userid for one in members):
        raise errors.LAST_OWNER()


def _member(txn: Txn, actor: Account | None, team: str, userid: str) -> Member:
    need_role(txn, actor, team)
    if team == own_team_id(userid):
        raise errors.OWN_TEAM(field="userid")
    member = MEMBERS.get(txn, (team, userid))
    if member is None:
        raise errors.MEMBER_NOT_FOUND(field="userid")
    return member


def join(txn: WriteTxn, team: str, userid: str, role: Role, now: int) -> None:
    """Puts an account into a team. ALREADY_MEMBER, NOT_REGISTERED, QUOTA_EXCEEDED."""
    registered(txn, userid)
    if role_in(txn, userid, team) is not None:
        raise errors.ALREADY_MEMBER()
    room_for_team(txn, userid)
    check_room(txn, team)
    MEMBERS.put(txn, (team, userid), Member(team, userid, role, now))


def check_room(txn: Txn, team: str) -> None:
    """QUOTA_EXCEEDED for a team that is full, open invitations counted."""
    members = MEMBERS_IN_TEAM.get(txn, (team,))
    offered = sum(1 for _ in INVITATIONS_BY_TEAM.keys(txn, (team,)))
    if members + offered >= MEMBERS_PER_TEAM:
        raise errors.QUOTA_EXCEEDED("A team has at most %(most)s members.", most=MEMBERS_PER_TEAM)


def _view(txn: Txn, member: Member) -> MemberView | None:
    account = ACCOUNTS.get(txn, (member.userid,))
    if account is None:
        return None
    return MemberView(
        member.userid, account.username, account.email, member.role, member.join_utime
    )
