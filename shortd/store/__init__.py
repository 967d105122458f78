"""Durable storage: the one LMDB environment of a data directory.

    with store.read() as txn:
        link = LINKS.get(txn, (host, code))
    await store.write(lambda txn: LINKS.put(txn, key, link))

Reads are short, inline on the event loop and never span an await. Writes go to the writer
thread and return once they are on disk. No other package imports lmdb or opens a transaction.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from shortd.store import migrations
from shortd.store.schema import META, SCHEMA_VERSION, TABLES
from shortd.store.table import Table
from shortd.store.txn import Change, Txn, WriteTxn
from shortd.store.writer import Writer

T = TypeVar("T")
K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")

DEFAULT_MAP_BYTES = 1 << 36
VERSION_KEY = ("schema_version",)


class StoreError(Exception):
    """The data directory cannot be used; the message says why, in one line."""


class DataDirectoryInUse(StoreError):
    """Another shortd process owns the data directory."""


class SchemaTooNew(StoreError):
    """The database was written by a newer shortd."""


class Store:
    """The data directory's lock, its database, and the writer thread."""

    def __init__(self, directory: Path, *, map_bytes: int = DEFAULT_MAP_BYTES) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as undo:
            self._lock = _lock(directory)
            undo.callback(os.close, self._lock)
            try:
                # LMDB gives a folder the mode of its files, which nobody but root could enter.
                (directory / "db").mkdir(mode=0o700, exist_ok=True)
                self._environment = lmdb.open(
                    str(directory / "db"),
                    map_size=map_bytes,
                    max_dbs=128,
                    max_readers=64,
                    mode=0o600,
                )
                undo.callback(self._environment.close)
                # A newer database is left exactly as it is.
                self._databases = {META.name: self._environment.open_db(META.name.encode())}
                version = self._version()
                # In one transaction: a new directory's databases cost one fsync, not one each.
                with self._environment.begin(write=True) as txn:
                    self._databases |= {
                        name: self._environment.open_db(name.encode(), txn=txn)
                        for table in TABLES
                        for name in table.databases
                    }
                self._migrate(version, migrations.STEPS)
            except (lmdb.Error, OSError) as fault:
                raise StoreError(f"cannot open the database in {directory}: {fault}") from fault
            undo.pop_all()
        self._writer = Writer(self._environment, self._databases)

    def read(self) -> Txn:
        """A snapshot of the last commit."""
        return Txn(self._environment.begin(), self._databases)

    def get(self, table: Table[K, V], key: K) -> V | None:
        """A row of the last commit, or None: what `read` and `Table.get` give, at half the cost."""
        raw = self._environment.begin(self._databases[table.name])
        try:
            found = raw.get(table.key.encode(key))
        finally:
            raw.abort()
        return None if found is None else table.decode(found)

    async def write(self, function: Callable[[WriteTxn], T]) -> T:
        """See `Writer.write`."""
        return await self._writer.write(function)

    def watch(self, watcher: Callable[[Sequence[Change]], None]) -> None:
        """Calls `watcher` on the event loop with what each write did to rows of watched tables:
        after the commit, and before any write in it returns. It must be quick.
        """
        self._writer.watchers.append(watcher)

    def close(self) -> None:
        """Commits what waits, then gives the directory free."""
        self._writer.close()
        self._environment.close()
        os.close(self._lock)

    def _version(self) -> int | None:
        """The schema of the database, None for a new one. Raises SchemaTooNew."""
        with self.read() as txn:
            version = META.get(txn, VERSION_KEY)
        if version is not None and version > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"{self.directory} was written by a newer shortd"
                f" (schema {version}, this one reads up to {SCHEMA_VERSION})"
            )
        return version

    def _migrate(
        self, version: int | None, steps: Mapping[int, Callable[[WriteTxn], None]]
    ) -> None:
        if version == SCHEMA_VERSION:
            return
        if version is not None:
            backup = self.directory / f"db-before-schema-{SCHEMA_VERSION}"
            backup.mkdir(mode=0o700, exist_ok=True)
            # LMDB never overwrites, and an earlier try may have left its copy, whole or not.
            (backup / "data.mdb").unlink(missing_ok=True)
            self._environment.copy(str(backup))
        with self._environment.begin(write=True) as raw:
            txn = WriteTxn(raw, self._databases)
            for step in range(SCHEMA_VERSION if version is None else version, SCHEMA_VERSION):
                steps[step](txn)
            META.put(txn, VERSION_KEY, SCHEMA_VERSION)


def _lock(directory: Path) -> int:
    """Takes the directory's lock, which the kernel gives back however the process ends."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise DataDirectoryInUse(
            f"{directory} is in use by another shortd (process {owner or 'unknown'})"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
