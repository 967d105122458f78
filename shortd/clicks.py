"""Counting clicks exactly once: live counts in front of the journal and its drain.

A click goes into the journal before its response leaves. The drain moves journalled clicks
into the tables together with the journal position, in one transaction. The live count of a
link is what is stored plus what is not drained yet; since recording and resolving happen on
one event loop without an await between them, click limits are exact.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, dropwhile

import msgspec
import structlog

from shortd import errors
from shortd.countries import CountryOf, place_of
from shortd.generations import Generation, PendingCounts
from shortd.history import merged_choices
from shortd.journal import Journal
from shortd.models import Click, Counts, Link, Position
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import COUNTS, POSITIONS, SIGHTINGS
from shortd.store.txn import Txn, WriteTxn
from shortd.tally import Tally

JOURNAL = ("journal",)
REPLAY_BYTES = 1 << 15
"""Journal bytes read at a time, and in a transaction of the drain after a crash."""
GENERATION_CLICKS = 256
"""Clicks kept together: the fewest in a transaction of the drain."""
LONG_TRANSACTION_CLICKS = 4096
"""The most. The more clicks in one, the less each costs, and the longer other writes wait for it
(10 ms, and 160), as do redirects on the same core for the commit (2 ms, and 20)."""
CATCH_UP_CLICKS = 4096
"""Clicks that a reader of the tables waits for."""
SEALED_GENERATIONS = 2000
"""Generations kept apart; what comes later joins the last of them."""
GIVE_WAY_SECONDS = 0.0002
"""How long the drain waits where redirects are to go first."""
STRETCH_SECONDS = 0.0004
LONG_STRETCH_SECONDS = 0.002
"""How long it works between two such waits, without a backlog and with a long one."""
EASY_DUTY = 0.05
BRISK_DUTY = 1.0
"""Share of its time that the drain works while clicks come in, without a backlog and with a long
one; when none come it is brisk."""
LONG_BACKLOG = 250_000
"""Clicks. A crash replays so many in a second."""

_NO_COUNTS = Counts()
_START = Position()

log = structlog.get_logger(__name__)


class LiveCounts(msgspec.Struct, frozen=True):
    """What a link's clicks come to at this moment."""

    count: int = 0
    count_qr: int = 0
    last_utime: int = 0
    """Time of the last visit in µs; 0 if there was none."""
    choices: dict[str, int] | None = None
    """Visits by choice of a plugin; None where there are none."""
    unique: int = 0
    """Visits that were no repeats within the link's unique window."""


class Clicks:
    """The click counter. All but the drain's transactions belongs to the event loop."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        settings: ClickSettings,
        country_of: CountryOf | None = None,
    ) -> None:
        self.journal = journal
        self._place_of = partial(place_of, country_of=country_of)
        self._store = store
        self._settings = settings
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Click).decode
        self._current = Generation()
        self._sealed: deque[Generation] = deque()
        self._sealed_clicks = 0
        self._lost = Generation()
        self.fault: str | None = None
        """Why the last drain failed; the clicks wait in the journal and in the live counts."""
        self._unsynced = asyncio.Event()
        self._undrained = asyncio.Event()
        self._draining = asyncio.Lock()
        self._seen_end = journal.end()
        self._are_coming = False
        self._stretch = STRETCH_SECONDS
        self._stretch_end = 0.0

    def record(self, click: Click) -> None:
        """Counts a click and puts it into the journal; `flush` before answering."""
        if self.journal.append(self._encode(click)):
            self._current.add(click)
        else:
            # A full journal loses the click, but a click limit must not.
            self._lost.add(click)
        self._unsynced.set()
        self._undrained.set()

    def flush(self) -> None:
        """Hands the recorded clicks to the operating system: from here kill -9 loses none."""
        if self.journal.flush() and self._current.clicks >= GENERATION_CLICKS:
            self._seal(self.journal.end())

    async def flushed(self) -> None:
        """`flush`, in one write with all else that this tick of the event loop records."""
        if self.journal.is_flushed():
            return
        end = self.journal.end()
        await asyncio.sleep(0)
        # Whoever comes first writes for all.
        if self.journal.end() is end:
            self.flush()

    def live(self, txn: Txn, link_id: int) -> LiveCounts:
        """The counts of a link, up to the click recorded last."""
        stored = COUNTS.get(txn, (link_id,)) or _NO_COUNTS
        count, count_qr, last_utime = stored.count, stored.count_qr, stored.last_utime
        choices, unique = stored.choices, stored.unique
        for pending in self._pending(txn, link_id):
            count += pending.count
            count_qr += pending.count_qr
            last_utime = max(last_utime, pending.last_utime)
            unique += pending.unique
            if pending.choices:
                choices = merged_choices(choices, pending.choices)
        return LiveCounts(count, count_qr, last_utime, choices, unique)

    def are_used_up(self, txn: Txn, link: Link) -> bool:
        """Whether a link has had all the clicks that it allows; without a limit it never has."""
        if not link.expiration_count:
            return False
        live = self.live(txn, link.id)
        counts_unique = link.extras is not None and link.extras.counts_unique
        return (live.unique if counts_unique else live.count) >= link.expiration_count

    def last_seen(self, txn: Txn, link_id: int, visitor: bytes) -> int | None:
        """When a visitor's last unique click on a link was, up to the click recorded last."""
        stored = SIGHTINGS.get(txn, (link_id, visitor))
        last = None if stored is None else stored.utime
        for pending in self._pending(txn, link_id):
            seen = pending.seen.get(visitor) if pending.seen else None
            if seen is not None and (last is None or seen > last):
                last = seen
        return last

    def _pending(self, txn: Txn, link_id: int) -> Iterator[PendingCounts]:
        """What of a link is not in the tables that `txn` reads."""
        # The oldest may be in the tables already, and we have not heard of it yet.
        drained = (POSITIONS.get(txn, JOURNAL) or _START) if self._sealed else _START
        waiting = dropwhile(lambda generation: generation.until <= drained, self._sealed)
        for generation in chain((self._current, self._lost), waiting):
            pending = generation.pending.get(link_id)
            if pending is not None:
                yield pending

    @property
    def backlog(self) -> int:
        """Clicks that are journalled and not drained."""
        return self._current.clicks + self._sealed_clicks

    async def run(self) -> None:
        """Keeps the journal synced and drains it, until cancelled."""
        await asyncio.gather(self._keep_synced(), self._keep_draining())

    async def _keep_synced(self) -> None:
        """Makes clicks survive power loss within `sync_ms`."""
        while True:
            await self._unsynced.wait()
            await asyncio.sleep(self._settings.sync_ms / 1000)
            self._unsynced.clear()
            # A failure shows in the journal's status, and in the next drain's.
            with suppress(errors.ShortdError):
                await self._store.write(lambda txn: self.journal.sync())

    async def _keep_draining(self) -> None:
        """Drains at a pace: redirects come first.

        A burst of them is drained when it is over, unless it lasts. Waiting costs no click,
        only time to replay after a crash.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._undrained.wait()
            start = loop.time()
            try:
                drained = await self._drain_oldest()
                self.fault = None
            except Exception as fault:
                # The clicks stay in the journal and in the live counts; the next round retries.
                self.fault = str(fault) or type(fault).__name__
                log.warning("drain_failed", error=self.fault)
                await asyncio.sleep(1)
                continue
            if not drained and not self.backlog:
                self._undrained.clear()
            gather = 0 if self._sealed else self._settings.sync_ms / 1000
            duty = _duty(self.backlog) if self._are_coming else BRISK_DUTY
            await asyncio.sleep(max(gather, (1 / duty - 1) * (loop.time() - start)))

    async def drain(self) -> None:
        """Moves everything journalled so far into the tables."""
        while await self._drain_oldest():
            pass

    async def catch_up(self) -> None:
        """Drains what waits at this moment, unless that is so much that a reader of the tables
        had better not wait for it. Raises what the drain's transaction raises.
        """
        if self.backlog > CATCH_UP_CLICKS:
            return
        if self._current.clicks and self.journal.flush():
            self._seal(self.journal.end())
        if self._sealed:
            last = self._sealed[-1]
            while last in self._sealed:
                await self._drain_oldest()

    async def replay(self) -> None:
        """Takes what a killed process left in the journal into the live counts. Once, first."""
        with self._store.read() as txn:
            position = POSITIONS.get(txn, JOURNAL) or _START
        until = self.journal.end()
        while position < until:
            payloads, position = self.journal.read(position, until, REPLAY_BYTES)
            for click in self._readable(payloads, position):
                self._current.add(click)
            if self._current.clicks:
                self._seal(position)
            await asyncio.sleep(0)
        if self._sealed:
            self._undrained.set()

    def _seal(self, until: Position) -> None:
        self._current.until = until
        self._sealed_clicks += self._current.clicks
        if len(self._sealed) < SEALED_GENERATIONS:
            self._sealed.append(self._current)
        else:
            # Nothing has been drained for long: memory is then bounded by links, not clicks.
            self._sealed[-1].merge(self._current)
        self._current = Generation()

    async def _drain_oldest(self) -> bool:
        """Drains the oldest clicks in one transaction; False if there were none."""
        async with self._draining:
            if not self._sealed and self._current.clicks and self.journal.flush():
                self._seal(self.journal.end())
            if not self._sealed:
                return False
            taken, clicks = 0, 0
            pressure = _pressure(self.backlog)
            most = pressure * LONG_TRANSACTION_CLICKS
            end = self.journal.end()
            self._are_coming, self._seen_end = end is not self._seen_end, end
            self._stretch = max(STRETCH_SECONDS, pressure * LONG_STRETCH_SECONDS)
            for generation in self._sealed:
                clicks += generation.clicks
                if taken and clicks > most:
                    break
                taken += 1
            until = self._sealed[taken - 1].until
            with self._store.read() as txn:
                committed = POSITIONS.get(txn, JOURNAL) or _START
            await self._store.write(lambda txn: self._write(txn, committed, until))
            for _ in range(taken):
                self._sealed_clicks -= self._sealed.popleft().clicks
            return True

    def _write(self, txn: WriteTxn, committed: Position, until: Position) -> None:
        """The drain's transaction: adds up what the journal holds, and moves its position."""
        # A position must not outlive the records it stands behind.
        self.journal.sync()
        # `committed` is on disk: nobody will read that part again. `position` may be further, by
        # a drain in this same commit, which can still fail: count from there, release no more.
        with suppress(OSError):
            self.journal.release(committed)
        position = POSITIONS.get(txn, JOURNAL) or _START
        tally = Tally(self._settings.visits_per_link, self._place_of)
        while position < until:
            payloads, position = self.journal.read(position, until, REPLAY_BYTES)
            for click in self._readable(payloads, position):
                self._give_way()
                tally.add(click)
        tally.write(txn, self._give_way)
        POSITIONS.put(txn, JOURNAL, position)

    def _give_way(self) -> None:
        """Lets redirects and calls go first.

        The interpreter has one lock. Whoever waits for it gets it after a while, but then the
        drain would have half of the time, and a server at half load not enough for redirects. Nor
        can those that wait for it, or for this core, be seen from here.
        """
        if time.perf_counter() >= self._stretch_end:
            time.sleep(GIVE_WAY_SECONDS)
            self._stretch_end = time.perf_counter() + self._stretch

    def _readable(self, payloads: Sequence[bytes], before: Position) -> Iterator[Click]:
        unreadable = 0
        for payload in payloads:
            try:
                yield self._decode(payload)
            except msgspec.DecodeError:
                unreadable += 1
        if unreadable:
            log.error("clicks_unreadable", count=unreadable, before=before)


def _duty(backlog: int) -> float:
    """What share of its time the drain works while clicks come in."""
    return EASY_DUTY + (BRISK_DUTY - EASY_DUTY) * _pressure(backlog)


def _pressure(backlog: int) -> float:
    """How much the drain has to hurry, from 0 to 1: little for what may be a burst."""
    return min(backlog / LONG_BACKLOG, 1.0) ** 2
