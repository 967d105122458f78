"""What rows take of the database, by whose they are.

An estimate that is never far below what LMDB takes: a row has entries in indexes and a page that is
not full, and one that is large has pages of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from shortd.store.txn import WriteTxn

V = TypeVar("V")

ROW_BYTES = 256
"""Of a row beside its own bytes: keys, entries in indexes, room in pages."""
_PAGE = 4096
_PAGE_HEADER = 16
_INSIDE = 2000
"""Bytes of a row that shares a page with others, at most."""


def stored_size(row_bytes: int) -> int:
    """What a row of so many bytes takes."""
    if row_bytes <= _INSIDE:
        return ROW_BYTES + row_bytes
    return ROW_BYTES + -(-(row_bytes + _PAGE_HEADER) // _PAGE) * _PAGE


def _nothing(row: object) -> int:
    return 0


class Sizes(Generic[V]):
    """Tells what rows of a table take. Only the table itself uses it, in the transaction that
    changes its rows.
    """

    def __init__(
        self,
        owner_of: Callable[[V], str],
        note: Callable[[WriteTxn, str, int], None],
        beside: Callable[[V], int] = _nothing,
    ) -> None:
        """`note` hears of an owner and of bytes, `beside` knows what else is kept with a row."""
        self._owner_of = owner_of
        self._note = note
        self._beside = beside

    def added(self, txn: WriteTxn, rows: Iterable[tuple[V, int]]) -> None:
        """Rows with their bytes came."""
        sizes: dict[str, int] = {}
        for row, row_bytes in rows:
            owner = self._owner_of(row)
            sizes[owner] = sizes.get(owner, 0) + self._of(row, row_bytes)
        for owner, size in sizes.items():
            self._note(txn, owner, size)

    def removed(self, txn: WriteTxn, row: V, row_bytes: int) -> None:
        """A row went."""
        self._note(txn, self._owner_of(row), -self._of(row, row_bytes))

    def replaced(self, txn: WriteTxn, old: V, old_bytes: int, new: V, new_bytes: int) -> None:
        """A row took the place of another."""
        if self._owner_of(old) != self._owner_of(new):
            self.removed(txn, old, old_bytes)
            self.added(txn, [(new, new_bytes)])
        elif change := self._of(new, new_bytes) - self._of(old, old_bytes):
            self._note(txn, self._owner_of(new), change)

    def _of(self, row: V, row_bytes: int) -> int:
        return stored_size(row_bytes) + self._beside(row)
