"""Reading rows in portions: what a list of any length is made of.

A portion takes a server some milliseconds at most, and no transaction outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

from shortd.store import Store
from shortd.store.table import Table
from shortd.store.txn import Txn

PORTION = 200
"""Rows."""

C = TypeVar("C")
V = TypeVar("V")
Walk = Callable[[Txn, C | None], Iterator[tuple[C, V]]]
"""Rows behind a place, each with its own."""


def portions(
    store: Store, rows: Table[Any, V] | Walk[Any, V], size: int | None = None
) -> Iterator[list[V]]:
    """All rows of a table or a walk, so many at a time. What is written meanwhile may be among them
    or not."""
    size = size or PORTION
    walk: Walk[Any, V] = _walk_of(rows) if isinstance(rows, Table) else rows
    after = None
    while True:
        with store.read() as txn:
            found = list(islice(walk(txn, after), size))
        yield [row for _, row in found]
        if len(found) < size:
            return
        after = found[-1][0]


def _walk_of(table: Table[Any, V]) -> Walk[Any, V]:
    return lambda txn, after: table.scan(txn, after=after)
