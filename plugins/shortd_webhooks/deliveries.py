"""Deliveries: what a receiver is still to get, and what came of the last ones.

A row is kept under the receiver and the id of the event, so that an event that is told again, after
a crash, is the same delivery. What waits is in memory, too, but for its body: of each receiver in
lines, one for each link (or account) that it is about, the oldest first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum

from msgspec import Struct

from shortd.plugin import BadRow, Store, StoreFull

MOST_WAITING = 10_000
MOST_BYTES = 16 << 20
"""What may wait for one receiver."""
ROW_BYTES = 300
"""Of a row beside its body."""
KEPT = 100
"""Deliveries of one receiver that are over and still shown."""
PAGE = 1000


class State(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(Struct, frozen=True):
    """A row. Times are in µs."""

    serial: int
    """What is about the same is delivered in this order."""
    kind: str
    subject: str
    """What it is about."""
    body: bytes
    utime: int
    """When it was made, or sent again by hand."""
    state: State = State.WAITING
    attempts: int = 0
    next_utime: int = 0
    """Not before then it is tried again."""
    tried: int = 0
    """When it was tried last."""
    milliseconds: int = 0
    status: int = 0
    """Of the answer; 0 if there was none."""
    said: str = ""
    """How the answer began, or why there was none."""


class Waiting(Struct):
    """One that waits, as memory has it."""

    event: str
    serial: int
    size: int
    attempts: int = 0
    next_utime: int = 0
    is_urgent: bool = False
    """Somebody waits for it: however it goes with the receiver, it is tried now."""


class Lines:
    """What waits for one receiver."""

    def __init__(self) -> None:
        self.of: dict[str, deque[Waiting]] = {}
        """By what they are about; those that were looked at longest ago come first."""
        self.busy: set[str] = set()
        """What those are about that are under way."""
        self.known: set[str] = set()
        """Events of all rows."""
        self.over: deque[str] = deque()
        """Events of those that are not waiting any more, the oldest first."""
        self.count = 0
        self.size = 0

    def add(self, subject: str, one: Waiting, *, first: bool = False) -> None:
        line = self.of.setdefault(subject, deque())
        line.appendleft(one) if first else line.append(one)
        self.count += 1
        self.size += one.size

    def reserve(self, one: Waiting, times: int) -> None:
        """Makes room for one that is being written, or gives it back."""
        self.count += times
        self.size += times * one.size

    def done(self, subject: str, one: Waiting) -> None:
        line = self.of.get(subject)
        if line is None or one not in line:
            return
        line.remove(one)
        self.count -= 1
        self.size -= one.size
        if not line:
            del self.of[subject]

    def heads(self) -> Iterator[tuple[str, Waiting]]:
        """The first of each line that is not under way."""
        for subject, line in self.of.items():
            if subject not in self.busy:
                yield subject, line[0]


class Deliveries:
    """The rows of all receivers. Safe from any thread."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self.lock = threading.RLock()
        """Around whatever looks at lines, or changes them."""
        self._table = store.table("deliveries", Delivery)
        self._now = now
        self._last = 0
        self.lines: dict[str, Lines] = {}
        """By receiver."""
        self._load()

    def get(self, receiver: str, event: str) -> Delivery | None:
        """The row; None where there is none that can be read."""
        try:
            return self._table.get(f"{receiver}/{event}")
        except BadRow:
            return None

    def latest(self, receiver: str, most: int) -> list[tuple[str, Delivery]]:
        """Those that are over and, of those that wait, the first; the newest first."""
        with self.lock:
            lines = self.lines.get(receiver)
            if lines is None:
                return []
            waiting = sorted((one.serial, one.event) for line in lines.of.values() for one in line)[
                :most
            ]
            events = [*lines.over, *(event for _, event in waiting)]
        found = [(event, self.get(receiver, event)) for event in events]
        rows = [(event, row) for event, row in found if row is not None]
        return sorted(rows, key=lambda one: -one[1].serial)

    def waiting(self, receiver: str) -> int:
        with self.lock:
            lines = self.lines.get(receiver)
            return 0 if lines is None else lines.count

    async def add(
        self, receiver: str, event: str, kind: str, subject: str, body: bytes, urgent: bool = False
    ) -> bool:
        """Has an event delivered, unless it is already. False if there is no room."""
        with self.lock:
            lines = self.lines.setdefault(receiver, Lines())
            if event in lines.known:
                return True
            size = len(body) + ROW_BYTES
            if lines.count >= MOST_WAITING or lines.size + size > MOST_BYTES:
                return False
            self._last = max(self._last + 1, self._now())
            one = Waiting(event, self._last, size, is_urgent=urgent)
            lines.reserve(one, 1)
        try:
            row = Delivery(one.serial, kind, subject, body, self._now())
            # Who is cancelled on the way is told of the same event again, or a restart finds it.
            while not await self._put(f"{receiver}/{event}", row):
                if not await self._make_room(receiver):
                    return False
        finally:
            with self.lock:
                lines.reserve(one, -1)
        with self.lock:
            if event not in lines.known:
                lines.known.add(event)
                lines.add(subject, one)
        return True

    async def _put(self, key: str, row: Delivery) -> bool:
        """Whether there was room for it."""
        try:
            await self._table.put(key, row)
        except StoreFull:
            return False
        return True

    async def _make_room(self, receiver: str) -> bool:
        """Removes half of what is only there to be looked at, of this receiver's or of who has most
        of it; whether there was any.
        """
        with self.lock:
            most = max(self.lines.items(), key=lambda one: len(one[1].over), default=None)
            lines = self.lines.get(receiver)
            if lines is None or not lines.over:
                if most is None or not most[1].over:
                    return False
                receiver, lines = most
            gone = [lines.over.popleft() for _ in range((len(lines.over) + 1) // 2)]
        for event in gone:
            await self._table.delete(f"{receiver}/{event}")
            with self.lock:
                lines.known.discard(event)
        return True

    async def again(self, receiver: str, event: str) -> bool:
        """Has a delivery that is over made once more, or one that waits tried now."""
        row = self.get(receiver, event)
        if row is None:
            return False
        with self.lock:
            lines = self.lines.setdefault(receiver, Lines())
            for one in lines.of.get(row.subject, ()):
                if one.event == event:
                    one.is_urgent, one.next_utime = True, 0
                    return True
        await self._table.put(
            f"{receiver}/{event}",
            Delivery(row.serial, row.kind, row.subject, row.body, self._now()),
        )
        with self.lock:
            if event in lines.over:
                lines.over.remove(event)
                size = len(row.body) + ROW_BYTES
                one = Waiting(event, row.serial, size, is_urgent=True)
                lines.add(row.subject, one, first=row.subject not in lines.busy)
        return True

    async def tried(self, receiver: str, one: Waiting, row: Delivery) -> None:
        """Writes what came of an attempt."""
        key = f"{receiver}/{one.event}"
        try:
            await self._table.put(key, row)
        except StoreFull:
            # What was delivered must not be once more: rather it is not shown.
            if row.state is not State.WAITING:
                await self._table.delete(key)
        surplus = None
        with self.lock:
            lines = self.lines.get(receiver)
            one.attempts, one.next_utime, one.is_urgent = row.attempts, row.next_utime, False
            if lines is None:
                # The receiver was removed meanwhile.
                surplus = one.event
            elif row.state is not State.WAITING:
                lines.done(row.subject, one)
                lines.over.append(one.event)
                if len(lines.over) > KEPT:
                    surplus = lines.over.popleft()
        if surplus is not None:
            await self._table.delete(f"{receiver}/{surplus}")
            with self.lock:
                if lines is not None:
                    lines.known.discard(surplus)

    def lost(self, receiver: str, subject: str, one: Waiting) -> None:
        """There is no row of it (any more)."""
        with self.lock:
            lines = self.lines.get(receiver)
            if lines is not None:
                lines.done(subject, one)
                lines.known.discard(one.event)

    async def forget(self, receiver: str) -> None:
        """Removes all rows of a receiver that is gone."""
        with self.lock:
            self.lines.pop(receiver, None)
        while rows := self._table.items(prefix=f"{receiver}/", limit=PAGE):
            for key, _ in rows:
                await self._table.delete(key)

    async def forget_strangers(self, is_known: Callable[[str], bool]) -> None:
        """Removes the rows of all receivers that are gone."""
        with self.lock:
            gone = [receiver for receiver in self.lines if not is_known(receiver)]
        for receiver in gone:
            await self.forget(receiver)

    def _load(self) -> None:
        found: dict[str, list[tuple[str, str, Waiting, bool]]] = {}
        after = ""
        while page := self._table.items(after=after, limit=PAGE):
            for key, row in page:
                receiver, _, event = key.partition("/")
                size = len(row.body) + ROW_BYTES
                one = Waiting(event, row.serial, size, row.attempts, row.next_utime)
                is_waiting = row.state is State.WAITING
                found.setdefault(receiver, []).append((event, row.subject, one, is_waiting))
            after = page[-1][0]
        for receiver, rows in found.items():
            lines = self.lines[receiver] = Lines()
            for event, subject, one, is_waiting in sorted(rows, key=lambda row: row[2].serial):
                self._last = max(self._last, one.serial)
                lines.known.add(event)
                if is_waiting:
                    lines.add(subject, one)
                else:
                    lines.over.append(event)
