"""A plugin's own tables: typed, bounded, and nobody else's.

Reads are snapshots of the last commit, at once and in any thread. Writes go through the server's
loop to the writer thread and are on disk when they return. Nothing of a plugin runs in the writer
thread, which all of the server waits for: what a row becomes is found out before, and written if
the row is still the same.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from shortd import errors
from shortd.errors import Sentence
from shortd.models.plugins import PluginRow
from shortd.plugin import BadRow, NoServer, StoreFull, Table
from shortd.plugin_runtime.flaws import one_line
from shortd.plugin_runtime.home import at_home
from shortd.store import Store
from shortd.store.plugin_rows import RowKey, delete_row, put_row, used
from shortd.store.room import Reserve
from shortd.store.schema import PLUGIN_ROWS
from shortd.store.txn import Txn, WriteTxn

T = TypeVar("T")
R = TypeVar("R")

KEY_BYTES = 200
VALUE_BYTES = 1 << 20
MOST_ITEMS = 10_000
WRITES_AT_ONCE = 64
"""Of one plugin; more of them wait, so that the server's own writes need not."""
CLOSE_SECONDS = 5.0
"""How long the end of the server waits for threads of plugins that read."""
TABLE_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)

_encode = msgspec.msgpack.Encoder().encode


class Reading:
    """Whether the database is open, for threads that the server does not know."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._readers = 0
        self._closed = False

    @contextmanager
    def txn(self) -> Iterator[Txn]:
        """A snapshot. NoServer once the server has stopped."""
        with self._changed:
            if self._closed:
                raise NoServer("the server has stopped")
            self._readers += 1
        try:
            with self._store.read() as txn:
                yield txn
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Lets nobody in any more, and waits until all are out."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._readers, CLOSE_SECONDS)


class PluginStore:
    """The tables of one plugin; see `shortd.plugin.Store`."""

    def __init__(
        self,
        plugin: str,
        store: Store,
        reading: Reading,
        quota: int,
        home: asyncio.AbstractEventLoop,
        bad_row: Callable[[Exception], None],
    ) -> None:
        """`bad_row` hears of rows that no longer fit, in any thread."""
        self.plugin = plugin
        self.quota_bytes = quota
        self.reading = reading
        self.bad_row = bad_row
        self._store = store
        self._home = home
        self._places = asyncio.Semaphore(WRITES_AT_ONCE)

    def table(self, name: str, kind: type[T]) -> Table[T]:
        if not TABLE_PATTERN.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a table: [a-z][a-z0-9_]*, of up to 32")
        return PluginTable(self, name, kind)

    @property
    def used_bytes(self) -> int:
        with self.reading.txn() as txn:
            return used(txn, self.plugin).size

    async def write(self, function: Callable[[WriteTxn], R], reserve: Reserve) -> R:
        """Runs a write of the plugin's. StoreFull, NoServer."""
        return await at_home(self._home, self._write(function, reserve))

    async def _write(self, function: Callable[[WriteTxn], R], reserve: Reserve) -> R:
        # The writer takes nothing more once it is closed.
        with self.reading.txn():
            pass
        try:
            async with self._places:
                return await self._store.write(function, reserve)
        except errors.ShortdError as refusal:
            if refusal.kind is errors.STORAGE_FULL:
                raise StoreFull(refusal.kind, refusal.sentence) from None
            raise


class PluginTable(Generic[T]):
    """One table; see `shortd.plugin.Table`."""

    def __init__(self, store: PluginStore, name: str, kind: type[T]) -> None:
        self._store = store
        self._name = name
        try:
            self._decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(kind).decode
        except TypeError as fault:
            raise TypeError(f"{kind!r} cannot be the type of rows: {fault}") from None

    def get(self, key: str) -> T | None:
        row_key = self._key(key)
        with self._store.reading.txn() as txn:
            row = PLUGIN_ROWS.get(txn, row_key)
        return None if row is None else self._read(key, row.value)

    def items(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[tuple[str, T]]:
        if not 0 <= limit <= MOST_ITEMS:
            raise ValueError(f"at most {MOST_ITEMS} items at once")
        if prefix:
            self._key(prefix)
        start = self._key(after) if after else None
        found: list[tuple[str, T]] = []
        with self._store.reading.txn() as txn:
            rows = PLUGIN_ROWS.scan(txn, (self._store.plugin, self._name, prefix), after=start)
            for (_, _, key), row in rows if limit else ():
                try:
                    found.append((key, self._read(key, row.value)))
                except BadRow:
                    continue
                if len(found) == limit:
                    break
        return found

    def count(self) -> int:
        with self._store.reading.txn() as txn:
            return used(txn, self._store.plugin, self._name).rows

    async def put(self, key: str, value: T) -> None:
        row_key, row = self._key(key), self._row(value)
        await self._store.write(partial(self._put, key=row_key, row=row), Reserve.NONE)

    async def delete(self, key: str) -> bool:
        row_key = self._key(key)
        return await self._store.write(partial(delete_row, key=row_key), Reserve.ALL)

    async def update(self, key: str, change: Callable[[T | None], T | None]) -> T | None:
        row_key = self._key(key)
        while True:
            with self._store.reading.txn() as txn:
                before = PLUGIN_ROWS.get(txn, row_key)
            new = change(None if before is None else self._read(key, before.value))
            row = None if new is None else self._row(new)
            if row == before:
                return new
            replace = partial(self._replace, key=row_key, before=before, row=row)
            if await self._store.write(replace, Reserve.ALL if row is None else Reserve.NONE):
                return new

    def _put(self, txn: WriteTxn, key: RowKey, row: PluginRow) -> None:
        quota = self._store.quota_bytes
        # What gets smaller may always be written: a quota may have been larger.
        if put_row(txn, key, row) > 0 and used(txn, self._store.plugin).size > quota:
            said = Sentence(
                "A plugin has used up its %(quota)s bytes of the database.", {"quota": quota}
            )
            raise StoreFull(errors.PLUGIN_STORE_FULL, said)

    def _replace(
        self, txn: WriteTxn, key: RowKey, before: PluginRow | None, row: PluginRow | None
    ) -> bool:
        """Whether the row was still what it was before."""
        if PLUGIN_ROWS.get(txn, key) != before:
            return False
        if row is None:
            delete_row(txn, key)
        else:
            self._put(txn, key, row)
        return True

    def _key(self, key: str) -> RowKey:
        """ValueError for what cannot be a key."""
        if not isinstance(key, str):
            raise TypeError(f"a key is text, not {type(key).__name__}")
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise ValueError("a key holds half a surrogate pair, which is no text") from None
        if not 1 <= size <= KEY_BYTES:
            raise ValueError(f"a key has 1 to {KEY_BYTES} bytes in UTF-8, not {size}")
        return self._store.plugin, self._name, key

    def _row(self, value: T) -> PluginRow:
        """ValueError for a value that could not be read again."""
        try:
            raw = _encode(value)
            self._decode(raw)
        # An object's own attributes can do anything when they are looked at.
        except Exception as fault:
            raise ValueError(f"this cannot be a row of {self._name}: {one_line(fault)}") from None
        if len(raw) > VALUE_BYTES:
            raise ValueError(f"a row has at most {VALUE_BYTES} bytes, not {len(raw)}")
        return PluginRow(raw)

    def _read(self, key: str, value: bytes) -> Any:
        try:
            return self._decode(value)
        # A type's own __post_init__ can raise anything.
        except Exception as fault:
            bad = BadRow(self._name, key, one_line(fault))
            self._store.bad_row(bad)
            raise bad from None
