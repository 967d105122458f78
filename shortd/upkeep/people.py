"""The accounts of a server, as its operator looks for them.

Who has signed up stands in the order of e-mail addresses, whoever has not in that of his end. The
id of a temporary account opens it, and so is never shown: such an account is called by its end and
a digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from shortd.accounts.accounts import account_called
from shortd.files.manifests import stored_bytes
from shortd.models.accounts import ANONYMOUS, Account, AccountType
from shortd.models.common import ACCOUNT_NEVER
from shortd.store import Store
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EMAIL,
    ACCOUNTS_BY_EXPIRATION,
    API_KEYS,
    LINKS_PER_TEAM,
    MEMBERS_BY_ACCOUNT,
    TOKENS,
)
from shortd.store.txn import Txn
from shortd.upkeep.reading import Looked, Walk, look_through

_CURSOR_BYTES = 400
COUNTED = 1000
"""Logins, keys and teams that are counted, at most."""

_GUEST = re.compile(r"guest-(?P<end>[0-9]{1,19})-(?P<digest>[0-9a-f]{16})", re.ASCII)
_USERID = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)


class Which(StrEnum):
    """Of whom a list is."""

    PEOPLE = ""
    """All who have signed up."""
    LOCKED = "locked"
    OPERATORS = "operators"
    GUESTS = "guests"
    """Temporary accounts."""


class Seen(NamedTuple):
    """An account, and what it has."""

    handle: str
    """What pages call it by."""
    account: Account
    links: int
    stored: int
    """Bytes of its files."""


class Holds(NamedTuple):
    """What else an account has, counted up to `COUNTED`."""

    logins: int
    keys: int
    teams: int


class People:
    """Looks for accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, which: Which, text: str, after: str) -> Looked[tuple[str], Seen]:
        """Accounts behind a cursor, those with a text in the name or the address. Whoever is called
        exactly that stands first."""
        exact: list[Account] = []
        if text and which is Which.PEOPLE:
            with self._store.read() as txn:
                called = account_called(txn, text)
            exact = [called] if called is not None and called.type.is_registered else []
        text = text.casefold()
        known = {account.userid for account in exact}

        def fits(txn: Txn, account: Account) -> bool:
            if which is Which.LOCKED and not account.locked:
                return False
            if which is Which.OPERATORS and not account.operator:
                return False
            names = (account.username.casefold(), account.email.casefold())
            return account.userid not in known and any(text in name for name in names)

        is_filtered = bool(text) or which in (Which.LOCKED, Which.OPERATORS)
        walk = _WALKS.get(which, _people)
        cursor = (after,) if _is_cursor(after) else None
        found = await look_through(self._store, walk, fits if is_filtered else None, cursor)
        first = [] if after else exact
        with self._store.read() as txn:
            rows = [_seen(txn, account) for account in (*first, *found.rows)]
        return Looked(rows, found.older, found.is_cut)

    def find(self, handle: str) -> Account | None:
        """The account that pages call so."""
        with self._store.read() as txn:
            if (guest := _guest(txn, handle)) is not None:
                return ACCOUNTS.get(txn, (guest[1],)) if guest[1] else None
            if handle != ANONYMOUS and not _USERID.fullmatch(handle):
                return None
            account = ACCOUNTS.get(txn, (handle,))
        # The id of a temporary account is its secret: not even an operator finds it by that.
        return None if account is None or account.type is AccountType.TEMPORARY else account

    def named(self, text: str) -> Account | None:
        """The account that pages call so, or of that username or e-mail address."""
        with self._store.read() as txn:
            called = account_called(txn, text)
        if called is not None and called.type.is_registered:
            return called
        return self.find(text)

    def seen(self, account: Account) -> tuple[Seen, Holds]:
        """An account with all that is counted of it."""
        with self._store.read() as txn:
            held = (
                sum(1 for _ in islice(rows, COUNTED))
                for rows in (
                    TOKENS.scan(txn, (account.userid,)),
                    API_KEYS.scan(txn, (account.userid,)),
                    MEMBERS_BY_ACCOUNT.keys(txn, (account.userid,)),
                )
            )
            return _seen(txn, account), Holds(*held)


def handle_of(account: Account) -> str:
    """What pages call an account by; it opens nothing."""
    if account.type is not AccountType.TEMPORARY:
        return account.userid
    return f"guest-{account.expiration_utime}-{_digest(account.userid)}"


def _seen(txn: Txn, account: Account) -> Seen:
    links = LINKS_PER_TEAM.get(txn, (account.userid,))
    return Seen(handle_of(account), account, links, stored_bytes(txn, account.userid))


def _digest(userid: str) -> str:
    return hashlib.sha256(userid.encode()).hexdigest()[:16]


def _people(txn: Txn, after: tuple[str] | None) -> Iterator[tuple[tuple[str], Account]]:
    return ACCOUNTS_BY_EMAIL.rows(txn, after=after)


def _everybody(txn: Txn, after: tuple[str] | None) -> Iterator[tuple[tuple[str], Account]]:
    """By their end, the last first. A cursor is the handle of the one before."""
    place: tuple[int, str] | None = None
    if after is not None:
        guest = _guest(txn, after[0])
        place = (ACCOUNT_NEVER, after[0]) if guest is None else guest
    for _, account in ACCOUNTS_BY_EXPIRATION.rows(txn, after=place, reverse=True):
        yield (handle_of(account),), account


def _guests(txn: Txn, after: tuple[str] | None) -> Iterator[tuple[tuple[str], Account]]:
    """The same of temporary accounts."""
    place = (None if after is None else _guest(txn, after[0])) or (ACCOUNT_NEVER, "")
    for _, account in ACCOUNTS_BY_EXPIRATION.rows(txn, after=place, reverse=True):
        yield (handle_of(account),), account


def _guest(txn: Txn, handle: str) -> tuple[int, str] | None:
    """The end and the id of the temporary account that pages call so, which has no id if it is gone
    meanwhile; None for what is no such handle."""
    called = _GUEST.fullmatch(handle)
    if called is None or int(called["end"]) >= ACCOUNT_NEVER:
        return None
    end = int(called["end"])
    userids = (userid for _, userid in ACCOUNTS_BY_EXPIRATION.keys(txn, (end,)))
    return end, next((one for one in userids if _digest(one) == called["digest"]), "")


_WALKS: Mapping[Which, Walk[tuple[str], Account]] = {
    Which.GUESTS: _guests,
    Which.LOCKED: _everybody,
}


def _is_cursor(text: str) -> bool:
    """Whether a text may be an address or a handle."""
    return bool(text) and text.isprintable() and len(text.encode()) <= _CURSOR_BYTES
