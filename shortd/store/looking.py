"""A data directory that is only looked at: nothing in it is made, written or migrated.

For commands that show what a stopped server has, and for backups, wherever they lie.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import lmdb

from shortd.store import SchemaTooOld, Store
from shortd.store.copies import write_copy
from shortd.store.data_directory import StoreError, check_there, unused
from shortd.store.room import Reserve
from shortd.store.schema import META, SCHEMA_VERSION, TABLES, stored_as
from shortd.store.txn import WriteTxn

T = TypeVar("T")


@contextmanager
def looked_at(directory: Path) -> Iterator[Store]:
    """A store to read from. No server can start meanwhile; others may look, too.

    An older database is brought up to date in a copy, which is gone in the end: `found_schema` says
    so. Raises StoreError.
    """
    with _opened(directory) as environment, ExitStack() as undo:
        try:
            store: Store = _LookingStore(directory, environment)
        except (SchemaTooOld, lmdb.NotFoundError):
            store = Store(undo.enter_context(_copy(directory, environment)))
            undo.callback(store.close)
        yield store


def check_schema(directory: Path) -> None:
    """Raises StoreError if this shortd cannot use the database, even by migrating it."""
    with _opened(directory) as environment, suppress(SchemaTooOld, lmdb.NotFoundError):
        _LookingStore(directory, environment)


@contextmanager
def _opened(directory: Path) -> Iterator[lmdb.Environment]:
    check_there(directory)
    with ExitStack() as undo:
        undo.enter_context(unused(directory, fcntl.LOCK_SH))
        try:
            environment = lmdb.open(
                os.fsencode(directory / "db"), readonly=True, lock=False, max_dbs=128
            )
            undo.callback(environment.close)
            yield environment
        except lmdb.Error as fault:
            raise StoreError(f"cannot read the database in {directory}: {fault}") from fault


class _LookingStore(Store):
    def __init__(self, directory: Path, environment: lmdb.Environment) -> None:
        self.directory = directory
        self._environment = environment
        self._databases = {META.name: environment.open_db(META.name.encode(), create=False)}
        self.found_schema = self._version()
        if self.found_schema != SCHEMA_VERSION:
            raise SchemaTooOld
        self._databases |= {
            name: environment.open_db(stored_as(name), create=False)
            for table in TABLES
            for name in table.databases
        }

    def used_bytes(self) -> int:
        with self._environment.begin() as raw:
            stats = [raw.stat(database) for database in self._databases.values()]
        return sum(
            stat["psize"] * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"])
            for stat in stats
        )

    async def write(
        self,
        function: Callable[[WriteTxn], T],
        reserve: Reserve = Reserve.NONE,
        *,
        is_quiet: bool = False,
        is_repeatable: bool = False,
    ) -> T:
        raise AssertionError("who only looks writes nothing")


@contextmanager
def _copy(directory: Path, environment: lmdb.Environment) -> Iterator[Path]:
    """A data directory elsewhere, with a copy of the database."""
    with tempfile.TemporaryDirectory(prefix="shortd-") as folder:
        copy = Path(folder)
        (copy / "db").mkdir()
        try:
            write_copy(environment, copy / "db")
        except lmdb.Error as fault:
            raise StoreError(
                f"{directory} is of an older shortd, and cannot be copied to {folder} to look at"
                f" it: {fault}"
            ) from fault
        yield copy
