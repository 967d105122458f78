"""Teams: making, naming, listing and ending them.

Every account has a team of its own, which nothing is stored of until it is named or has a member.
`actor` is who asks, None the operator, who may do everything. To whoever is not in a team, it does
not exist.
"""

from __future__ import annotations

from random import Random

import msgspec

from shortd import errors
from shortd.accounts.accounts import registered
from shortd.ids import random_id
from shortd.links.access import need_role, own_team_id
from shortd.models.accounts import ANONYMOUS, Account
from shortd.models.teams import Member, Role, Team
from shortd.names import check_code, check_name, code_from, own_team_code
from shortd.store import Store
from shortd.store.portions import in_portions
from shortd.store.schema import (
    LINKS_BY_TEAM,
    LINKS_PER_TEAM,
    MEMBERS,
    MEMBERS_BY_ACCOUNT,
    MEMBERS_IN_TEAM,
    TEAMS,
    TEAMS_BY_CODE,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.offboarding import drop_team, send_home

TEAMS_PER_ACCOUNT = 100
LEADING = (Role.OWNER, Role.ADMIN)


class TeamView(msgspec.Struct, frozen=True):
    """A team as one of its members sees it."""

    id: str
    code: str
    name: str
    role: Role
    members: int
    links: int
    join_utime: int
    is_own: bool
    account: str = ""
    """Whose own team it is; empty for others."""

    @property
    def leads(self) -> bool:
        """Whether he may change what the team has, and what it is called."""
        return self.role in LEADING


class Teams:
    """The rules of teams over the store. Times are Unix µs."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store = store
        self._random = random

    def of_account(self, account: Account) -> list[TeamView]:
        """The account's own team, then those it is in, in the order of joining."""
        own = own_team_id(account.userid)
        with self._store.read() as txn:
            rows = [
                MEMBERS.get(txn, (team, account.userid))
                for _, team in MEMBERS_BY_ACCOUNT.keys(txn, (account.userid,))
            ]
            joined = sorted((row for row in rows if row), key=lambda row: row.join_utime)
            return [_view(txn, account, own), *(_view(txn, account, row.team) for row in joined)]

    def get(self, account: Account, team: str) -> TeamView:
        """A team the account is in; TEAM_NOT_FOUND."""
        with self._store.read() as txn:
            return _view(txn, account, team)

    def find(self, name: str) -> Team:
        """A team by its id or code, for the operator; TEAM_NOT_FOUND."""
        with self._store.read() as txn:
            team = TEAMS.get(txn, (name,)) or TEAMS_BY_CODE.get(txn, (name,))
        if team is None:
            raise errors.TEAM_NOT_FOUND("There is no such team.", field="team")
        return team

    async def own(self, account: Account) -> Team:
        """An account's own team, which has a row from now on. NOT_REGISTERED."""
        team = own_team_id(account.userid)
        return await self._store.write(lambda txn: stored_team(txn, team, account))

    async def create(self, account: Account, name: str, code: str | None, now: int) -> Team:
        """Makes a team that the account owns. Without a code it gets one from its name.

        INVALID_FIELD, TEAM_CODE_TAKEN, NOT_REGISTERED, QUOTA_EXCEEDED.
        """
        name = check_name(name)
        team_id = random_id(self._random)
        given = None if code is None else check_code(code)

        def make(txn: WriteTxn) -> Team:
            registered(txn, account.userid)
            room_for_team(txn, account.userid)
            chosen = given or code_from(name, team_id)
            if TEAMS_BY_CODE.has(txn, (chosen,)):
                if given is not None:
                    raise errors.TEAM_CODE_TAKEN(field="code")
                chosen = f"{chosen[:23]}-{team_id[:8]}"
            team = Team(team_id, chosen, name, now)
            TEAMS.put(txn, (team.id,), team)
            member = Member(team.id, account.userid, Role.OWNER, now)
            MEMBERS.put(txn, (team.id, account.userid), member)
            return team

        return await self._store.write(make)

    async def update(
        self, actor: Account | None, team: str, *, name: str | None = None, code: str | None = None
    ) -> Team:
        """Renames a team; owners and admins may. TEAM_CODE_TAKEN."""
        name = None if name is None else check_name(name)
        code = None if code is None else check_code(code)

        def change(txn: WriteTxn) -> Team:
            need_role(txn, actor, team, *LEADING)
            row = stored_team(txn, team, actor)
            other = None if code is None else TEAMS_BY_CODE.get(txn, (code,))
            if other is not None and other.id != team:
                raise errors.TEAM_CODE_TAKEN(field="code")
            row = msgspec.structs.replace(row, name=name or row.name, code=code or row.code)
            TEAMS.put(txn, (team,), row)
            return row

        return await self._store.write(change)

    async def delete(self, actor: Account | None, team: str, *, keep_links: bool = False) -> None:
        """Ends a team with all it has; owners may.

        TEAM_NOT_EMPTY if it has links, unless they are kept: then each goes to the own team of
        who made it. OWN_TEAM for an account's own.
        """

        def end(txn: WriteTxn, rows: int) -> bool:
            need_role(txn, actor, team, Role.OWNER)
            row = TEAMS.get(txn, (team,))
            if row is None or row.account:
                raise errors.OWN_TEAM(field="team")
            if next(LINKS_BY_TEAM.keys(txn, (team,)), None) is not None and not keep_links:
                raise errors.TEAM_NOT_EMPTY(field="team")
            return send_home(txn, team, rows) and drop_team(txn, team)

        await in_portions(self._store, end)


def team_row(txn: Txn, team: str, actor: Account | None) -> Team:
    """A team's row, or that which the actor's own team would have. TEAM_NOT_FOUND."""
    row = TEAMS.get(txn, (team,))
    if row is None and actor is not None and team == own_team_id(actor.userid):
        name = "Anonymous links" if actor.userid == ANONYMOUS else actor.username or "My team"
        row = Team(team, own_team_code(team), name, actor.create_utime, actor.userid)
    if row is None:
        raise errors.TEAM_NOT_FOUND(field="team")
    return row


def stored_team(txn: WriteTxn, team: str, actor: Account | None) -> Team:
    """A team's row, made if it is the actor's own and has none yet. NOT_REGISTERED."""
    row = team_row(txn, team, actor)
    if row.account and TEAMS.get(txn, (team,)) is None:
        # Into the team of the links that are nobody's the operator puts who looks after them.
        if row.account != ANONYMOUS:
            registered(txn, row.account)
        TEAMS.put(txn, (team,), row)
    return row


def room_for_team(txn: Txn, userid: str) -> None:
    """QUOTA_EXCEEDED for an account that is in as many teams as it may be."""
    if len(list(MEMBERS_BY_ACCOUNT.keys(txn, (userid,)))) >= TEAMS_PER_ACCOUNT:
        raise errors.QUOTA_EXCEEDED(
            "An account is in at most %(most)s teams.", most=TEAMS_PER_ACCOUNT
        )


def _view(txn: Txn, account: Account, team: str) -> TeamView:
    role = need_role(txn, account, team)
    row = team_row(txn, team, account)
    member = MEMBERS.get(txn, (team, account.userid))
    members = MEMBERS_IN_TEAM.get(txn, (team,))
    links = LINKS_PER_TEAM.get(txn, (team,))
    if row.account:
        members += 1
        links += LINKS_PER_TEAM.get(txn, (row.account,))
    return TeamView(
        id=team,
        code=row.code,
        name=row.name,
        role=role,
        members=members,
        links=links,
        join_utime=row.create_utime if member is None else member.join_utime,
        is_own=row.account == account.userid,
        account=row.account,
    )
