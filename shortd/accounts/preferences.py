"""How accounts want their pages: language, colours, keys, the look of QR images.

Whoever never chose anything has no row. Nothing here may ever decide what somebody is allowed.
"""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.models.accounts import Account, Preferences
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, PREFERENCES
from shortd.store.txn import WriteTxn

PLAIN = Preferences()


class PreferencesKeeper:
    """The rules of preferences over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, account: Account) -> Preferences:
        """What the account chose, and the defaults for the rest."""
        return self._store.get(PREFERENCES, (account.userid,)) or PLAIN

    async def change(self, account: Account, **changes: object) -> Preferences:
        """Sets fields of `Preferences`. BAD_CREDENTIALS for an account that is gone."""

        def put(txn: WriteTxn) -> Preferences:
            if ACCOUNTS.get(txn, (account.userid,)) is None:
                raise errors.BAD_CREDENTIALS(field="userid")
            old = PREFERENCES.get(txn, (account.userid,)) or PLAIN
            new = msgspec.structs.replace(old, **changes)
            PREFERENCES.put(txn, (account.userid,), new)
            return new

        return await self._store.write(put)
