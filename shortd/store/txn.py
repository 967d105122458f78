"""Transactions as tables see them, and what they note of changes."""

from __future__ import annotations

from typing import Any

import lmdb
import msgspec

from shortd.models.limits import Holding


class Txn:
    """A read transaction; use as a context manager, never across an await."""

    __slots__ = ("databases", "raw")

    def __init__(self, raw: lmdb.Transaction, databases: dict[str, Any]) -> None:
        self.raw = raw
        self.databases = databases

    def __enter__(self) -> Txn:
        return self

    def __exit__(self, *exception: object) -> None:
        self.raw.abort()
        # lmdb gives a reader's slot back with the object alone, and whoever awaits something may
        # keep this one in his frame.
        del self.raw


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a put or a delete did to a row of a watched table."""

    table: str
    key: tuple[Any, ...]
    before: Any
    """The row; None if there was none."""
    after: Any


class WriteTxn(Txn):
    """A write transaction, made by the writer thread alone; it reads its own writes."""

    __slots__ = ("changes", "held")

    def __init__(self, raw: lmdb.Transaction, databases: dict[str, Any]) -> None:
        super().__init__(raw, databases)
        self.changes: list[Change] = []
        """To rows of watched tables, in their order."""
        self.held: dict[str, Holding] = {}
        """By how much holdings have changed, by their keys."""
