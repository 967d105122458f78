"""Events on their way to plain observe hooks: in memory, and at most once.

Each plugin is told in a thread of its own, one event after the other. Events wait a moment, so that
responses leave first, and then in a queue with bounds; what does not fit is dropped and counted,
and so is what happens while a hook is paused. All but the thread's part belongs to the event
loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns as _timer
from typing import Any, NamedTuple

from shortd.plugin.types import Event
from shortd.plugin_runtime.facts import Happening, arguments, data_of, raw_data
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.outbox import CLICK_SHARE, CLICKED
from shortd.plugin_runtime.running import Running
from shortd.plugin_runtime.workers import failure

MOST_EVENTS = 10_000
MOST_BYTES = 16 << 20
"""What may wait for one plugin; bytes are those of texts, and some for what holds them."""
EVENT_BYTES = 1000
HAND_OVER_SECONDS = 0.01
"""Events are collected for so long before the thread gets them."""


class _Told(NamedTuple):
    """A call to be made."""

    call: GuardedCall
    given: tuple[Any, ...]
    raw: bytes | None
    utime: int
    size: int


class Listener:
    """One plugin's queue."""

    def __init__(self, running: Running, new_id: Callable[[], str]) -> None:
        self.running = running
        self.dropped = 0
        """Events that it never heard of."""
        self._new_id = new_id
        self._queue: deque[_Told] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._is_handed_over = True
        self._is_used = False
        self._current: tuple[GuardedCall, int] | None = None

    @property
    def waiting(self) -> int:
        """Events that it has not heard of yet."""
        return len(self._queue)

    def tell(self, call: GuardedCall, happening: Happening, utime: int) -> None:
        """Has a hook told of something."""
        raw, given = raw_data(self.running, happening), arguments(happening.hook, happening.facts)
        size = EVENT_BYTES + _text_size(happening) + len(raw or b"")
        # Strangers make clicks: they are not to keep anything else from being heard of.
        share = CLICK_SHARE if call.hook == CLICKED else 1
        if len(self._queue) >= MOST_EVENTS * share or self._bytes + size > MOST_BYTES * share:
            self.drop(call.hook)
            return
        with self._lock:
            self._bytes += size
        self._queue.append(_Told(call, given, raw, utime, size))
        if self._is_handed_over:
            self._is_handed_over = False
            asyncio.get_running_loop().call_later(HAND_OVER_SECONDS, self.hand_over)

    def hand_over(self) -> None:
        """Has the thread look at what waits."""
        self._is_handed_over = self._is_used = True
        self.running.worker.call(self._work)

    def drop(self, hook: str) -> None:
        """Counts an event that is lost, and says so once a minute."""
        self.dropped += 1
        self.running.guard.tell(
            "plugin_events_dropped", hook, dropped=self.dropped, waiting=self.waiting
        )

    def look(self) -> None:
        """Sees whether the hook that is called now returns."""
        current = self._current
        if current is not None:
            call, start = current
            took = _timer() - start
            # What waits behind it waits on, as far as there is room.
            if took > call.limit and self._current is current:
                call.hangs(took / 1e9)

    async def settle(self, seconds: float) -> bool:
        """Waits until all events so far were heard of; False if that takes longer."""
        if not self._is_used and not self._queue:
            return True
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            if not heard.done():
                heard.set_result(None)

        self.hand_over()
        self.running.worker.call(lambda: _tell_loop(loop, tell))
        done, _ = await asyncio.wait([heard], timeout=seconds)
        self.look()
        return bool(done)

    def _work(self) -> None:
        """On the thread."""
        while self._queue:
            told = self._queue.popleft()
            with self._lock:
                self._bytes -= told.size
            call = told.call
            calls = call.calls
            self._current = (call, _timer())
            try:
                data = data_of(self.running, call.hook, told.raw)
            except Exception as fault:
                self.running.guard.cannot_read(fault)
                self._current = None
                continue
            event = Event(self._new_id(), told.utime)
            try:
                call(*told.given, *data, event)
            # What is to end a process would end the thread alone.
            except BaseException as fault:
                call.fail(failure(fault))
            self._current = None
            if call.calls == calls:
                self.drop(call.hook)


def _tell_loop(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)


def _text_size(happening: Happening) -> int:
    """What an event takes that depends on what people write."""
    facts, size = happening.facts, 0
    of_file = None if facts.file is None else facts.file.link
    for link in (facts.link, facts.before, of_file):
        if link is not None:
            size += len(link.url) + len(link.short_url) + len(link.note) + len(link.title)
    if facts.visit is not None:
        visit = facts.visit
        size += len(visit.user_agent) + len(visit.referrer) + len(visit.accept_language)
        size += len(visit.query)
    return size
