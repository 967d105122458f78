"""When logins and keys were last used, for their owners to see.

Known within an hour, so that it costs a write an hour at most, of a request that need not wait for
it. Nothing may rest on it: a kill forgets what is not written yet.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from shortd.clock import HOUR
from shortd.store import Store
from shortd.store.table import Table
from shortd.store.txn import WriteTxn

USE_NOTED = HOUR
"""µs."""

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")


class Uses(Generic[K, V]):
    """Last uses of a table's rows, which have a field `use_utime`."""

    def __init__(self, store: Store, table: Table[K, V]) -> None:
        self._store = store
        self._table = table
        self._waiting: dict[K, int] = {}

    def note(self, key: K, last: int, now: int) -> None:
        """A use at `now` of a row whose use is known up to `last`."""
        if last <= now - USE_NOTED:
            self._waiting[key] = now

    async def save(self) -> None:
        """Writes what waits."""
        used, self._waiting = self._waiting, {}
        if not used:
            return

        def put(txn: WriteTxn) -> None:
            for key, utime in used.items():
                row: Any = self._table.get(txn, key)
                if row is not None and row.use_utime <= utime - USE_NOTED:
                    self._table.put(txn, key, msgspec.structs.replace(row, use_utime=utime))

        await self._store.write(put)
