"""Looking through rows that no index helps to find: a page of what fits, behind a cursor.

Some rows are read at a time, so that redirects go in between, and no more than `ROWS_READ` for a
page: one that has found little by then says how far it has read, and the next goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from shortd.store import Store
from shortd.store.txn import Txn

PAGE = 50
SLICE = 50
"""Rows that are read before the event loop goes on: below a millisecond."""
ROWS_READ = 20_000

C = TypeVar("C", bound=tuple[Any, ...])
V = TypeVar("V")

Walk = Callable[[Txn, C | None], Iterator[tuple[C, V]]]
"""Rows behind a cursor, in their order, each with its own."""


class Looked(NamedTuple, Generic[C, V]):
    """A page."""

    rows: list[V]
    older: C | None
    """Where the next page begins; None at the end."""
    is_cut: bool
    """It is not full, and yet there may be more: so many rows were read that it ended."""


async def look_through(
    store: Store,
    walk: Walk[C, V],
    fits: Callable[[Txn, V], bool] | None,
    after: C | None,
    *,
    most: int = PAGE,
) -> Looked[C, V]:
    """The next rows that fit; None: all do."""
    found: list[tuple[C, V]] = []
    read = 0
    while True:
        # A page of all rows is done after one slice that is just large enough.
        size = SLICE if fits is not None else most + 1
        with store.read() as txn:
            rows = list(islice(walk(txn, after), size))
            for cursor, row in rows:
                if fits is None or fits(txn, row):
                    found.append((cursor, row))
        read += len(rows)
        if len(found) > most:
            page = found[:most]
            return Looked([row for _, row in page], page[-1][0], False)
        if len(rows) < size:
            return Looked([row for _, row in found], None, False)
        after = rows[-1][0]
        if read >= ROWS_READ:
            return Looked([row for _, row in found], after, True)
        await asyncio.sleep(0)
