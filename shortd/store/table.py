"""Typed tables and their indexes over LMDB.

`Table.put` and `Table.delete` alone maintain indexes, in the caller's transaction. An index
key belongs to exactly one row: an index over a field that repeats ends with one that does not.
This module knows no row by name and never opens a transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, cast

import lmdb
import msgspec

from shortd.store.keys import Key

K = TypeVar("K", bound=tuple[Any, ...])
I = TypeVar("I", bound=tuple[Any, ...])  # noqa: E741 - the index's key, beside K and V
V = TypeVar("V")

_encode = msgspec.msgpack.Encoder().encode


class UniqueViolation(Exception):
    """Two rows would share an index key. `index` names the index."""

    def __init__(self, index: str) -> None:
        super().__init__(f"index {index} already holds this key")
        self.index = index


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


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a put or a delete did to a row of a watched table."""

    table: str
    key: tuple[Any, ...]
    before: Any
    """The row; None if there was none."""
    after: Any


class WriteTxn(Txn):
    """A write transaction, made by the writer thread alone; it reads its own writes."""

    __slots__ = ("changes",)

    def __init__(self, raw: lmdb.Transaction, databases: dict[str, Any]) -> None:
        super().__init__(raw, databases)
        self.changes: list[Change] = []
        """To rows of watched tables, in their order."""


class Table(Generic[K, V]):
    """Rows of type `V` under keys of type `K`, with the indexes that are kept over them."""

    def __init__(
        self,
        name: str,
        key: Key[K],
        value: type[V],
        indexes: Sequence[Index[Any, V]] = (),
        *,
        counts: Sequence[Count[Any, V]] = (),
        watched: bool = False,
    ) -> None:
        self.watched = watched
        """Whether `Store.watch` hears of its changes."""
        self.name = name
        self.key = key
        self.indexes = tuple(indexes)
        self.counts = tuple(counts)
        self.decode: Callable[[bytes | memoryview], V] = msgspec.msgpack.Decoder(value).decode
        for index in self.indexes:
            index.table = self

    @property
    def databases(self) -> tuple[str, ...]:
        """Names of all that is kept for it in LMDB."""
        indexes = [index.name for index in self.indexes]
        return (self.name, *indexes, *(count.name for count in self.counts))

    def get(self, txn: Txn, key: K) -> V | None:
        """The row, or None."""
        raw = txn.raw.get(self.key.encode(key), db=txn.databases[self.name])
        return None if raw is None else self.decode(raw)

    def put(self, txn: WriteTxn, key: K, row: V) -> None:
        """Inserts or replaces a row.

        UniqueViolation, with nothing changed, if another row holds an index key.
        """
        raw_key, raw_row = self.key.encode(key), _encode(row)
        if self.indexes or self.counts or self.watched:
            raw_old = txn.raw.get(raw_key, db=txn.databases[self.name])
            old = None if raw_old is None else self.decode(raw_old)
            self._reindex(txn, raw_key, old, row)
            if self.watched:
                txn.changes.append(Change(self.name, key, old, row))
        txn.raw.put(raw_key, raw_row, db=txn.databases[self.name])

    def encode(self, row: V) -> bytes:
        """The bytes of a row, which `decode` reads."""
        return _encode(row)

    def put_encoded(self, txn: WriteTxn, key: K, raw: bytes) -> None:
        """Inserts or replaces a row by its bytes, in a table that nothing is kept over."""
        assert not (self.indexes or self.counts or self.watched)
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
            found = zip(map(index.of, values), raw_keys, strict=True)
            if held := [(key, raw_key) for key, raw_key in found if key is not None]:
                entries = index.key.encode_all([key for key, _ in held])
                held_keys = [raw_key for _, raw_key in held]
                puts.append((index.name, list(zip(entries, held_keys, strict=True))))
        for done, (name, pairs) in enumerate(puts):
            put, database = txn.raw.put, txn.databases[name]
            for position, (stored, value) in enumerate(pairs):
                if not put(stored, value, db=database, overwrite=False):
                    _delete(txn, [*puts[:done], (name, pairs[:position])])
                    return False
        for count in self.counts:
            for counted, number in Counter(map(count.of, values)).items():
                if counted is not None:
                    count.add(txn, count.key.encode(counted), number)
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
        if self.watched:
            txn.changes.append(Change(self.name, key, row, None))
        return row

    def scan(
        self, txn: Txn, prefix: Sequence[Any] = (), *, after: K | None = None
    ) -> Iterator[tuple[K, V]]:
        """Rows whose key begins with `prefix`, in key order, behind `after` if given."""
        start = None if after is None else self.key.encode(after)
        for key, raw in _range(txn, self.name, self.key.prefix(prefix), start, reverse=False):
            yield self.key.decode(key), self.decode(raw)

    def count(self, txn: Txn) -> int:
        """Rows in the whole table; costs the same for any number."""
        entries: int = txn.raw.stat(txn.databases[self.name])["entries"]
        return entries

    def _reindex(self, txn: WriteTxn, raw_key: bytes, old: V | None, new: V | None) -> None:
        changes = []
        for index in self.indexes:
            before = None if old is None else index.entry(old)
            after = None if new is None else index.entry(new)
            if before == after:
                continue
            database = txn.databases[index.name]
            # Before anything is changed: a caller may catch this and go on.
            if after is not None and txn.raw.get(after, db=database) is not None:
                raise UniqueViolation(index.name)
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
        for key, _ in _range(txn, self.name, self.key.prefix(prefix), start, reverse=reverse):
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
        for key, found in _range(txn, self.name, self.key.prefix(prefix), start, reverse=reverse):
            raw = txn.raw.get(found, db=rows)
            if raw is not None:
                yield self.key.decode(key), table.decode(raw)

    def count(self, txn: Txn) -> int:
        """Rows that the index holds; costs the same for any number."""
        entries: int = txn.raw.stat(txn.databases[self.name])["entries"]
        return entries

    def entries(self, txn: Txn) -> Iterator[tuple[bytes, bytes]]:
        """Everything stored, as (encoded index key, encoded table key)."""
        return _range(txn, self.name, b"", None, reverse=False)


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
        for key, raw in _range(txn, self.name, b"", None, reverse=False):
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


def _delete(txn: WriteTxn, puts: Sequence[tuple[str, Sequence[tuple[bytes, bytes]]]]) -> None:
    """Takes back what was put, by names of databases."""
    for name, pairs in puts:
        for stored, _ in pairs:
            txn.raw.delete(stored, db=txn.databases[name])


def _range(
    txn: Txn, database: str, prefix: bytes, start: bytes | None, *, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Pairs under `prefix`, strictly behind `start` in the direction of travel."""
    cursor = txn.raw.cursor(db=txn.databases[database])
    if reverse:
        end = _successor(prefix)
        if start is not None:
            end = start if end is None else min(start, end)
        found = cursor.set_range(end) if end is not None else False
        found = cursor.prev() if found else cursor.last()
        walk = cursor.iterprev(keys=True, values=True)
    else:
        found = cursor.set_range(prefix if start is None else max(start, prefix))
        if found and start is not None and cursor.key() == start:
            found = cursor.next()
        walk = cursor.iternext(keys=True, values=True)
    if not found:
        return
    # The environment gives bytes, as transactions are opened without `buffers`.
    for key, value in cast(Iterator[tuple[bytes, bytes]], walk):
        if not key.startswith(prefix):
            return
        yield key, value


def _successor(prefix: bytes) -> bytes | None:
    """The least key above every key that begins with `prefix`; None if there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None
