"""What is kept over a table besides its rows: indexes, and counts of rows.

Only the table itself changes them, in the transaction that changes its rows. An index key belongs
to exactly one row: an index over a field that repeats ends with one that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shortd.store.keys import Key
from shortd.store.ranges import pairs
from shortd.store.txn import Txn, WriteTxn

if TYPE_CHECKING:
    from shortd.store.table import Table

I = TypeVar("I", bound=tuple[Any, ...])  # noqa: E741 - the index's key, beside K and V
V = TypeVar("V")


class UniqueViolation(Exception):
    """Two rows would share an index key. `index` names the index."""

    def __init__(self, index: str) -> None:
        super().__init__(f"index {index} already holds this key")
        self.index = index


class Index(Generic[I, V]):
    """A second way to a table's rows. `of` gives a row's index key, or None to leave it out."""

    table: Table[Any, V]

    def __init__(self, name: str, key: Key[I], of: Callable[[V], I | None]) -> None:
        self.name = name
        self.key = key
        self.of = of

    def entry(self, row: V) -> bytes | None:
        """The encoded index key of a row."""
        key = self.of(row)
        return None if key is None else self.key.encode(key)

    def get(self, txn: Txn, key: I) -> V | None:
        """The row under an index key, or None."""
        raw = txn.raw.get(self.key.encode(key), db=txn.databases[self.name])
        if raw is None:
            return None
        row = txn.raw.get(raw, db=txn.databases[self.table.name])
        return None if row is None else self.table.decode(row)

    def has(self, txn: Txn, key: I) -> bool:
        """Whether a row is found under this key; cheaper than `get`."""
        return txn.raw.get(self.key.encode(key), db=txn.databases[self.name]) is not None

    def keys(
        self,
        txn: Txn,
        prefix: Sequence[Any] = (),
        *,
        after: I | None = None,
        reverse: bool = False,
    ) -> Iterator[I]:
        """Index keys that begin with `prefix`, in order (or reversed), behind `after`."""
        start = None if after is None else self.key.encode(after)
        for key, _ in pairs(txn, self.name, self.key.prefix(prefix), start, reverse=reverse):
            yield self.key.decode(key)

    def rows(
        self,
        txn: Txn,
        prefix: Sequence[Any] = (),
        *,
        after: I | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[I, V]]:
        """The same keys with their rows."""
        start = None if after is None else self.key.encode(after)
        rows, table = txn.databases[self.table.name], self.table
        for key, found in pairs(txn, self.name, self.key.prefix(prefix), start, reverse=reverse):
            raw = txn.raw.get(found, db=rows)
            if raw is not None:
                yield self.key.decode(key), table.decode(raw)

    def count(self, txn: Txn) -> int:
        """Rows that the index holds; costs the same for any number."""
        entries: int = txn.raw.stat(txn.databases[self.name])["entries"]
        return entries

    def entries(self, txn: Txn) -> Iterator[tuple[bytes, bytes]]:
        """Everything stored, as (encoded index key, encoded table key)."""
        return pairs(txn, self.name, b"", None, reverse=False)


class Count(Generic[I, V]):
    """How many of a table's rows share a key. `of` gives a row's key, or None to leave it out."""

    def __init__(self, name: str, key: Key[I], of: Callable[[V], I | None]) -> None:
        self.name = name
        self.key = key
        self.of = of

    def get(self, txn: Txn, key: I) -> int:
        """Rows under this key; costs the same for any number."""
        return self._read(txn, self.key.encode(key))

    def entry(self, row: V) -> bytes | None:
        """The encoded key that a row is counted under."""
        key = self.of(row)
        return None if key is None else self.key.encode(key)

    def entries(self, txn: Txn) -> Iterator[tuple[bytes, int]]:
        """Everything stored, as (encoded key, rows)."""
        for key, raw in pairs(txn, self.name, b"", None, reverse=False):
            yield key, int.from_bytes(raw, "big")

    def add(self, txn: WriteTxn, entry: bytes, rows: int) -> None:
        """For the table alone."""
        total = max(0, self._read(txn, entry) + rows)
        if total:
            txn.raw.put(entry, total.to_bytes(8, "big"), db=txn.databases[self.name])
        else:
            txn.raw.delete(entry, db=txn.databases[self.name])

    def _read(self, txn: Txn, entry: bytes) -> int:
        raw = txn.raw.get(entry, db=txn.databases[self.name])
        return 0 if raw is None else int.from_bytes(raw, "big")
