"""Typed tables over LMDB.

`Table.put`, `Table.insert` and `Table.delete` alone maintain indexes, in the caller's transaction.
This module knows no row by name and never opens a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from shortd.store.index import Count, UniqueIndex, UniqueViolation
from shortd.store.keys import Key
from shortd.store.ranges import pairs
from shortd.store.sizes import Sizes
from shortd.store.txn import Change, Txn, WriteTxn

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")

_encode = msgspec.msgpack.Encoder().encode


class Table(Generic[K, V]):
    """Rows of type `V` under keys of type `K`, with the indexes that are kept over them."""

    def __init__(
        self,
        name: str,
        key: Key[K],
        value: type[V],
        indexes: Sequence[UniqueIndex[Any, V]] = (),
        *,
        counts: Sequence[Count[Any, V]] = (),
        sizes: Sizes[V] | None = None,
        watched: bool = False,
    ) -> None:
        self.watched = watched
        """Whether `Store.watch` hears of its changes."""
        self.name = name
        self.key = key
        self.indexes = tuple(indexes)
        self.counts = tuple(counts)
        self._sizes = sizes
        self._reads_first = bool(indexes or counts or watched or sizes)
        self.decode: Callable[[bytes | memoryview], V] = msgspec.msgpack.Decoder(value).decode
        for index in self.indexes:
            index.attach(name, self.decode)

    @property
    def databases(self) -> tuple[str, ...]:
        """Names of all that is kept for it in LMDB."""
        indexes = [index.name for index in self.indexes]
        return (self.name, *indexes, *(count.name for count in self.counts))

    def get(self, txn: Txn, key: K) -> V | None:
        """The row, or None."""
        raw = txn.raw.get(self.key.encode(key), db=txn.databases[self.name])
        return None if raw is None else self.decode(raw)

    def all_of(self, txn: Txn, keys: Sequence[K]) -> list[V]:
        """The rows that are there of these keys; cheaper than `get` of each."""
        get, database = txn.raw.get, txn.databases[self.name]
        found = [get(raw_key, db=database) for raw_key in self.key.encode_all(keys)]
        return [self.decode(raw) for raw in found if raw is not None]

    def put(self, txn: WriteTxn, key: K, row: V) -> None:
        """Inserts or replaces a row.

        UniqueViolation, with nothing changed, if another row holds an index key.
        """
        raw_key, raw_row = self.key.encode(key), _encode(row)
        if self._reads_first:
            raw_old = txn.raw.get(raw_key, db=txn.databases[self.name])
            old = None if raw_old is None else self.decode(raw_old)
            self._reindex(txn, raw_key, old, row)
            if self._sizes is not None:
                if old is None or raw_old is None:
                    self._sizes.added(txn, [(row, len(raw_row))])
                else:
                    self._sizes.replaced(txn, old, len(raw_old), row, len(raw_row))
            if self.watched:
                txn.changes.append(Change(self.name, key, old, row))
        txn.raw.put(raw_key, raw_row, db=txn.databases[self.name])

    def encode(self, row: V) -> bytes:
        """The bytes of a row, which `decode` reads."""
        return _encode(row)

    def put_encoded(self, txn: WriteTxn, key: K, raw: bytes) -> None:
        """Inserts or replaces a row by its bytes, in a table that nothing is kept over."""
        assert not self._reads_first
        txn.raw.put(self.key.encode(key), raw, db=txn.databases[self.name])

    def insert(self, txn: WriteTxn, key: K, row: V) -> bool:
        """Inserts a row; False, with nothing changed, if its key or an index key is taken."""
        return self.insert_all(txn, [(key, row)])

    def insert_all(self, txn: WriteTxn, rows: Sequence[tuple[K, V]]) -> bool:
        """Inserts rows; False, with nothing changed, if one's key or an index key is taken.

        Cheaper than `put` where rows are made by the thousand: nothing is read first, and rows
        that are counted together are counted at once.
        """
        values = [row for _, row in rows]
        raw_keys = self.key.encode_all([key for key, _ in rows])
        puts = [(self.name, list(zip(raw_keys, map(_encode, values), strict=True)))]
        for index in self.indexes:
            if (entries := index.entries_of(txn, raw_keys, values)) is None:
                return False
            puts.append((index.name, entries))
        for done, (name, held) in enumerate(puts):
            put, database = txn.raw.put, txn.databases[name]
            for position, (stored, value) in enumerate(held):
                if not put(stored, value, db=database, overwrite=False):
                    _delete(txn, [*puts[:done], (name, held[:position])])
                    return False
        for count in self.counts:
            for counted, number in _numbers(map(count.of, values)).items():
                if counted is not None:
                    count.add(txn, count.key.encode(counted), number)
        if self._sizes is not None:
            sizes = [len(raw) for _, raw in puts[0][1]]
            self._sizes.added(txn, zip(values, sizes, strict=True))
        if self.watched:
            txn.changes += [Change(self.name, key, None, row) for key, row in rows]
        return True

    def delete(self, txn: WriteTxn, key: K) -> V | None:
        """Removes a row and returns it, or None if there was none."""
        raw_key = self.key.encode(key)
        raw = txn.raw.pop(raw_key, db=txn.databases[self.name])
        if raw is None:
            return None
        row = self.decode(raw)
        self._reindex(txn, raw_key, row, None)
        if self._sizes is not None:
            self._sizes.removed(txn, row, len(raw))
        if self.watched:
            txn.changes.append(Change(self.name, key, row, None))
        return row

    def scan(
        self,
        txn: Txn,
        prefix: Sequence[Any] = (),
        *,
        after: K | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[K, V]]:
        """Rows whose key begins with `prefix`, in key order (or reversed), behind `after` if
        given."""
        start = None if after is None else self.key.encode(after)
        for key, raw in pairs(txn, self.name, self.key.prefix(prefix), start, reverse=reverse):
            yield self.key.decode(key), self.decode(raw)

    def count(self, txn: Txn) -> int:
        """Rows in the whole table; costs the same for any number."""
        entries: int = txn.raw.stat(txn.databases[self.name])["entries"]
        return entries

    def _reindex(self, txn: WriteTxn, raw_key: bytes, old: V | None, new: V | None) -> None:
        changes = []
        for index in self.indexes:
            before = None if old is None else index.entry(raw_key, old)
            after = None if new is None else index.entry(raw_key, new)
            # Rows without an entry may still differ, by a key that is implied.
            if (
                before == after
                and old is not None
                and (before is not None or new is None or index.of(old) == index.of(new))
            ):
                continue
            # Before anything is changed: a caller may catch this and go on.
            if new is not None and index.is_taken(txn, raw_key, new):
                raise UniqueViolation(index.name)
            database = txn.databases[index.name]
            changes.append((database, before, after))
        for database, before, after in changes:
            if before is not None:
                txn.raw.delete(before, db=database)
            if after is not None:
                txn.raw.put(after, raw_key, db=database)
        self._recount(txn, old, new)

    def _recount(self, txn: WriteTxn, old: V | None, new: V | None) -> None:
        for count in self.counts:
            before = None if old is None else count.entry(old)
            after = None if new is None else count.entry(new)
            if before == after:
                continue
            if before is not None:
                count.add(txn, before, -1)
            if after is not None:
                count.add(txn, after, 1)


def _numbers(values: Iterable[V]) -> dict[V, int]:
    """How often each is there; `Counter` takes longer to make than one row to count."""
    found: dict[V, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found


def _delete(txn: WriteTxn, puts: Sequence[tuple[str, Sequence[tuple[bytes, bytes]]]]) -> None:
    """Takes back what was put, by names of databases."""
    for name, held in puts:
        for stored, _ in held:
            txn.raw.delete(stored, db=txn.databases[name])
