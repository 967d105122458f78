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
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import lmdb
import msgspec
import structlog

from shortd import errors
from shortd.store import migrations
from shortd.store.alongside import waiting
from shortd.store.copies import BEFORE_SCHEMA, check_room, keep_copy, used_bytes
from shortd.store.data_directory import StoreError as StoreError
from shortd.store.data_directory import (
    check_no_backup,
    check_not_emptied,
    check_there,
    in_use,
    reason_of,
)
from shortd.store.packing_clicks import PACKED_FROM, Packing
from shortd.store.readers import ReaderAges
from shortd.store.room import DEFAULT_RESERVE_BYTES, Reserve, Room
from shortd.store.schema import META, SCHEMA_VERSION, TABLES, settle_holdings, stored_as
from shortd.store.strings import settle_uses
from shortd.store.table import Table
from shortd.store.turns import Turns
from shortd.store.txn import Change, Txn, WriteTxn
from shortd.store.writer import Follower, Writer

T = TypeVar("T")
K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")

DEFAULT_MAP_BYTES = 1 << 36
MAX_READERS = 1024
"""Transactions that may read at once. A handful does; the slots are there for what goes wrong."""
_SLOT_BYTES = 64
HEAR_SECONDS = 0.2
"""How long a signal may wait while a database is copied."""
TELL_SECONDS = 5.0
"""How often the log has how far an upgrade is."""
VERSION_KEY = ("schema_version",)
_TRIED = ("writes_tried",)
_PID_BYTES = 20

Upgrading = Callable[[Callable[[], str]], AbstractContextManager[None]]
"""What is entered for as long as an upgrade takes. It is given what tells how far that is, from any
thread."""

log = structlog.get_logger(__name__)


class SchemaTooNew(StoreError):
    """The database was written by a newer shortd."""


class SchemaTooOld(StoreError):
    """The database was written by an older shortd, and is not to be migrated now."""


class StorageStatus(msgspec.Struct, frozen=True):
    """Whether what is to be kept finds room, for people and metrics."""

    fault: str | None
    """Why the last write that adds rows was refused; None once one found room again."""
    refused: int
    """How many were, since the start."""


class StorageFigures(msgspec.Struct, frozen=True):
    """How the database is, for metrics."""

    map_bytes: int
    """What it may grow to, with the reserve."""
    free_pages: int
    """Of its file, below the last one that was ever used."""
    oldest_reader_seconds: float
    """See `ReaderAges.oldest`."""
    waiting: int
    """Writes that wait."""


class Store:
    """The data directory's lock, its database, and the writer thread."""

    def __init__(
        self,
        directory: Path,
        *,
        map_bytes: int = DEFAULT_MAP_BYTES,
        reserve_bytes: int = DEFAULT_RESERVE_BYTES,
        make: bool = True,
        upgrading: Upgrading = lambda _progress: nullcontext(),
    ) -> None:
        """Opens a data directory. `make` makes one where there is none, and brings an older
        database up to date (`upgrading`); without it both are refused. Raises StoreError.
        """
        self.directory = directory
        if make:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            check_there(directory)
        check_no_backup(directory)
        with ExitStack() as undo:
            self._lock = _lock(directory)
            undo.callback(os.close, self._lock)
            check_not_emptied(directory)
            try:
                # LMDB gives a folder the mode of its files, which nobody but root could enter.
                (directory / "db").mkdir(mode=0o700, exist_ok=True)
                _allocate_readers(directory / "db" / "lock.mdb")
                self._environment = lmdb.open(
                    os.fsencode(directory / "db"),
                    map_size=map_bytes + reserve_bytes,
                    max_dbs=128,
                    max_readers=MAX_READERS,
                    mode=0o600,
                )
                undo.callback(self._environment.close)
                # A newer database is left exactly as it is.
                self._databases = {META.name: self._environment.open_db(META.name.encode())}
                self.found_schema = version = self._version()
                """The schema that the database had when it was opened; None for a new one."""
                if not make and version is not None and version < SCHEMA_VERSION:
                    raise SchemaTooOld(
                        f"{directory} was written by an older shortd (schema {version}, this one"
                        f" writes {SCHEMA_VERSION}): start the server, which brings it up to date"
                    )
                if version is None:
                    self._open_databases()
                    self._migrate(SCHEMA_VERSION, {}, [])
                elif version < SCHEMA_VERSION:
                    progress = [f"Upgrading the database to schema {SCHEMA_VERSION}"]
                    with upgrading(lambda: progress[-1]):
                        self._upgrade(version, progress)
                else:
                    self._open_databases()
                self._room = Room(
                    self._environment,
                    directory / "db" / "data.mdb",
                    self._databases.values(),
                    map_bytes=map_bytes,
                    reserve_bytes=reserve_bytes,
                )
            except (lmdb.Error, OSError) as fault:
                reason = reason_of(fault) if isinstance(fault, OSError) else fault
                raise StoreError(f"cannot open the database in {directory}: {reason}") from fault
            undo.pop_all()
        self._writer = Writer(self._environment, self._databases, self._room)
        self._readers = ReaderAges(self._environment)
        self.turns = Turns()
        """Of those who read long on the event loop."""

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
            # See `Txn.__exit__`: an exception keeps this frame.
            del raw
        return None if found is None else table.decode(found)

    async def write(
        self,
        function: Callable[[WriteTxn], T],
        reserve: Reserve = Reserve.NONE,
        *,
        is_quiet: bool = False,
        is_repeatable: bool = False,
    ) -> T:
        """See `Writer.write`. Takes along what `alongside` has waiting."""
        addition = waiting()
        if addition is None:
            return await self._writer.write(
                function, reserve, is_quiet=is_quiet, is_repeatable=is_repeatable
            )
        result = await self._writer.write(addition.behind(function), reserve, is_quiet=is_quiet)
        addition.is_done = True
        return result

    async def answers(self) -> None:
        """Returns once the writer thread has got to it, whether or not the disk takes anything."""
        with suppress(errors.ShortdError, lmdb.Error, OSError):
            await self._writer.write(_nothing, Reserve.ALL, is_quiet=True)

    async def write_or_owe(self, function: Callable[[WriteTxn], None]) -> None:
        """See `Writer.write_or_owe`."""
        await self._writer.write_or_owe(function)

    def status(self) -> StorageStatus:
        """Whether there is room. While there is none, asking has it tried again."""
        shortage = self._writer.shortage
        status = StorageStatus(shortage.fault, shortage.refused)
        if shortage.fault is not None:
            self._writer.attempt(_try)
        return status

    def used_bytes(self) -> int:
        """Bytes of the map that hold something."""
        with self.read() as txn:
            return self._room.used_bytes(txn.raw)

    def keep_copy(self, copy: Path) -> None:
        """Makes a folder with the database as it is. Raises StoreError, OSError."""
        check_room(self.directory, used_bytes(self._environment), "a copy of the database")
        keep_copy(self._environment, copy)

    def figures(self) -> StorageFigures:
        """How the database is at the moment."""
        info, page_bytes = self._environment.info(), self._environment.stat()["psize"]
        free = info["last_pgno"] + 1 - self.used_bytes() // page_bytes
        return StorageFigures(
            map_bytes=info["map_size"],
            free_pages=max(0, free),
            oldest_reader_seconds=self._readers.oldest(),
            waiting=self._writer.waiting,
        )

    def watch(self, watcher: Callable[[Sequence[Change]], None]) -> None:
        """Calls `watcher` on the event loop with what each write did to rows of watched tables:
        after the commit, and before any write in it returns. It must be quick.
        """
        self._writer.watchers.append(watcher)

    def follow(self, follower: Follower) -> None:
        """Calls `follower` on the writer thread with each transaction that changed rows of watched
        tables, before it is committed: what it writes is on disk with them or not at all. What it
        raises undoes the transaction. It is told what each write did, and whether there is room
        for what nobody asked for.
        """
        self._writer.followers.append(follower)

    def guard(self, guard: Callable[[WriteTxn], None]) -> None:
        """Has `guard` asked about each write that changes holdings: what it raises undoes that."""
        self._writer.guards.append(guard)

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

    def _open_databases(self) -> None:
        # In one transaction: a new directory's databases cost one fsync, not one each.
        with self._environment.begin(write=True) as txn:
            self._databases |= {
                name: self._environment.open_db(stored_as(name), txn=txn)
                for table in TABLES
                for name in table.databases
            }

    def _upgrade(self, version: int, progress: list[str]) -> None:
        """Brings the database up to date. Raises StoreError; then it is as it was."""
        copy = self.directory / f"{BEFORE_SCHEMA}{SCHEMA_VERSION}"
        packing = Packing(self._environment, self._databases[META.name])
        is_packing = version <= PACKED_FROM
        # Of what was begun before the copy there must be none in it.
        if not (is_packing and copy.is_dir() and packing.is_begun()):
            packing.forget()
            self._copy_old(version, progress)
        self._open_databases()

        told = time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal told
            progress.append(f"{progress[0]}: the clicks of {done:,} of {total:,} links are packed")
            if time.monotonic() >= told + TELL_SECONDS:
                told = time.monotonic()
                log.info("clicks_packed", links=done, of=total)

        try:
            if is_packing:
                packing.run(self._databases, tell)
            self._migrate(version, migrations.STEPS, progress, packing.end if is_packing else None)
        except (msgspec.MsgspecError, ValueError, LookupError) as fault:
            raise StoreError(
                f"the database in {self.directory} cannot be made schema {SCHEMA_VERSION}"
                f" ({type(fault).__name__}: {fault}): it is as it was; start the older version"
            ) from fault
        log.info(
            "schema_migrated",
            found=version,
            now=SCHEMA_VERSION,
            way_back=f"shortd restore {copy} --data {self.directory}",
        )

    def _copy_old(self, version: int, progress: list[str]) -> None:
        """Keeps the database as it is for the older version that has made it."""
        copy = self.directory / f"{BEFORE_SCHEMA}{SCHEMA_VERSION}"
        # Once for the copy, and once for what the migration writes anew, all of it at worst.
        wanted = 2 * used_bytes(self._environment)
        check_room(self.directory, wanted, f"the upgrade from schema {version} to {SCHEMA_VERSION}")
        progress.append(f"{progress[0]}: copying the old one to {copy}")
        copied: Future[None] = Future()

        def keep() -> None:
            try:
                keep_copy(self._environment, copy)
                copied.set_result(None)
            except BaseException as fault:
                copied.set_exception(fault)

        # In a thread, as this one hears no signal while LMDB works.
        Thread(target=keep, name="shortd-copy", daemon=True).start()
        try:
            while not copied.done():
                # Again and again: a signal that comes just before a wait does not end it.
                wait([copied], timeout=HEAR_SECONDS)
        except BaseException as fault:
            # A signal. What the other thread reads cannot be closed; nothing was changed.
            os._exit(0 if isinstance(fault, SystemExit) else 1)
        copied.result()
        log.info("schema_older", found=version, becomes=SCHEMA_VERSION, copy=str(copy))

    def _migrate(
        self,
        version: int,
        steps: Mapping[int, Callable[[WriteTxn], None]],
        progress: list[str],
        end: Callable[[WriteTxn], None] | None = None,
    ) -> None:
        with self._environment.begin(write=True) as raw:
            txn = WriteTxn(raw, self._databases)
            for step in range(version, SCHEMA_VERSION):
                progress.append(f"{progress[0]}: from schema {step}")
                steps[step](txn)
            if end is not None:
                end(txn)
            settle_uses(txn)
            settle_holdings(txn)
            META.put(txn, VERSION_KEY, SCHEMA_VERSION)


def _lock(directory: Path) -> int:
    """Takes the directory's lock, which the kernel gives back however the process ends."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fault = in_use(directory, descriptor)
        os.close(descriptor)
        raise fault from None
    with suppress(OSError):
        # For the message above alone. Always as long, so that a full disk takes it.
        os.pwrite(descriptor, f"{os.getpid():<{_PID_BYTES}}".encode(), 0)
    return descriptor


def _allocate_readers(file: Path) -> None:
    """Gives the table of readers its blocks. It is written to through memory, where a disk without
    room kills the process. Nobody has it open: the directory's lock is ours."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, (MAX_READERS + 2) * _SLOT_BYTES)
    except OSError:
        # Its first page has all that is used where nothing goes wrong.
        if not os.fstat(descriptor).st_blocks:
            raise
    finally:
        os.close(descriptor)


def _try(txn: WriteTxn) -> None:
    """Writes something, as one has to, to see whether there is room."""
    META.put(txn, _TRIED, (META.get(txn, _TRIED) or 0) + 1)


def _nothing(_txn: WriteTxn) -> None:
    """What the writer thread is asked to do, to see that it does something."""
