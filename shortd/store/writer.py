"""The writer thread: the only place that opens write transactions.

Group commit: the thread takes whatever waits, runs each function in a child transaction of
one parent, and commits once. A function that fails undoes only itself; a commit that fails
(no space) fails every function of its batch, and nothing of it is kept. Those that may use the
reserve are then tried once more, each by itself.

Functions in a row that may be run twice share a child, whose pages are copied once for all of them
and whose end is settled once: where one of them fails, each is run again in a child of its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import lmdb
import structlog

from shortd import errors
from shortd.store.room import Reserve, Room
from shortd.store.schema import settle_holdings
from shortd.store.shortage import NoRoom, Shortage, shortage_in
from shortd.store.strings import settle_uses
from shortd.store.txn import Change, KnownStrings, WriteTxn

T = TypeVar("T")
BATCH_LIMIT = 256
"""Functions in one commit; bounds how long the first of them waits."""
READERS_SECONDS = 10.0
"""How often readers that were killed are looked for."""

Follower = Callable[[WriteTxn, Sequence[Sequence[Change]], bool], None]
"""What hears of a transaction, of the changes of each of its functions, and whether there is room
for what nobody asked for."""

log = structlog.get_logger(__name__)


class _Job:
    """A function that waits for its turn, and what became of it."""

    __slots__ = (
        "changes",
        "error",
        "function",
        "future",
        "is_owed",
        "is_quiet",
        "is_repeatable",
        "reserve",
        "result",
        "shortage",
    )

    def __init__(
        self,
        function: Callable[[WriteTxn], Any],
        reserve: Reserve,
        future: asyncio.Future[Any],
        *,
        is_owed: bool = False,
        is_quiet: bool = False,
        is_repeatable: bool = False,
    ) -> None:
        self.function = function
        self.reserve = reserve
        self.future = future
        self.is_owed = is_owed
        """It is kept until there is room for it."""
        self.is_quiet = is_quiet
        """That there was room for it does not mean that there is for what callers ask."""
        self.is_repeatable = is_repeatable and reserve is Reserve.NONE
        """It may share a transaction with its like."""
        self.begin()

    def begin(self) -> None:
        """Forgets an earlier try."""
        self.result: Any = None
        self.error: BaseException | None = None
        self.shortage: str | None = None
        """What there was no room in, if that is why it failed."""
        self.changes: list[Change] = []

    def fail(self, fault: BaseException) -> None:
        """Notes that it was undone. LMDB tells of a full disk and a full map in several ways;
        callers see one."""
        self.shortage = shortage_in(fault)
        self.error = fault if self.shortage is None else errors.STORAGE_FULL()
        self.changes = []

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs write functions one after the other, many to a commit."""

    def __init__(
        self, environment: lmdb.Environment, databases: dict[str, Any], room: Room | None = None
    ) -> None:
        """Without `room` nothing but the map and the disk themselves ends what may be written."""
        self._environment = environment
        self._databases = databases
        self._room = room
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._owed: list[_Job] = []
        self._strings = KnownStrings()
        self._closed = False
        self.shortage = Shortage("database")
        self.watchers: list[Callable[[Sequence[Change]], None]] = []
        """Called on the event loop with the changes that one function made to watched tables, after
        the commit and before any write of that commit returns."""
        self.guards: list[Callable[[WriteTxn], None]] = []
        """Asked on the thread at the end of each function that changed holdings: what they raise
        undoes it."""
        self.followers: list[Follower] = []
        """Called on the thread behind functions that changed watched tables, in their
        transaction."""
        self._thread = threading.Thread(target=self._run, name="shortd-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Functions that wait for their turn."""
        return self._jobs.qsize()

    async def write(
        self,
        function: Callable[[WriteTxn], T],
        reserve: Reserve = Reserve.NONE,
        *,
        is_quiet: bool = False,
        is_repeatable: bool = False,
    ) -> T:
        """Runs `function` in the next commit and returns its result once that is on disk.

        Raises what the function raised, or STORAGE_FULL when the map or the disk is full, but for
        what of the reserve it may use; such a function may be run twice. BUSY once the writer is
        closed. A cancelled caller does not stop a function that was queued.

        `is_quiet`: nobody asked for it, so that it ends no shortage unless there is ample room.
        `is_repeatable`: it changes nothing but rows, and may be run twice, which makes it cheaper
        where many such wait.
        """
        if self._closed:
            raise errors.BUSY()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(function, reserve, future, is_quiet=is_quiet, is_repeatable=is_repeatable)
        self._jobs.put(job)
        return await future

    async def write_or_owe(self, function: Callable[[WriteTxn], None]) -> None:
        """Runs a function; where there is no room for it, it runs as soon as there is, and
        nothing that adds rows does before it.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        job = _Job(function, Reserve.ALL, future, is_owed=True)
        self._jobs.put(job)
        try:
            await future
        except errors.ShortdError:
            if job.shortage is None:
                raise

    def attempt(self, function: Callable[[WriteTxn], None]) -> None:
        """Runs a function in the next commit; nobody is told how it ends."""
        if not self._closed:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._jobs.put(_Job(function, Reserve.NONE, future, is_quiet=True))

    def close(self) -> None:
        """Commits what waits and ends the thread."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        checked = time.monotonic()
        while (job := self._jobs.get()) is not None:
            batch = [job]
            stopping = False
            try:
                while len(batch) < BATCH_LIMIT:
                    more = self._jobs.get_nowait()
                    if more is None:
                        stopping = True
                        break
                    batch.append(more)
            except Empty:
                pass
            self._commit(batch)
            if stopping:
                return
            if time.monotonic() >= checked + READERS_SECONDS:
                checked = time.monotonic()
                # A backup that was killed would have the database grow for good.
                self._environment.reader_check()

    def _commit(self, batch: list[_Job]) -> None:
        for job in self._owed:
            job.begin()
        jobs = [*self._owed, *batch]
        self._run_together(jobs)
        for job in jobs:
            # What the reserve is for may have been ended by others in the same commit.
            if job.shortage is not None and job.reserve is not Reserve.NONE:
                job.begin()
                self._run_together([job])
        self._owed = [job for job in jobs if job.is_owed and job.shortage is not None]
        loop = batch[0].future.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._resolve, jobs)

    def _run_together(self, jobs: list[_Job]) -> None:
        """One commit."""
        has_written = True
        try:
            if self._room is not None:
                self._room.prepare()
            with self._environment.begin(write=True) as parent:
                if self._room is not None:
                    self._room.begin(parent)
                self._run_all(jobs, parent)
            if self._room is not None:
                has_written = self._room.has_written()
        except Exception as fault:
            if shortage_in(fault) is None:
                log.error("commit_failed", error=str(fault))
            self._strings.forget_numbers()
            for job in jobs:
                if job.error is None:
                    job.fail(fault)
        refused = [job.shortage for job in jobs if job.shortage is not None]
        for reason in refused:
            self.shortage.refuse(reason)
        if has_written and not refused and self.shortage.fault is not None:
            # What changed nothing, or may use the reserve, tells nothing of room.
            grown = [job for job in jobs if job.error is None and job.reserve is Reserve.NONE]
            is_ample = self._room is None or self._room.is_ample
            if any(is_ample or not job.is_quiet for job in grown):
                self.shortage.end()

    def _run_all(self, jobs: list[_Job], parent: lmdb.Transaction) -> None:
        """Runs functions in their order, as few transactions as may be."""
        owed: str | None = None
        is_measured = self._room is not None and self._room.measures
        for is_repeatable, row in groupby(jobs, lambda job: job.is_repeatable):
            alike = list(row)
            if is_repeatable and len(alike) > 1 and owed is None and not is_measured:
                if self._run_in_child(alike, parent) is None:
                    continue
                for job in alike:
                    job.begin()
            for job in alike:
                if owed is not None and job.reserve is Reserve.NONE:
                    job.fail(NoRoom(owed))
                    continue
                fault = self._run_in_child([job], parent)
                if fault is not None:
                    job.fail(fault)
                owed = owed or (job.shortage if job.is_owed else None)

    def _run_in_child(self, jobs: list[_Job], parent: lmdb.Transaction) -> BaseException | None:
        """Runs functions with one reserve in a transaction: what had all of them undone, if
        anything did."""
        reserve = jobs[0].reserve
        try:
            with self._environment.begin(write=True, parent=parent) as child:
                txn = WriteTxn(child, self._databases, self._strings)
                ends = [0]
                for job in jobs:
                    job.result = job.function(txn)
                    ends.append(len(txn.changes))
                changes = [txn.changes[start:end] for start, end in pairwise(ends)]
                if txn.changes and self.followers:
                    is_roomy = reserve is Reserve.NONE or self._room is None or self._room.is_ample
                    for follow in self.followers:
                        follow(txn, changes, is_roomy)
                if txn.uses:
                    settle_uses(txn)
                if txn.kept:
                    settle_holdings(txn)
                for guard in self.guards if txn.held else ():
                    guard(txn)
                if self._room is not None:
                    self._room.check(child, reserve)
        except BaseException as fault:
            # Whatever it is, the thread goes on: everybody's writes depend on it.
            self._strings.forget_numbers()
            return fault
        for job, made in zip(jobs, changes, strict=True):
            job.changes = made
        # Followers and guards have changed something as well.
        jobs[-1].changes += txn.changes[ends[-1] :]
        return None

    def _resolve(self, batch: list[_Job]) -> None:
        # In one callback of the event loop, so that nobody reads what a write has changed
        # from a cache once the write is acknowledged.
        for job in batch:
            for watcher in self.watchers if job.changes and job.error is None else ():
                try:
                    watcher(job.changes)
                except Exception:
                    # The write is on disk, and whoever asked for it waits.
                    log.exception("watcher_failed")
        for job in batch:
            job.resolve()
