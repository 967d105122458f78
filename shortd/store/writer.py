"""The writer thread: the only place that opens write transactions.

Group commit: the thread takes whatever waits, runs each function in a child transaction of
one parent, and commits once. A function that fails undoes only itself; a commit that fails
(no space) fails every function of its batch, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import lmdb
import structlog

from shortd import errors
from shortd.store.txn import Change, WriteTxn

T = TypeVar("T")
BATCH_LIMIT = 256
"""Functions in one commit; bounds how long the first of them waits."""

log = structlog.get_logger(__name__)


class _Job:
    """A function that waits for its turn, and what became of it."""

    __slots__ = ("changes", "error", "function", "future", "result")

    def __init__(self, function: Callable[[WriteTxn], Any], future: asyncio.Future[Any]) -> None:
        self.function = function
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.changes: list[Change] = []

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs write functions one after the other, many to a commit."""

    def __init__(self, environment: lmdb.Environment, databases: dict[str, Any]) -> None:
        self._environment = environment
        self._databases = databases
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self.watchers: list[Callable[[Sequence[Change]], None]] = []
        """Called on the event loop with the changes that one function made to watched tables, after
        the commit and before any write of that commit returns."""
        self._thread = threading.Thread(target=self._run, name="shortd-writer", daemon=True)
        self._thread.start()

    async def write(self, function: Callable[[WriteTxn], T]) -> T:
        """Runs `function` in the next commit and returns its result once that is on disk.

        Raises what the function raised, or STORAGE_FULL when the map or the disk is full.
        BUSY once the writer is closed. A cancelled caller does not stop a function that was
        queued.
        """
        if self._closed:
            raise errors.BUSY()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(function, future))
        return await future

    def close(self) -> None:
        """Commits what waits and ends the thread."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
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

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._environment.begin(write=True) as parent:
                for job in batch:
                    self._run_in_child(job, parent)
        except Exception as fault:
            log.error("commit_failed", error=str(fault))
            for job in batch:
                job.error = job.error or _refusal(fault)
        loop = batch[0].future.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._resolve, batch)

    def _run_in_child(self, job: _Job, parent: lmdb.Transaction) -> None:
        try:
            with self._environment.begin(write=True, parent=parent) as child:
                txn = WriteTxn(child, self._databases)
                job.result = job.function(txn)
            job.changes = txn.changes
        except BaseException as fault:
            # Whatever it is, the thread goes on: everybody's writes depend on it.
            job.error = _refusal(fault) if isinstance(fault, Exception) else fault

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


def _refusal(fault: Exception) -> Exception:
    """LMDB reports a full disk and a full map in several ways; callers see one."""
    if isinstance(fault, lmdb.MapFullError | lmdb.DiskError | lmdb.TxnFullError):
        return errors.STORAGE_FULL()
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return errors.STORAGE_FULL()
    if isinstance(fault, lmdb.Error) and "No space left" in str(fault):
        return errors.STORAGE_FULL()
    return fault
