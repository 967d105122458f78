"""Transactions as tables see them, and what they note of changes."""

from __future__ import annotations

from collections import defaultdict
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


class KnownStrings:
    """What the writer thread remembers of strings from one transaction to the next: their numbers,
    or that they were seen once. It may be wrong in all of it, since transactions fail.

    A string is known by its hash alone, so that each takes as much as any other: 1.2 MB at most.
    """

    MOST = 4096

    def __init__(self) -> None:
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def get(self, digest: int) -> int | None:
        """A number; 0 for what was seen; None for what was not, or is forgotten."""
        number = self._new.get(digest)
        if number is None:
            number = self._old.get(digest)
            if number is not None:
                self.note(digest, number)
        return number

    def note(self, digest: int, number: int) -> None:
        """Remembers one; the half that was not asked for longest is forgotten at times."""
        if len(self._new) >= self.MOST:
            self._old, self._new = self._new, {}
        self._new[digest] = number


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a put or a delete did to a row of a watched table."""

    table: str
    key: tuple[Any, ...]
    before: Any
    """The row; None if there was none."""
    after: Any


class WriteTxn(Txn):
    """A write transaction, made by the writer thread alone; it reads its own writes."""

    __slots__ = ("changes", "codes", "held", "known", "uses", "values")

    def __init__(
        self, raw: lmdb.Transaction, databases: dict[str, Any], known: KnownStrings | None = None
    ) -> None:
        super().__init__(raw, databases)
        self.changes: list[Change] = []
        """To rows of watched tables, in their order."""
        self.held: dict[str, Holding] = {}
        """By how much holdings have changed, by their keys."""
        self.uses: defaultdict[int | str, int] = defaultdict(int)
        """By how much the uses of strings have changed, by their numbers: see `strings`."""
        self.codes: dict[str, int | str] = {}
        """Codes of texts that were looked at in this transaction."""
        self.values: dict[str, tuple[tuple[int | str, str, int | str], ...]] = {}
        """What was made of texts in this transaction: dimensions, values, and codes of these."""
        self.known = KnownStrings() if known is None else known
