"""A table that is no part of the product, with one index of each kind, to test tables with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import msgspec

import shortd.store
import shortd.store.check
from shortd.store import DEFAULT_MAP_BYTES, Store
from shortd.store.index import ImpliedIndex, Index
from shortd.store.keys import I64, TEXT, U32, Key
from shortd.store.room import DEFAULT_RESERVE_BYTES
from shortd.store.schema import TABLES
from shortd.store.table import Table
from shortd.store.txn import WriteTxn

T = TypeVar("T")


class Thing(msgspec.Struct, array_like=True, frozen=True):
    """A row; `label` "" stays out of its index, as does `box` None."""

    label: str
    shelf: int
    place: int
    box: int | None = None


BY_LABEL: Index[tuple[str], Thing] = Index(
    "things_by_label", Key(TEXT), lambda row: (row.label,) if row.label else None
)
BY_PLACE: Index[tuple[int, int], Thing] = Index(
    "things_by_place", Key(I64, U32), lambda row: (row.shelf, row.place)
)
THING_KEY: Key[tuple[int, str]] = Key(U32, TEXT)
BY_BOX: ImpliedIndex[tuple[int], Thing] = ImpliedIndex(
    "things_by_box",
    Key(U32),
    lambda row: None if row.box is None else (row.box,),
    lambda key: None if key == (255,) else THING_KEY.encode((key[0], "a")),
)
THINGS: Table[tuple[int, str], Thing] = Table(
    "things", THING_KEY, Thing, (BY_LABEL, BY_PLACE, BY_BOX)
)


@contextmanager
def open_store(
    directory: Path,
    *,
    map_bytes: int = DEFAULT_MAP_BYTES,
    reserve_bytes: int = DEFAULT_RESERVE_BYTES,
) -> Iterator[Store]:
    """A store that knows THINGS beside the product's tables."""
    tables = (*TABLES, THINGS)
    with (
        patch.object(shortd.store, "TABLES", tables),
        patch.object(shortd.store.check, "TABLES", tables),
    ):
        store = Store(directory, map_bytes=map_bytes, reserve_bytes=reserve_bytes)
        try:
            yield store
        finally:
            store.close()


def write(store: Store, function: Callable[[WriteTxn], T]) -> T:
    """One write from outside an event loop."""
    return asyncio.run(store.write(function))
