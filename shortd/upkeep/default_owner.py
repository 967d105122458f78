"""Whose a link is that the operator makes for nobody in particular."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shortd.accounts.accounts import Accounts
from shortd.models.accounts import Account
from shortd.store import Store
from shortd.store.schema import ACCOUNTS_BY_EMAIL
from shortd.store.txn import Txn
from shortd.upkeep.reading import look_through


async def default_owner(store: Store, accounts: Accounts, now: int) -> Account:
    """The only operator, else the only account; where that is nobody the one account whose links
    nobody else has."""
    for fits in (_is_operator, None):
        account = await _only(store, fits)
        if account is not None:
            return account
    return await accounts.anonymous(now)


async def _only(store: Store, fits: Callable[[Txn, Account], bool] | None) -> Account | None:
    """The only one of those that fit."""
    found: list[Account] = []
    after: tuple[str] | None = None
    while len(found) < 2:
        page = await look_through(store, _by_address, fits, after, most=2)
        found += page.rows
        after = page.older
        if after is None:
            break
    return found[0] if len(found) == 1 else None


def _is_operator(txn: Txn, account: Account) -> bool:
    return account.operator


def _by_address(txn: Txn, after: tuple[str] | None) -> Iterator[tuple[tuple[str], Account]]:
    yield from ACCOUNTS_BY_EMAIL.rows(txn, after=after)
