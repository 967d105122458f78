"""What plugins do once a day, by the server's clock.

That a job ran on a day is on disk before it begins, so that no restart repeats it; one that fails
waits for the next day. Several days are remembered: a clock that jumps and comes back repeats
nothing either, and keeps nothing from being done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time

from shortd import errors
from shortd.clock import SECOND
from shortd.models.plugins import PluginDays
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins, Running
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import PLUGIN_DAYS
from shortd.store.txn import WriteTxn

DAILY = "daily"
DAYS_KEPT = 64
DAILY_SECONDS = 3600.0
"""How long an `async def` job may take; a plain one that takes longer counts as one that hangs."""
LOOK_SECONDS = 15.0

LocalTime = Callable[[int], datetime]
"""A time in µs on the server's clock on the wall."""


def local_time(utime: int) -> datetime:
    """By the time zone of the machine, as it is then."""
    return datetime.fromtimestamp(utime / SECOND, UTC).astimezone()


class Jobs:
    """The daily jobs of all plugins. Belongs to the event loop."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        after: str,
        now: Callable[[], int],
        local: LocalTime = local_time,
    ) -> None:
        """`after` is a time of the day as HH:MM."""
        self._store = store
        self._after = time.fromisoformat(after)
        self._now = now
        self._local = local
        self._plain = plugins.plain(DAILY)
        self._awaited = plugins.awaited(DAILY)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Begins jobs when their time comes, until cancelled."""
        while self._plain or self._awaited:
            with suppress(errors.ShortdError):
                await self.begin_due()
            await asyncio.sleep(LOOK_SECONDS)

    async def begin_due(self) -> None:
        """Begins the jobs of today that were not begun yet."""
        now = self._now()
        local = self._local(now)
        if local.time() < self._after:
            return
        day = local.toordinal()
        for running, call in (*self._plain, *self._awaited):
            done = self._store.get(PLUGIN_DAYS, (running.name,))
            if done is not None and day in done.days:
                continue

            def begin(txn: WriteTxn, name: str = running.name) -> bool:
                before = PLUGIN_DAYS.get(txn, (name,)) or PluginDays()
                PLUGIN_DAYS.put(txn, (name,), PluginDays((*before.days, day)[-DAYS_KEPT:]))
                return day not in before.days

            if await self._store.write(begin, Reserve.ALL, is_quiet=True):
                self._begin(running, call, now)

    async def settle(self, seconds: float) -> bool:
        """Waits for the jobs that were begun; False if that takes longer."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        return not self._tasks

    def end(self) -> None:
        """Cancels those that can be."""
        for task in list(self._tasks):
            task.cancel()

    def _begin(self, running: Running, call: GuardedCall, now: int) -> None:
        task = asyncio.get_running_loop().create_task(self._do(running, call, now))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, running: Running, call: GuardedCall, now: int) -> None:
        if any(call is awaited for _, awaited in self._awaited):
            await call.awaited(running.worker, (now,), DAILY_SECONDS)
        else:
            done = asyncio.ensure_future(running.worker.run_plain(lambda: call(now)))
            if not (await asyncio.wait([done], timeout=DAILY_SECONDS))[0]:
                # The plugin's other plain hooks wait behind it.
                call.hangs(DAILY_SECONDS)
                await done
