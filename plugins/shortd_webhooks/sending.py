"""Works off what waits, receiver by receiver: one that is down, or slow, holds up no other.

To a receiver that answers goes what is about different links at once, a few at a time; of one link
one after the other. One that fails is left alone for 5 s, then 10, 20 and so on up to an hour, and
tried with one event until it takes one. Slow and failing ones have places of their own, so that
many of them leave those of the others free.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

from msgspec import structs

from shortd.plugin import Http, HttpAnswer, HttpFault, Server, StoreFull
from shortd_webhooks.bodies import CONTENT_TYPE
from shortd_webhooks.data import FAILING, GONE, Receiver
from shortd_webhooks.deliveries import Deliveries, State, Waiting
from shortd_webhooks.receivers import OPERATOR, Receivers
from shortd_webhooks.signing import DAY, Keys

SECOND = 1_000_000
FIRST_RETRY = 5 * SECOND
LONGEST_RETRY = 3600 * SECOND
GIVEN_UP = 3 * DAY
"""µs after which a delivery is given up, and a receiver that takes nothing is switched off."""
TIMEOUT_SECONDS = 15.0
SLOW_SECONDS = 1.0
"""Who takes so long is a slow one."""
PLACES = 8
"""Deliveries under way at once to receivers that are quick, and as many to others."""
AT_ONCE = 4
"""To one receiver that is quick."""
SHOWN_BYTES = 300
"""How much of an answer is kept."""
BEAT_SECONDS = 1.0
LAST_SECONDS = 1.5
"""How long deliveries under way may take when the server stops."""


class Sender:
    """Belongs to the plugin's own event loop, but for `wake` and `expect`."""

    def __init__(
        self,
        server: Server,
        http: Http,
        keys: Keys,
        receivers: Receivers,
        deliveries: Deliveries,
        allow: Collection[str],
    ) -> None:
        self._server = server
        self._http = http
        self._keys = keys
        self._receivers = receivers
        self._deliveries = deliveries
        self._allow = allow
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = asyncio.Event()
        self._is_begun = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, int] = {}
        """By receiver."""
        self._slow: set[str] = set()
        """Receivers that took their time."""
        self._expected: dict[tuple[str, str], list[Future[None]]] = {}

    def wake(self) -> None:
        """There may be something to do. In any thread."""
        with self._deliveries.lock:
            is_begun, self._is_begun = self._is_begun, True
        if not is_begun:
            self._server.begin(self.run())
        elif self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._awake.set)

    def expect(self, receiver: str, event: str) -> Future[None]:
        """What is done once a delivery has been tried. In any thread, before it is asked for."""
        tried: Future[None] = Future()
        with self._deliveries.lock:
            self._expected.setdefault((receiver, event), []).append(tried)
        return tried

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, nor due."""
        now = self._server.now()
        with self._deliveries.lock:
            return not self._under_way and not any(
                self._next(receiver, now) for receiver in self._deliveries.lines
            )

    async def run(self) -> None:
        """Delivers, until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._awake.clear()
                self._begin_due()
                with self._deliveries.lock:
                    is_waiting = any(one.count for one in self._deliveries.lines.values())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), BEAT_SECONDS if is_waiting else None)
        finally:
            if self._tasks:
                # What was taken is to be written down.
                await asyncio.wait(self._tasks, timeout=LAST_SECONDS)
            for task in list(self._tasks):
                task.cancel()

    def _begin_due(self) -> None:
        now = self._server.now()
        with self._deliveries.lock:
            # Those that were served last come last.
            for receiver in list(self._deliveries.lines):
                while self._has_place(receiver) and (found := self._next(receiver, now)):
                    self._begin(receiver, *found)

    def _has_place(self, receiver: str) -> bool:
        is_slow = self._is_slow(receiver)
        if self._under_way.get(receiver, 0) >= (1 if is_slow else AT_ONCE):
            return False
        taken = sum(
            count for one, count in self._under_way.items() if self._is_slow(one) is is_slow
        )
        return taken < PLACES

    def _is_slow(self, id: str) -> bool:
        receiver = self._receivers.get(id)
        return id in self._slow or receiver is None or receiver.failures > 0

    def _next(self, id: str, now: int) -> tuple[str, Waiting] | None:
        """What is to be delivered to a receiver now, with what it is about."""
        receiver, lines = self._receivers.get(id), self._deliveries.lines[id]
        if receiver is None:
            return None
        is_open = not receiver.off and _is_due(_tried_again(receiver), now)
        due = None
        for subject, one in lines.heads():
            if one.is_urgent:
                return subject, one
            if is_open and _is_due(one.next_utime, now):
                if not receiver.failures:
                    return subject, one
                # What has been tried least: one event that it never takes must not be all it gets.
                if due is None or (one.attempts, one.serial) < (due[1].attempts, due[1].serial):
                    due = subject, one
        return due

    def _begin(self, receiver: str, subject: str, one: Waiting) -> None:
        lines = self._deliveries.lines
        lines[receiver].busy.add(subject)
        lines[receiver].of[subject] = lines[receiver].of.pop(subject)
        lines[receiver] = lines.pop(receiver)
        self._under_way[receiver] = self._under_way.get(receiver, 0) + 1
        task = asyncio.ensure_future(self._deliver(receiver, subject, one))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, receiver, subject, one))

    def _ended(self, receiver: str, subject: str, one: Waiting, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        with self._deliveries.lock:
            lines = self._deliveries.lines.get(receiver)
            if lines is not None:
                lines.busy.discard(subject)
            self._under_way[receiver] -= 1
            if not self._under_way[receiver]:
                del self._under_way[receiver]
            if fault is not None:
                one.is_urgent, one.next_utime = False, self._server.now() + FIRST_RETRY
            for tried in self._expected.pop((receiver, one.event), ()):
                tried.set_result(None)
        self._awake.set()
        if fault is not None:
            # Counted and logged as the plugin's, which goes on.
            self._server.begin(_raise(fault))

    async def _deliver(self, id: str, subject: str, one: Waiting) -> None:
        receiver, row = self._receivers.get(id), self._deliveries.get(id, one.event)
        if receiver is None or row is None:
            self._deliveries.lost(id, subject, one)
            return
        began = self._server.now()
        answer, fault, took = await self._ask(receiver, one.event, row.body)
        now = self._server.now()
        self._slow.discard(id)
        if took > SLOW_SECONDS:
            self._slow.add(id)
        said = fault if fault or answer is None else _beginning(answer)
        attempts, state = row.attempts + 1, State.WAITING
        if answer is not None and answer.is_success:
            state = State.DELIVERED
        elif now - row.utime >= GIVEN_UP:
            state = State.GIVEN_UP
        tried = structs.replace(
            row,
            state=state,
            attempts=attempts,
            next_utime=now + _retry_in(attempts) if state is State.WAITING else 0,
            tried=now,
            milliseconds=round(took * 1000),
            status=0 if answer is None else answer.status,
            said=said,
        )
        await self._deliveries.tried(id, one, tried)
        with suppress(StoreFull):
            await self._note(id, answer, began, is_success=state is State.DELIVERED)

    async def _ask(
        self, receiver: Receiver, event: str, body: bytes
    ) -> tuple[HttpAnswer | None, str, float]:
        """The answer, or why there is none, and how long that took, in seconds."""
        signed = self._keys.headers(receiver, event, body, self._server.now())
        start, answer, fault = time.perf_counter(), None, ""
        try:
            answer = await self._http.post(
                receiver.url,
                headers={"content-type": CONTENT_TYPE, **signed},
                content=body,
                timeout=TIMEOUT_SECONDS,
                allow=self._allow if receiver.owner == OPERATOR else (),
            )
        except HttpFault as failure:
            fault = str(failure)[:SHOWN_BYTES]
            # Whatever became of its body, this is what the receiver says of the event.
            answer = HttpAnswer(failure.status, {}, b"") if failure.status else None
        except ValueError as failure:
            fault = str(failure)[:SHOWN_BYTES]
        return answer, fault, time.perf_counter() - start

    async def _note(
        self, id: str, answer: HttpAnswer | None, began: int, *, is_success: bool
    ) -> None:
        """How it goes with a receiver, by an attempt that began then."""
        receiver = self._receivers.get(id)
        if is_success:
            if receiver is not None and receiver.failures:
                await self._receivers.change(id, _went_well)
            return
        now = self._server.now()
        failed = partial(
            _went_wrong,
            began=began,
            now=now,
            asked=0 if answer is None else _asked_for(answer.headers.get("retry-after", ""), now),
            is_gone=answer is not None and answer.status == 410,
        )
        await self._receivers.change(id, failed)


def _went_well(receiver: Receiver) -> Receiver:
    return structs.replace(receiver, failures=0, failing_since=0, failed=0, retry_after=0)


def _went_wrong(receiver: Receiver, began: int, now: int, asked: int, is_gone: bool) -> Receiver:
    since = receiver.failing_since or now
    off = receiver.off
    if not off and is_gone:
        off = GONE
    elif not off and now - since >= GIVEN_UP:
        off = FAILING
    return structs.replace(
        receiver,
        # Those that were under way together failed once.
        failures=receiver.failures + (not receiver.failures or began > receiver.failed),
        failing_since=since,
        failed=now,
        retry_after=asked,
        off=off,
    )


def _asked_for(retry_after: str, now: int) -> int:
    """How many seconds a receiver asks for, up to an hour: by their number, or by a date."""
    text = retry_after.strip()
    if text.isdecimal():
        return min(int(text[:6]), LONGEST_RETRY // SECOND)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    seconds = math.ceil(until.timestamp() - now / SECOND)
    return min(max(seconds, 0), LONGEST_RETRY // SECOND)


def _retry_in(attempts: int) -> int:
    """µs until the next attempt after so many failed ones."""
    return min(FIRST_RETRY << min(attempts - 1, 20), LONGEST_RETRY)


def _tried_again(receiver: Receiver) -> int:
    """When a receiver that has failed may be tried again."""
    if not receiver.failures:
        return 0
    return receiver.failed + max(_retry_in(receiver.failures), receiver.retry_after * SECOND)


def _is_due(utime: int, now: int) -> bool:
    # What lies further ahead than it can was written by a clock that was wrong.
    return not 0 < utime - now <= LONGEST_RETRY


def _beginning(answer: HttpAnswer) -> str:
    text = answer.content[:SHOWN_BYTES].decode(errors="replace")
    return "".join(one if one.isprintable() else " " for one in text).strip()


async def _raise(fault: BaseException) -> None:
    raise fault
