"""What commands are given: accounts and teams by what people call them."""

from __future__ import annotations

from random import SystemRandom
from typing import NamedTuple

from shortd import errors
from shortd.accounts.accounts import everyone, named
from shortd.control.registry import Args
from shortd.ids import own_team_id
from shortd.models.accounts import Account
from shortd.models.teams import Team
from shortd.names import own_team_code
from shortd.services import Services
from shortd.store import Store
from shortd.store.schema import TEAMS
from shortd.teams.teams import Teams, team_row


class OneUser(Args, frozen=True):
    user: str
    """Username, e-mail address or userid."""


class OneTeam(Args, frozen=True):
    team: str
    """Id or code; an account's name is its own team."""


class Named(OneTeam, frozen=True):
    name: str
    code: str | None = None


class ById(Args, frozen=True):
    id: str


class Found(NamedTuple):
    """A team, and as whom the operator meets it."""

    team: Team
    account: Account | None
    """Whose own team it is, if nothing is stored of it yet; else nobody, who may do everything."""


def account_called(store: Store, name: str) -> Account:
    """An account by username, e-mail address or userid. ACCOUNT_NOT_FOUND."""
    account = named(store, name)
    if account is None:
        raise errors.ACCOUNT_NOT_FOUND(f"There is no account {name!r}.")
    return account


def found_team(store: Store, name: str) -> Found:
    """A team by id or code, or the own team of an account. TEAM_NOT_FOUND."""
    try:
        return Found(Teams(store, SystemRandom()).find(name), None)
    except errors.ShortdError:
        # An own team is told by its id and its code before it has a row.
        owners = (
            row
            for row in everyone(store)
            for own in [own_team_id(row.userid)]
            if name in (own, own_team_code(own))
        )
        account = named(store, name) or next(owners, None)
        if account is None:
            raise
    with store.read() as txn:
        team = own_team_id(account.userid)
        is_stored = TEAMS.get(txn, (team,)) is not None
        return Found(team_row(txn, team, account), None if is_stored else account)


async def stored_team(services: Services, name: str) -> Team:
    """The same for a command that is about to change it: from now on something is stored of it."""
    found = found_team(services.store, name)
    if found.account is None:
        return found.team
    return await services.teams.teams.own(found.account)
