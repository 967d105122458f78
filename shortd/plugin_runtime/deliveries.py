"""Events on their way to `async def` observe hooks.

Each plugin has a queue of what its events are about: of one link, or one account, one event is
under way at a time, the oldest first; of different ones a few are. A hook that fails is told the
same again, later and later, while those behind wait. Nothing is forgotten before the hook has
returned, so after a crash it may hear of an event twice.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from shortd import errors
from shortd.clock import DAY, HOUR, SECOND
from shortd.models.plugins import PluginEvent
from shortd.plugin.types import Event
from shortd.plugin_runtime.facts import arguments, data_of, decode
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.outbox import Key, Outbox
from shortd.plugin_runtime.running import Running
from shortd.store import Store
from shortd.store.schema import PLUGIN_BACKLOGS, PLUGIN_EVENTS
from shortd.store.txn import Change

AT_ONCE = 8
"""Events of one plugin that are under way together."""
TIMEOUT_SECONDS = 30.0
FIRST_RETRY = 5 * SECOND
LONGEST_RETRY = HOUR
"""µs until a hook that failed is told again: the first time, and at most."""
GIVEN_UP = 3 * DAY
"""µs after which an event that is never taken is dropped."""
BEAT_SECONDS = 1.0
IDLE_SECONDS = 60.0
"""How often anything is looked for where no hook is `async def`."""
ORPHANS_AT_ONCE = 500

log = structlog.get_logger(__name__)


def retry_in(attempts: int) -> int:
    """µs until the next attempt after so many failed ones."""
    return min(FIRST_RETRY << min(attempts - 1, 20), LONGEST_RETRY)


class Deliveries:
    """Brings events to hooks. Belongs to the event loop."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        now: Callable[[], int],
        believed: Callable[[], int | None],
    ) -> None:
        """`believed` tells the time as far as things may end by it, None while it is doubted."""
        self._store = store
        self._outbox = outbox
        self._now = now
        self._believed = believed
        hooks: dict[str, dict[str, tuple[Running, GuardedCall]]] = {}
        for hook, told in outbox.hooks.items():
            for running, call in told:
                hooks.setdefault(running.name, {})[hook] = (running, call)
        self._queues = {name: _Queue(name, calls) for name, calls in hooks.items()}
        self.waiting: dict[str, int] = {}
        """Events that wait, by plugin."""
        self.dropped: dict[str, int] = {}
        """Events that no hook heard of, by plugin."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._load()
        store.watch(self._changed)

    async def run(self) -> None:
        """Brings events as they come, until cancelled."""
        while True:
            await self.drop_orphans()
            until = asyncio.get_running_loop().time() + HOUR / SECOND
            while asyncio.get_running_loop().time() < until:
                self._awake.clear()
                self._begin_due()
                with suppress(TimeoutError):
                    beat = BEAT_SECONDS if self._queues else IDLE_SECONDS
                    await asyncio.wait_for(self._awake.wait(), beat)

    async def settle(self, seconds: float) -> bool:
        """Brings all that is due; False if that takes longer."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self._begin_due()
        while self._tasks:
            left = until - loop.time()
            if left <= 0:
                return False
            await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            self._begin_due()
        return True

    async def end(self, seconds: float) -> None:
        """Lets what is under way end, begins nothing new, and gives up what takes longer: a hook
        hears of that again after the next start.
        """
        self._queues.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def hurry(self, plugin: str) -> None:
        """Has a plugin's hooks told now of what waits to be told again."""
        queue = self._queues.get(plugin)
        if queue is not None:
            queue.hurry()
            self._awake.set()

    async def drop_orphans(self) -> None:
        """Gives up what nobody asks for any more, and is old: events of plugins that are gone."""
        believed = self._believed()
        if believed is None:
            return
        with self._store.read() as txn:
            names = [name for (name,), _ in PLUGIN_BACKLOGS.scan(txn) if name not in self._queues]
        for name in names:
            after: Key | None = None
            while True:
                with self._store.read() as txn:
                    rows = []
                    for key, row in PLUGIN_EVENTS.scan(txn, (name,), after=after):
                        rows.append((key, row))
                        if len(rows) == ORPHANS_AT_ONCE:
                            break
                if not rows:
                    break
                after = rows[-1][0]
                old = [key for key, row in rows if believed - row.utime >= GIVEN_UP]
                if old:
                    with suppress(errors.ShortdError):
                        await self._outbox.drop(old)
                await asyncio.sleep(0)

    def _load(self) -> None:
        with self._store.read() as txn:
            for (name,), backlog in PLUGIN_BACKLOGS.scan(txn):
                self.waiting[name], self.dropped[name] = backlog.rows, backlog.dropped
            for name, queue in self._queues.items():
                for (_, subject, serial), row in PLUGIN_EVENTS.scan(txn, (name,)):
                    queue.add(subject, serial, row.next_utime)

    def _changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.table == PLUGIN_EVENTS.name and change.before is None:
                name, subject, serial = change.key
                queue = self._queues.get(name)
                if queue is not None:
                    queue.add(subject, serial, 0)
                    self._awake.set()
            elif change.table == PLUGIN_BACKLOGS.name:
                self._count(change)

    def _count(self, change: Change) -> None:
        (name,) = change.key
        after = change.after
        if after is None:
            self.waiting.pop(name, None)
            return
        self.waiting[name] = after.rows
        before = self.dropped.get(name, 0)
        if after.dropped > before:
            queue = self._queues.get(name)
            if queue is not None:
                queue.tell_dropped(after.dropped, after.rows)
        self.dropped[name] = after.dropped

    def _begin_due(self) -> None:
        for queue in self._queues.values():
            while queue.under_way < AT_ONCE and (due := queue.next_due(self._now())) is not None:
                queue.under_way += 1
                task = asyncio.get_running_loop().create_task(self._bring(queue, *due))
                self._tasks.add(task)
                task.add_done_callback(partial(self._ended, queue))

    def _ended(self, queue: _Queue, task: asyncio.Task[None]) -> None:
        queue.under_way -= 1
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("plugin_delivery_failed", plugin=queue.name, exc_info=fault)
        self._awake.set()

    async def _bring(self, queue: _Queue, subject: str, serial: int) -> None:
        """One attempt at the oldest event about something."""
        key = (queue.name, subject, serial)
        try:
            next_utime = await self._attempt(queue, key, self._store.get(PLUGIN_EVENTS, key))
        except errors.ShortdError:
            # A disk that takes nothing: it is told again.
            next_utime = self._now() + FIRST_RETRY
        except BaseException:
            queue.put_back(subject, serial, self._now() + FIRST_RETRY)
            raise
        if next_utime is not None:
            queue.put_back(subject, serial, next_utime)
            return
        with self._store.read() as txn:
            for (_, _, behind), row in PLUGIN_EVENTS.scan(txn, (queue.name, subject)):
                queue.put_back(subject, behind, row.next_utime)
                return
        queue.done(subject)

    async def _attempt(self, queue: _Queue, key: Key, row: PluginEvent | None) -> int | None:
        """When to try again; None for an event that is over."""
        if row is None:
            return None
        running, call = queue.calls.get(row.hook, (None, None))
        if running is None or call is None:
            await self._outbox.drop([key])
            return None
        attempts = row.attempts
        try:
            given = _given(running, row)
        # What is kept is of an older version, of the server's or of the plugin's.
        except Exception as fault:
            running.guard.cannot_read(fault)
            await self._outbox.drop([key])
            return None
        was_paused = bool(call.reason)
        if was_paused and not call.may_try():
            next_utime = max(call.next_try, self._now() + SECOND)
        elif await call.awaited(running.worker, given, TIMEOUT_SECONDS):
            await self._outbox.heard(key)
            if was_paused and not call.reason:
                # What waits has waited for this.
                queue.hurry()
            return None
        else:
            attempts += 1
            next_utime = self._now() + retry_in(attempts)
        if self._is_over(row):
            await self._outbox.drop([key])
            return None
        if attempts > row.attempts:
            await self._outbox.postpone(key, attempts, next_utime)
        return next_utime

    def _is_over(self, row: PluginEvent) -> bool:
        believed = self._believed()
        return believed is not None and believed - row.utime >= GIVEN_UP


class _Queue:
    """What waits for one plugin: of each thing that events are about, the oldest."""

    def __init__(self, name: str, calls: dict[str, tuple[Running, GuardedCall]]) -> None:
        self.name = name
        self.calls = calls
        """By hook."""
        self.under_way = 0
        self._subjects: set[str] = set()
        """Those that wait or are under way."""
        self._waiting: list[tuple[int, int, str]] = []
        """A heap of (not before, serial, subject)."""

    def add(self, subject: str, serial: int, not_before: int) -> None:
        """An event; where others about the same wait, it is found behind them."""
        if subject not in self._subjects:
            self._subjects.add(subject)
            self.put_back(subject, serial, not_before)

    def put_back(self, subject: str, serial: int, not_before: int) -> None:
        """The oldest event about something waits."""
        heapq.heappush(self._waiting, (not_before, serial, subject))

    def done(self, subject: str) -> None:
        """There is no event about this any more."""
        self._subjects.discard(subject)

    def next_due(self, now: int) -> tuple[str, int] | None:
        """Takes the subject and the serial of an event that is due."""
        # What lies further ahead than it can was written by a clock that was wrong.
        if not self._waiting or 0 < self._waiting[0][0] - now <= LONGEST_RETRY:
            return None
        _, serial, subject = heapq.heappop(self._waiting)
        return subject, serial

    def hurry(self) -> None:
        """All of it is due."""
        self._waiting = [(0, serial, subject) for _, serial, subject in self._waiting]
        heapq.heapify(self._waiting)

    def tell_dropped(self, dropped: int, waiting: int) -> None:
        """Logs that events are lost."""
        running, _ = next(iter(self.calls.values()))
        running.guard.tell("plugin_events_dropped", "events", dropped=dropped, waiting=waiting)


def _given(running: Running, row: PluginEvent) -> tuple[Any, ...]:
    """The arguments of a hook."""
    facts = decode(row.facts)
    event = Event(row.id, row.utime, row.attempts + 1)
    return (*arguments(row.hook, facts), *data_of(running, row.hook, facts.data), event)
