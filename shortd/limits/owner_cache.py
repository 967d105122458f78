"""What a redirect must know of a link's owner, kept in memory.

An entry is filled from the database on first use and dropped by whoever changes the account,
before the change is acknowledged.
"""

from __future__ import annotations

import msgspec

from shortd.limits.buckets import Limit
from shortd.limits.budgets import Budgets, link_key
from shortd.store import Store
from shortd.store.schema import ACCOUNTS

CACHED_OWNERS = 100_000


class Owner(msgspec.Struct, frozen=True, gc=False):
    """An owner as the resolver sees him."""

    userid: str
    expiration_utime: int
    """Unix time in µs; long past for a locked account."""
    bucket: str
    """Key of his link bucket."""
    limit: Limit


class OwnerCache:
    """A bounded cache of owners."""

    def __init__(self, store: Store, budgets: Budgets) -> None:
        self._store = store
        self._budgets = budgets
        self._owners: dict[str, Owner] = {}

    def get(self, userid: str) -> Owner | None:
        """The owner, or None if the account is gone."""
        owner = self._owners.get(userid)
        if owner is None:
            account = self._store.get(ACCOUNTS, (userid,))
            if account is None:
                return None
            owner = Owner(
                userid,
                0 if account.locked else account.expiration_utime,
                link_key(userid),
                self._budgets.link_limit(account.type),
            )
            if len(self._owners) >= CACHED_OWNERS:
                self._owners.clear()
            self._owners[userid] = owner
        return owner

    def is_current(self, owner: Owner) -> bool:
        """Whether an owner from `get` still is what the database says of him."""
        return self._owners.get(owner.userid) is owner

    def forget(self, userid: str) -> None:
        """Drops an owner whose account changed or went."""
        self._owners.pop(userid, None)
