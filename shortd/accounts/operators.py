"""Which accounts are operators': known from one look at all accounts, and by their changes since.

There are few, and no row says who they are. So nobody looks before somebody asks, and then once.
"""

from __future__ import annotations

from collections.abc import Sequence

from shortd.models.accounts import Account
from shortd.store import Store
from shortd.store.pace import matching_keys
from shortd.store.schema import ACCOUNTS
from shortd.store.txn import Change


class Operators:
    """Finds them. Belongs to the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[str] = set()
        self._is_whole = False
        store.watch(self._follow)

    async def all(self) -> list[Account]:
        """Those that are operators now and are not locked, in no order."""
        if not self._is_whole:
            async for keys in matching_keys(
                self._store, ACCOUNTS, lambda txn, key, row: row.operator
            ):
                self._known.update(userid for (userid,) in keys)
            self._is_whole = True
        with self._store.read() as txn:
            found = [ACCOUNTS.get(txn, (userid,)) for userid in self._known]
        return [one for one in found if one is not None and one.operator and not one.locked]

    def _follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.table != ACCOUNTS.name:
                continue
            if change.after is not None and change.after.operator:
                self._known.add(change.after.userid)
            elif change.before is not None and change.before.operator:
                self._known.discard(change.before.userid)
