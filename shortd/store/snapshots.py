"""A database as it was at one moment, taken while a server goes on writing to it.

Another process reads it beside the server, through LMDB's own table of readers. It must never write
to the database, migrate it, or make a file in a directory that has none of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import lmdb

from shortd.models.clicks import Position
from shortd.store import MAX_READERS
from shortd.store.copies import write_copy
from shortd.store.data_directory import StoreError, check_there
from shortd.store.schema import ACCOUNTS, FILE_PARTS, FILES, LINKS, META, POSITIONS
from shortd.store.txn import Txn

_TABLES = (META, POSITIONS, FILE_PARTS, ACCOUNTS, LINKS, FILES)
"""What is read here. Older schemas have them in the same form."""


class Snapshot:
    """What was committed at one moment."""

    def __init__(self, environment: lmdb.Environment, txn: Txn, schema: int, utime: int) -> None:
        self._environment = environment
        self._txn = txn
        self.schema = schema
        self.utime = utime
        """Unix µs: what was acknowledged then is in it."""

    def position(self) -> Position | None:
        """Up to where the click journal was drained."""
        return POSITIONS.get(self._txn, ("journal",))

    def blobs(self) -> dict[str, tuple[int, bytes]]:
        """Bytes and SHA-256 of each blob that a row names, by its name."""
        return {part.blob: (part.size, part.sha256) for _, part in FILE_PARTS.scan(self._txn)}

    def counts(self) -> dict[str, int]:
        """How many rows there are of what people ask for."""
        tables = (ACCOUNTS, LINKS, FILES)
        databases = self._txn.databases
        return {
            table.name: self._txn.raw.stat(databases[table.name])["entries"] for table in tables
        }

    def copy(self, folder: Path) -> None:
        """Makes `data.mdb` in a folder, without what is free. It is not synced. StoreError."""
        try:
            write_copy(self._environment, folder, self._txn.raw)
        except lmdb.Error as fault:
            raise StoreError(f"cannot copy the database to {folder}: {fault}") from fault


class Snapshots:
    """Takes them, one after the other."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment
        self._databases = {
            table.name: environment.open_db(table.name.encode(), create=False) for table in _TABLES
        }

    @contextmanager
    def taken(self) -> Iterator[Snapshot]:
        """What is committed now. While it is open, the database can only grow."""
        utime = time.time_ns() // 1000
        with Txn(self._environment.begin(), self._databases) as txn:
            schema = META.get(txn, ("schema_version",))
            if schema is None:
                raise StoreError("the database is empty")
            yield Snapshot(self._environment, txn, schema, utime)


@contextmanager
def snapshots_of(directory: Path) -> Iterator[Snapshots]:
    """The snapshots of a data directory, whether or not a server has it. Raises StoreError."""
    check_there(directory)
    with ExitStack() as undo:
        try:
            environment = lmdb.open(
                os.fsencode(directory / "db"),
                readonly=True,
                # On a disk that is mounted read-only nobody writes, and nobody can be registered.
                lock=os.access(directory / "db" / "lock.mdb", os.W_OK),
                max_dbs=128,
                max_readers=MAX_READERS,
            )
            undo.callback(environment.close)
            yield Snapshots(environment)
        except lmdb.Error as fault:
            raise StoreError(f"cannot read the database in {directory}: {fault}") from fault
