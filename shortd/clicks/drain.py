"""The drain: moves journalled clicks into the tables, together with the journal's position, in one
transaction, and deletes what is drained from the disk within seconds.

Redirects come first: it rests by the clock while clicks come in, and hurries as they pile up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import msgspec
import structlog

from shortd import errors
from shortd.clicks.clicks import BESIDE, JOURNAL, Clicks, bare, counted_in
from shortd.clicks.tally import Tally
from shortd.clicks.waiting import Batch, Mark, Waiting
from shortd.journal.frames import HEADER
from shortd.models.clicks import Click, Position
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.pace import GiveWay
from shortd.store.room import Reserve
from shortd.store.schema import POSITIONS
from shortd.store.txn import WriteTxn
from shortd.visitors.countries import CountryOf, place_of

REPLAY_BYTES = 1 << 15
"""Journal bytes read at a time, and in a transaction of the drain after a crash."""
LONG_TRANSACTION_CLICKS = 4096
"""The most clicks in one; the fewest are `GENERATION_CLICKS`. The more, the less each costs, and
the longer other writes wait (10 ms, and 160), as do redirects on the same core for the commit
(2 ms, and 20)."""
LONG_TRANSACTION_LINKS = 2048
"""The most links: each is on another page where there are many, and LMDB keeps the memory for as
many pages as its largest transaction has changed."""
CATCH_UP_CLICKS = 4096
"""Clicks that a reader of the tables waits for."""
STRETCH_SECONDS = 0.0004
LONG_STRETCH_SECONDS = 0.002
"""How long it works before it lets redirects go first, without a backlog and with a long one."""
EASY_DUTY = 0.05
BRISK_DUTY = 1.0
"""Share of its time that the drain works while clicks come in, without a backlog and with a long
one; when none come it is brisk."""
LONG_BACKLOG = 250_000
"""Clicks. A crash replays so many in a second."""
TIDY_SECONDS = 15.0
"""How often the journal is cut: what is drained is gone after two such rounds."""
SHORT_SECONDS = 10.0
"""How long the drain goes on as it could when room was short."""
_WAYS = ((Reserve.NONE, False), (Reserve.QUARTER, False), (Reserve.HALF, True))
"""What of the reserve it uses to drain, and whether it is lean then: in this order."""

_BY_DATA = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a fault in our reading of what visitors send would raise."""

_START = Position()

Told = Callable[[WriteTxn, Mapping[int, Sequence[Click]], bool, Callable[[], None]], None]
"""Is told of clicks by link, whether there is room for more than counting them, and what it has to
call again and again."""

log = structlog.get_logger(__name__)


class Drain:
    """Drains a click counter. All but its transactions belongs to the event loop."""

    def __init__(
        self,
        store: Store,
        clicks: Clicks,
        settings: ClickSettings,
        country_of: CountryOf | None = None,
    ) -> None:
        self._store = store
        self._clicks = clicks
        self._journal = clicks.journal
        self._settings = settings
        self._place_of = partial(place_of, country_of=country_of)
        self._decode = msgspec.msgpack.Decoder(Click).decode
        self._way = 0
        self._way_until = 0.0
        self.fault: str | None = None
        """Why the last one failed; the clicks wait in the journal and in the live counts."""
        self.told: Told | None = None
        """Hears of all clicks, in the transaction that counts them."""
        self._draining = asyncio.Lock()
        self._seen_written = self._journal.written
        self._are_coming = False
        self._give_way = GiveWay(STRETCH_SECONDS)

    async def run(self) -> None:
        """Keeps the journal synced and short and drains it, until cancelled."""
        await asyncio.gather(self._keep_synced(), self._keep_draining(), self._keep_short())

    async def _keep_synced(self) -> None:
        """Makes clicks survive power loss within `sync_ms`."""
        while True:
            await self._clicks.unsynced.wait()
            await asyncio.sleep(self._settings.sync_ms / 1000)
            self._clicks.unsynced.clear()
            # A failure shows in the journal's status, and in the next drain's.
            with suppress(errors.ShortdError):
                await self._store.write(lambda txn: self._journal.sync(), Reserve.ALL)

    async def _keep_draining(self) -> None:
        """Drains at a pace: redirects come first.

        A burst of them is drained when it is over, unless it lasts. Waiting costs no click,
        only time to replay after a crash.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._clicks.undrained.wait()
            start = loop.time()
            try:
                drained = await self._drain_oldest()
                self.fault = None
            except Exception as fault:
                # The clicks stay in the journal and in the live counts; the next round retries.
                reason = str(fault) or type(fault).__name__
                if reason != self.fault:
                    log.warning("drain_failed", error=reason)
                self.fault = reason
                await asyncio.sleep(1)
                continue
            if not drained and not self._clicks.backlog:
                self._clicks.undrained.clear()
            gather = 0 if self._clicks.sealed else self._settings.sync_ms / 1000
            duty = _duty(self._clicks.backlog) if self._are_coming else BRISK_DUTY
            await asyncio.sleep(max(gather, (1 / duty - 1) * (loop.time() - start)))

    async def _keep_short(self) -> None:
        """Deletes what is drained, also of the segment at hand."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            await self.tidy()

    async def tidy(self) -> None:
        """Deletes the segments that are drained, among them the one at hand, which is ended for
        that. If it is not, it goes the next time.
        """
        committed = self._committed()
        self._journal.retry()
        self._journal.rotate()
        if not self._journal.is_short:
            with suppress(errors.ShortdError):
                await self._store.write(lambda txn: self._release(committed), Reserve.ALL)

    async def settle(self) -> None:
        """The last drain, behind which nothing is left in the journal."""
        await self.all()
        await self.tidy()

    async def all(self) -> None:
        """Moves everything journalled so far into the tables."""
        while await self._drain_oldest():
            pass

    async def catch_up(self) -> None:
        """Drains what waits at this moment, unless that is so much that a reader of the tables
        had better not wait for it. Raises what the drain's transaction raises.
        """
        if self._clicks.backlog > CATCH_UP_CLICKS:
            return
        self._clicks.seal_all()
        if self._clicks.sealed:
            last = self._clicks.sealed[-1]
            while last in self._clicks.sealed:
                await self._drain_oldest()

    async def replay(self) -> None:
        """Takes what a killed process left in the journal into the live counts. Once, first."""
        position = self._committed()
        self._release(position)
        until = self._journal.end()
        while position < until:
            payloads, position = self._journal.read(position, until, REPLAY_BYTES)
            size = _size(payloads)
            self._clicks.replayed(self._readable(payloads, position), size, position)
            await asyncio.sleep(0)
        sealed = self._clicks.sealed
        if not sealed and not self._journal.is_short:
            # Nothing to count, but something to get behind, so that it can be deleted.
            self._clicks.seal(until)
        if sealed:
            sealed[-1].until = until
            self._clicks.undrained.set()

    def _committed(self) -> Position:
        """How far the journal is drained."""
        return self._store.get(POSITIONS, JOURNAL) or _START

    def _release(self, committed: Position) -> None:
        # What cannot be deleted now is tried again.
        with suppress(OSError):
            self._journal.release(committed)

    async def _drain_oldest(self) -> bool:
        """Drains the oldest clicks in one transaction; False if there were none."""
        async with self._draining:
            if not self._clicks.seal_oldest():
                return False
            sealed = self._clicks.sealed
            taken, clicks = 0, 0
            pressure = _pressure(self._clicks.backlog)
            most = pressure * LONG_TRANSACTION_CLICKS
            written = self._journal.written
            self._are_coming, self._seen_written = written != self._seen_written, written
            self._give_way.stretch = max(STRETCH_SECONDS, pressure * LONG_STRETCH_SECONDS)
            for generation in sealed:
                clicks += generation.clicks
                if taken and clicks > most:
                    break
                taken += 1
            beside = [one for n in range(taken) for one in sealed[n].beside]
            self._clicks.drained(await self._write_until(sealed[taken - 1].until, beside))
            return True

    async def _write_until(
        self, until: Position, beside: Sequence[tuple[int, list[bytes]]]
    ) -> Mark:
        """Drains up to a position, or less if that is much: how far. Where there is no room for
        visits, clicks are counted still."""
        write = partial(self._write, committed=self._committed(), until=until, beside=beside)
        now = asyncio.get_running_loop().time()
        for way in range(self._way if now < self._way_until else 0, len(_WAYS)):
            reserve, is_lean = _WAYS[way]
            try:
                counted = await self._store.write(
                    partial(write, is_lean=is_lean), reserve, is_quiet=True
                )
            except errors.ShortdError as refusal:
                if refusal.kind is not errors.STORAGE_FULL or way == len(_WAYS) - 1:
                    raise
            except _BY_DATA:
                # No click may hold up all that come behind it: for ever, as it stays the same.
                log.exception("clicks_made_bare", until=until)
                return await self._store.write(
                    partial(write, is_lean=is_lean, is_bare=True), reserve, is_quiet=True
                )
            else:
                if now >= self._way_until:
                    self._way, self._way_until = way, now + SHORT_SECONDS
                return counted
        raise AssertionError("the last way raises")

    def _write(
        self,
        txn: WriteTxn,
        committed: Position,
        until: Position,
        beside: Sequence[tuple[int, list[bytes]]],
        *,
        is_lean: bool = False,
        is_bare: bool = False,
    ) -> Mark:
        """The drain's transaction: adds up what the journal holds, and what it could not take, and
        moves its position: to where. `is_bare`: nothing is kept of who visited.
        """
        # A position must not outlive the records it stands behind.
        self._journal.sync()
        # `committed` is on disk: nobody will read that part again. `position` may be further, by
        # a drain in this same commit, which can still fail: count from there, release no more.
        self._release(committed)
        since = position, counted = counted_in(txn)
        gone = Waiting(most_choices=2 * LONG_TRANSACTION_CLICKS)
        size = 0
        tally = Tally(
            self._settings.visits_per_link,
            self._place_of,
            self._settings.sightings_per_link,
            is_lean=is_lean,
        )
        while (
            position < until
            and tally.clicks < LONG_TRANSACTION_CLICKS
            and len(tally.links) < LONG_TRANSACTION_LINKS
        ):
            payloads, position = self._journal.read(position, until, REPLAY_BYTES)
            size += _size(payloads)
            for click in self._readable(payloads, position):
                self._give_way()
                tally.add(bare(click) if is_bare else click)
                gone.add(click)
        if position < until:
            # They follow what is left of the journal.
            beside = ()
        for serial, payloads in beside:
            if serial > counted:
                counted = serial
                for click in self._readable(payloads, position):
                    tally.add(bare(click) if is_bare else click)
                    gone.add(click)
        tally.write(txn, self._give_way)
        if self.told is not None:
            self.told(txn, tally.links, not is_lean, self._give_way)
        POSITIONS.put(txn, JOURNAL, position)
        if beside:
            POSITIONS.put(txn, BESIDE, Position(0, counted))
        mark = position, counted
        self._clicks.counting(since, Batch(mark, gone, tally.clicks, size))
        return mark

    def _readable(self, payloads: Sequence[bytes], before: Position) -> Iterator[Click]:
        unreadable = 0
        for payload in payloads:
            try:
                yield self._decode(payload)
            except msgspec.DecodeError:
                unreadable += 1
        if unreadable:
            log.error("clicks_unreadable", count=unreadable, before=before)


def _size(payloads: Sequence[bytes]) -> int:
    """What payloads take of the journal, in bytes."""
    return sum(map(len, payloads)) + len(payloads) * HEADER.size


def _duty(backlog: int) -> float:
    """What share of its time the drain works while clicks come in."""
    return EASY_DUTY + (BRISK_DUTY - EASY_DUTY) * _pressure(backlog)


def _pressure(backlog: int) -> float:
    """How much the drain has to hurry, from 0 to 1: little for what may be a burst."""
    return min(backlog / LONG_BACKLOG, 1.0) ** 2
