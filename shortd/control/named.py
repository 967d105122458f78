"""What commands are given: accounts and teams by what people call them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import SystemRandom
from typing import NamedTuple

from shortd import errors
from shortd.accounts.accounts import everyone, named
from shortd.control.registry import Args
from shortd.hosts import Hosts, without_scheme
from shortd.ids import own_team_id
from shortd.links.addresses import codes_in, read_code, split_short_url
from shortd.links.finding import find
from shortd.models.accounts import DELETED, Account
from shortd.models.links import Link
from shortd.models.teams import Team
from shortd.names import own_team_code
from shortd.services import Services
from shortd.store import Store
from shortd.store.schema import TEAMS
from shortd.store.txn import Txn
from shortd.teams.teams import Teams, team_row
from shortd.upkeep.people import People


class OneUser(Args, frozen=True):
    user: str
    """Username, e-mail address or userid; of a temporary account also what pages call it by."""


class OneTeam(Args, frozen=True):
    team: str
    """Id or code; an account's name is its own team."""


class Named(OneTeam, frozen=True):
    name: str
    code: str | None = None


class ById(Args, frozen=True):
    id: str


def hosts_called(hosts: Hosts, name: str) -> list[int]:
    """Numbers of the hosts of that name. UNKNOWN_HOST."""
    found = hosts.ever(without_scheme(name).partition("/")[0])
    if not found:
        known = ", ".join(sorted({host.name for host in hosts.configured}))
        raise errors.UNKNOWN_HOST(f"There is no host {name!r} here, but {known}.", field="host")
    return [host.number for host in found]


def link_called(store: Store, hosts: Hosts, text: str, host: str | None = None) -> Link:
    """The link at a short URL, with a scheme or without, or of a code. ENTRY_NOT_FOUND; BAD_REQUEST
    for a code that stands on several hosts, of which `host` names none."""
    numbers = [one.number for one in hosts.ever()] if host is None else hosts_called(hosts, host)
    name, rest = split_short_url(text)
    at = [one.number for one in hosts.ever(name) if one.number in numbers] if rest else []
    with store.read() as txn:
        found = _meant(txn, hosts, at, [*codes_in(rest), read_code(rest)])
        # A wide code may look like an address.
        found = found or _meant(txn, hosts, numbers, [text, *codes_in(text), read_code(text)])
    if not found:
        raise errors.ENTRY_NOT_FOUND(f"There is no link {text!r}.")
    if len(found) > 1:
        said = ", ".join(sorted(map(hosts.short_url, found)))
        raise errors.BAD_REQUEST(f"{text!r} may be any of {said}: say which by --host.")
    return found[0]


def _meant(
    txn: Txn, hosts: Hosts, numbers: Sequence[int], codes: Sequence[str | None]
) -> list[Link]:
    """On each of these hosts the link of the first of these codes that one has."""
    return [
        link
        for number in numbers
        if (link := next(_found(txn, hosts, number, codes), None)) is not None
    ]


def _found(txn: Txn, hosts: Hosts, number: int, codes: Sequence[str | None]) -> Iterator[Link]:
    for code in filter(None, codes):
        link = find(txn, hosts, number, code)
        if link is not None and link.owner != DELETED:
            yield link


class Found(NamedTuple):
    """A team, and as whom the operator meets it."""

    team: Team
    account: Account | None
    """Whose own team it is, if nothing is stored of it yet; else nobody, who may do everything."""


def account_called(store: Store, name: str) -> Account:
    """An account by what people call it. ACCOUNT_NOT_FOUND."""
    account = named(store, name) or People(store).find(name)
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
