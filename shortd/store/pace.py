"""Long reads on the event loop, in short stretches with rests between: redirects go first.

A transaction never lasts from one stretch to the next, so that what is seen may change while
one rests. Whoever deletes what was found must look again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import islice, takewhile
from types import TracebackType
from typing import Any, TypeVar

from shortd.store import Store
from shortd.store.table import Table
from shortd.store.txn import Txn

STRETCH_ROWS = 50
"""Rows looked at without a rest: below a millisecond for most, which is what a redirect waits."""
DUTY = 0.02
"""Share of the event loop's time that goes into such work."""

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")


GIVE_WAY_SECONDS = 0.0002
"""How long a thread waits where others are to go first."""


class GiveWay:
    """Lets redirects and calls go first: to be called again and again, on another thread.

    The interpreter has one lock. Whoever waits for it gets it after a while, but then this thread
    would have half of the time, and a server at half load not enough for redirects. Nor can those
    that wait for it, or for this core, be seen from here.
    """

    def __init__(self, stretch: float) -> None:
        self.stretch = stretch
        """Seconds of work between two waits."""
        self._end = 0.0

    def __call__(self) -> None:
        """Waits, if it is time to."""
        if time.perf_counter() >= self._end:
            time.sleep(GIVE_WAY_SECONDS)
            self._end = time.perf_counter() + self.stretch


class Pace:
    """`with pace:` around each stretch of work, `await pace.rest()` behind it."""

    def __init__(self) -> None:
        self._start = 0.0
        self._worked = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worked += time.perf_counter() - self._start

    async def rest(self) -> None:
        """Lets others go first, for as long as the work since the last rest asks for."""
        worked, self._worked = self._worked, 0.0
        await asyncio.sleep(worked * (1 / DUTY - 1))


async def matching_keys(
    store: Store,
    table: Table[K, V],
    matches: Callable[[Txn, K, V], bool],
    *,
    before: K | None = None,
    stretch: int = STRETCH_ROWS,
) -> AsyncIterator[list[K]]:
    """Looks through a table, in key order, up to before a key if one is given: the keys that match,
    stretch by stretch."""
    pace = Pace()
    after: K | None = None
    while True:
        with pace, store.read() as txn:
            scan = table.scan(txn, after=after)
            if before is not None:
                scan = takewhile(lambda row: row[0] < before, scan)
            rows = list(islice(scan, stretch))
            found = [key for key, row in rows if matches(txn, key, row)]
        if found:
            yield found
        if len(rows) < stretch:
            return
        after = rows[-1][0]
        await pace.rest()
