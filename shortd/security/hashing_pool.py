"""Threads for slow hashes: few of them, behind a short queue in which nobody keeps others out.

Whoever finds no place in it is refused at once. This module must never block the event loop.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock, get_native_id
from typing import Any, NamedTuple, TypeVar

from shortd import errors
from shortd.security.fair_queue import FairQueue, Full, Turn

NICENESS = 19
"""Of the threads: 35 ms without a pause are half a dozen time slices that redirects would wait for
where they share a core. What redirects need of that core they get, but for a seventieth.
SCHED_IDLE would leave less, and a thread without privileges cannot come back from it."""
RETRY_AFTER = 1.0
"""Seconds after which a full queue of one purpose has mostly been worked off."""

T = TypeVar("T")


class HashingPool:
    """Runs work on `threads`; `waiting` jobs of each purpose may queue for them, whose turns and
    places are shared out as `fair_queue` has it. A future that is cancelled gives its place up at
    once, or, if it is being worked on, when that is done.
    """

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        self._lock = Lock()
        self._idle = threads
        self._closed = False
        self._queue: FairQueue[_Job] = FairQueue(waiting)
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=_step_back
        )

    def submit(self, work: Callable[[], T], turn: Turn) -> Future[T]:
        """Has work done at its turn. BUSY, here or in the future, for who finds no place or loses
        it."""
        job = _Job(Future(), work)
        lost = None
        with self._lock:
            if self._closed:
                raise RuntimeError("nothing is hashed any more")
            if self._idle:
                # A thread is free: nothing waits.
                self._idle -= 1
                self._executor.submit(self._run, job)
            else:
                lost = self._enqueue(turn, job)
        if lost is not None and lost.future.set_running_or_notify_cancel():
            lost.future.set_exception(errors.BUSY(retry_after=RETRY_AFTER))
        job.future.add_done_callback(partial(self._forget, turn, job))
        return job.future

    def close(self) -> None:
        """Works off what is queued (some seconds at most), then ends the threads."""
        with self._lock:
            self._closed = True
        self._executor.shutdown()

    def _enqueue(self, turn: Turn, job: _Job) -> _Job | None:
        try:
            return self._queue.put(turn, job)
        except Full:
            raise errors.BUSY(retry_after=RETRY_AFTER) from None

    def _run(self, job: _Job) -> None:
        """On a thread of its own: this job, then whatever is next."""
        next_job: _Job | None = job
        while next_job is not None:
            future, work = next_job
            outcome = _Outcome(work) if future.set_running_or_notify_cancel() else None
            # First the place, then the answer, upon which somebody may want a place.
            with self._lock:
                next_job = self._queue.take()
                if next_job is None:
                    self._idle += 1
            if outcome is not None:
                outcome.tell(future)

    def _forget(self, turn: Turn, job: _Job, future: Future[Any]) -> None:
        if future.cancelled():
            with self._lock:
                self._queue.remove(turn, job)


class _Outcome:
    """What became of some work, to be told later."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._result: Any = None
        self._fault: BaseException | None = None
        try:
            self._result = work()
        except BaseException as fault:
            self._fault = fault

    def tell(self, future: Future[Any]) -> None:
        if self._fault is None:
            future.set_result(self._result)
        else:
            future.set_exception(self._fault)


class _Job(NamedTuple):
    future: Future[Any]
    work: Callable[[], Any]


def _step_back() -> None:
    """Lets every other thread go before this one. Linux has priorities of single threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICENESS)
