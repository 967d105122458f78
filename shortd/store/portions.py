"""Work of any size in writes of a bounded one, which get smaller where room is short.

A write that removes rows needs pages to write on before it gives any back, more of them the
more it removes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from shortd import errors
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.txn import WriteTxn

T = TypeVar("T")

ROWS_PER_WRITE = 1000
_FEWER = 8


async def in_portions(
    store: Store, work: Callable[[WriteTxn, int], T | None], rows: int | None = None
) -> T:
    """Runs `work`, given the rows it may remove or change, again and again until what it answers
    is true, which says that all is done; returns that.

    Raises what it raises; STORAGE_FULL if not even a row can be removed.
    """
    rows = rows or ROWS_PER_WRITE
    while True:
        try:
            done = await store.write(partial(_run, work=work, rows=rows), Reserve.ALL)
            if done:
                return done
        except errors.ShortdError as refusal:
            if refusal.kind is not errors.STORAGE_FULL or rows == 1:
                raise
            rows = max(1, rows // _FEWER)


def _run(txn: WriteTxn, work: Callable[[WriteTxn, int], T | None], rows: int) -> T | None:
    return work(txn, rows)
