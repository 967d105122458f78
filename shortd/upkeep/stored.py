"""What all files take, added up now and then: there is one row for each account that has any."""

from __future__ import annotations

import asyncio
from itertools import islice

from shortd.links.kept import Kept
from shortd.store import Store
from shortd.store.schema import STORED_BYTES

SLICE = 200
"""Rows that are read before the event loop goes on: below a millisecond."""


class StoredFiles:
    """Adds up, at most once a minute."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Kept[str, int] = Kept(lambda total: 1)

    async def total(self, now: int) -> tuple[int, int]:
        """Bytes of all files, and as of when (µs)."""
        return await self._kept.get("", now, self._add_up)

    async def _add_up(self) -> int:
        total, after = 0, None
        while True:
            with self._store.read() as txn:
                rows = list(islice(STORED_BYTES.scan(txn, after=after), SLICE))
            total += sum(size for _, size in rows)
            if len(rows) < SLICE:
                return total
            after = rows[-1][0]
            await asyncio.sleep(0)
