"""What is kept over a table besides its rows: indexes, and counts of rows.

Only the table itself changes them, in the transaction that changes its rows. An index key belongs
to exactly one row: an index over a field that repeats ends with one that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from shortd.store.keys import Key
from shortd.store.ranges import pairs
from shortd.store.txn import Txn, WriteTxn

I = TypeVar("I", bound=tuple[Any, ...])  # noqa: E741 - the index's key, beside K and V
V = TypeVar("V")


class UniqueViolation(Exception):
    """Two rows would share an index key. `index` names the index."""

    def __init__(self, index: str) -> None:
        super().__init__(f"index {index} already holds this key")
        self.index = index


class UniqueIndex(Generic[I, V]):
    """What a table asks of its indexes. `of` gives a row's index key, or None to leave it out."""

    def __init__(self, name: str, key: Key[I], of: Callable[[V], I | None]) -> None:
        self.name = name
        self.key = key
        self.of = of

    def attach(self, table: str, decode: Callable[[bytes | memoryview], V]) -> None:
        """Tells the index whose rows it leads to. For the table alone."""
        self._table = table
        self._decode = decode

    def entry(self, raw_key: bytes, row: V) -> bytes | None:
        """The encoded index key of a row at `raw_key`, or None if it has no entry."""
        key = self.of(row)
        return None if key is None else self.key.encode(key)

    def is_taken(self, txn: Txn, raw_key: bytes, row: V) -> bool:
        """Whether another row has the index key of this one, which is not stored yet."""
        entry = self.entry(raw_key, row)
        return entry is not None and self._find(txn, entry) is not None

    def entries_of(
        self, txn: Txn, raw_keys: Sequence[bytes], rows: Sequence[V]
    ) -> list[tuple[bytes, bytes]] | None:
        """The entries that new rows need, as (encoded index key, encoded table key).

        None if an index key is known to be taken; who puts them finds out about the others.
        """
        found = zip(map(self.of, rows), raw_keys, strict=True)
        held = [(key, raw_key) for key, raw_key in found if key is not None]
        if not held:
            return []
        entries = self.key.encode_all([key for key, _ in held])
        return list(zip(entries, [raw_key for _, raw_key in held], strict=True))

    def get(self, txn: Txn, key: I) -> V | None:
        """The row under an index key, or None."""
        raw_key = self._find(txn, self.key.encode(key))
        if raw_key is None:
            return None
        raw = txn.raw.get(raw_key, db=txn.databases[self._table])
        return None if raw is None else self._decode(raw)

    def has(self, txn: Txn, key: I) -> bool:
        """Whether a row is found under this key; cheaper than `get`."""
        return self._find(txn, self.key.encode(key)) is not None

    def entries(self, txn: Txn) -> Iterator[tuple[bytes, bytes]]:
        """Everything stored, as (encoded index key, encoded table key)."""
        return pairs(txn, self.name, b"", None, reverse=False)

    def _find(self, txn: Txn, entry: bytes) -> bytes | memoryview | None:
        return txn.raw.get(entry, db=txn.databases[self.name])


class Index(UniqueIndex[I, V]):
    """A second way to a table's rows, and another order of them."""

    def keys(
        self,
        txn: Txn,
        prefix: Sequence[Any] = (),
        *,
        after: I | None = None,
        reverse: bool = False,
    ) -> Iterator[I]:
        """Index keys that begin with `prefix`, in order (or reversed), behind `after`."""
        for key, _ in self._pairs(txn, prefix, after, reverse=reverse):
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
        rows = txn.databases[self._table]
        for key, found in self._pairs(txn, prefix, after, reverse=reverse):
            raw = txn.raw.get(found, db=rows)
            if raw is not None:
                yield self.key.decode(key), self._decode(raw)

    def last_parts(
        self,
        txn: Txn,
        prefix: Sequence[Any],
        after: bytes | None,
        most: int,
        *,
        reverse: bool = False,
    ) -> tuple[list[Any], bytes | None]:
        """The last parts of so many index keys behind a place, None for the first ones, several
        times quicker than whole keys; and the place behind them, None where these were all.

        For keys whose last part has one length.
        """
        part = self.key.parts[-1]
        assert part.size is not None, "its length varies"
        walk = pairs(txn, self.name, self.key.prefix(prefix), after, reverse=reverse)
        raw_keys = [key for key, _ in islice(walk, most)]
        found = [part.decode(key[-part.size :]) for key in raw_keys]
        return found, raw_keys[-1] if len(raw_keys) == most else None

    def count(self, txn: Txn) -> int:
        """Rows that the index holds; costs the same for any number."""
        entries: int = txn.raw.stat(txn.databases[self.name])["entries"]
        return entries

    def _pairs(
        self, txn: Txn, prefix: Sequence[Any], after: I | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        start = None if after is None else self.key.encode(after)
        return pairs(txn, self.name, self.key.prefix(prefix), start, reverse=reverse)


class SharedIndex(UniqueIndex[I, V]):
    """An index over a field that repeats: its entries end with the keys of their rows."""

    def entry(self, raw_key: bytes, row: V) -> bytes | None:
        key = self.of(row)
        return None if key is None else self.key.prefix(key) + raw_key

    def is_taken(self, txn: Txn, raw_key: bytes, row: V) -> bool:
        return False

    def entries_of(
        self, txn: Txn, raw_keys: Sequence[bytes], rows: Sequence[V]
    ) -> list[tuple[bytes, bytes]] | None:
        entries = zip(map(self.entry, raw_keys, rows), raw_keys, strict=True)
        return [(entry, raw_key) for entry, raw_key in entries if entry is not None]

    def found(self, txn: Txn, prefix: Sequence[Any]) -> Iterator[bytes]:
        """Encoded keys of the rows under a prefix of the index's key."""
        for _, raw_key in pairs(txn, self.name, self.key.prefix(prefix), None, reverse=False):
            yield raw_key

    def up_to(self, txn: Txn, last: I) -> Iterator[bytes]:
        """Encoded keys of the rows up to a key of the index, which has one size, in order."""
        end = self.key.encode(last)
        for entry, raw_key in pairs(txn, self.name, b"", None, reverse=False):
            if entry[: len(end)] > end:
                return
            yield raw_key


class ImpliedIndex(UniqueIndex[I, V]):
    """An index whose key mostly says where the row is: one that is there needs no entry.

    `home` gives that place, a key of the table, or None if there is none. Where table keys are
    random, each entry saved is a page that a write does not touch. It has no order to walk in.
    """

    def __init__(
        self,
        name: str,
        key: Key[I],
        of: Callable[[V], I | None],
        home: Callable[[I], bytes | None],
    ) -> None:
        super().__init__(name, key, of)
        self._home = home

    def entry(self, raw_key: bytes, row: V) -> bytes | None:
        key = self.of(row)
        return None if key is None or self._home(key) == raw_key else self.key.encode(key)

    def is_taken(self, txn: Txn, raw_key: bytes, row: V) -> bool:
        return self.entries_of(txn, [raw_key], [row]) is None

    def entries_of(
        self, txn: Txn, raw_keys: Sequence[bytes], rows: Sequence[V]
    ) -> list[tuple[bytes, bytes]] | None:
        held = [
            (key, raw_key)
            for key, raw_key in zip(map(self.of, rows), raw_keys, strict=True)
            if key is not None
        ]
        keys = [key for key, _ in held]
        if len(set(keys)) < len(keys):
            return None
        get, database = txn.raw.get, txn.databases[self.name]
        entries = []
        for entry, (key, raw_key) in zip(self.key.encode_all(keys), held, strict=True):
            if get(entry, db=database) is not None:
                return None
            if self._home(key) != raw_key:
                if self._at_home(txn, key) is not None:
                    return None
                entries.append((entry, raw_key))
        return entries

    def get(self, txn: Txn, key: I) -> V | None:
        row = self._at_home(txn, key)
        return super().get(txn, key) if row is None else row

    def has(self, txn: Txn, key: I) -> bool:
        return self._at_home(txn, key) is not None or super().has(txn, key)

    def _at_home(self, txn: Txn, key: I) -> V | None:
        """The row of a key, if it is where the key says."""
        home = self._home(key)
        raw = None if home is None else txn.raw.get(home, db=txn.databases[self._table])
        if raw is None:
            return None
        row = self._decode(raw)
        return row if self.of(row) == key else None


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
