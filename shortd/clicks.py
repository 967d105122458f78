"""Counting clicks exactly once: live counts in front of the journal and its drain.

A click goes into the journal before its response leaves. The drain moves journalled clicks
into the tables together with the journal position, in one transaction. The live count of a
link is what is stored plus what is not drained yet; since recording and resolving happen on
one event loop without an await between them, click limits are exact.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import structlog

from shortd.journal import Journal
from shortd.models import QR_LOAD, QR_VISIT, Click, Counts, Position
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import COUNTS, POSITIONS
from shortd.store.table import Txn, WriteTxn
from shortd.tally import Tally

JOURNAL = ("journal",)
REPLAY_BYTES = 4 << 20
"""Journal bytes read at a time."""

_NO_COUNTS = Counts()
_START = Position()

log = structlog.get_logger(__name__)

Pending = dict[int, list[int]]
"""Clicks not drained yet: link id -> [count, count_qr, time of the last visit in µs]."""


class LiveCounts(msgspec.Struct, frozen=True):
    """What a link's clicks come to at this moment."""

    count: int = 0
    count_qr: int = 0
    last_utime: int = 0
    """Time of the last visit in µs; 0 if there was none."""


class Clicks:
    """The click counter. `record` and the counts belong to the event loop."""

    def __init__(self, store: Store, journal: Journal, settings: ClickSettings) -> None:
        self.journal = journal
        self._store = store
        self._settings = settings
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Click).decode
        self._current: Pending = {}
        self._lost: Pending = {}
        self._draining: Pending = {}
        self._draining_until = _START
        self._wake = asyncio.Event()

    def record(self, click: Click) -> None:
        """Counts a click and puts it into the journal; `flush` before answering."""
        # A full journal loses the click, but a click limit must not: it stays in the live count.
        generation = self._current if self.journal.append(self._encode(click)) else self._lost
        pending = generation.get(click.link_id)
        if pending is None:
            pending = generation[click.link_id] = [0, 0, 0]
        if click.kind != QR_LOAD:
            pending[0] += 1
            pending[2] = click.utime
        if click.kind == QR_VISIT or click.kind == QR_LOAD:
            pending[1] += 1
        self._wake.set()

    def flush(self) -> None:
        """Hands the recorded clicks to the operating system: from here kill -9 loses none."""
        self.journal.flush()

    def live(self, txn: Txn, link_id: int) -> LiveCounts:
        """The counts of a link, up to the click recorded last."""
        stored = COUNTS.get(txn, (link_id,)) or _NO_COUNTS
        count, count_qr, last_utime = stored.count, stored.count_qr, stored.last_utime
        generations = [self._current, self._lost]
        if self._draining and (POSITIONS.get(txn, JOURNAL) or _START) < self._draining_until:
            generations.append(self._draining)
        for generation in generations:
            pending = generation.get(link_id)
            if pending is not None:
                count += pending[0]
                count_qr += pending[1]
                last_utime = max(last_utime, pending[2])
        return LiveCounts(count, count_qr, last_utime)

    async def run(self) -> None:
        """Drains whenever there is something to drain, at most every `sync_ms`."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._settings.sync_ms / 1000)
            try:
                await self.drain()
            except Exception as fault:
                # The clicks stay in the journal and in the live counts; the next round retries.
                log.warning("drain_failed", error=str(fault))
                await asyncio.sleep(1)

    async def drain(self) -> None:
        """Moves everything journalled so far into the tables."""
        self._wake.clear()
        if not self.journal.flush():
            self._wake.set()
            return
        if not self._current:
            return
        self._draining, self._current = self._current, {}
        self._draining_until = self.journal.end()
        try:
            await self._drain_until(self._draining_until, chunk_bytes=None)
        except BaseException:
            self._current = _merge(self._draining, self._current)
            self._wake.set()
            raise
        finally:
            self._draining = {}

    async def replay(self) -> None:
        """Counts what a killed process left in the journal. Before serving, once."""
        await self._drain_until(self.journal.end(), chunk_bytes=REPLAY_BYTES)

    async def _drain_until(self, until: Position, chunk_bytes: int | None) -> None:
        """One transaction, or one for each chunk where nobody reads live counts yet."""

        def drain(txn: WriteTxn) -> Position:
            # A position must not outlive the records it stands behind.
            self.journal.sync()
            position = POSITIONS.get(txn, JOURNAL) or _START
            # This far an earlier transaction has come: nobody will read that part again.
            with suppress(OSError):
                self.journal.release(position)
            tally = Tally(self._settings.visits_per_link)
            while position < until:
                payloads, position = self.journal.read(position, until, REPLAY_BYTES)
                unreadable = 0
                for payload in payloads:
                    try:
                        tally.add(self._decode(payload))
                    except msgspec.DecodeError:
                        unreadable += 1
                if unreadable:
                    log.error("clicks_unreadable", count=unreadable, before=position)
                if chunk_bytes is not None:
                    break
            tally.write(txn)
            POSITIONS.put(txn, JOURNAL, position)
            return position

        position = await self._store.write(drain)
        while position < until:
            position = await self._store.write(drain)


def _merge(older: Pending, newer: Pending) -> Pending:
    for link_id, (count, count_qr, last_utime) in newer.items():
        pending = older.setdefault(link_id, [0, 0, 0])
        pending[0] += count
        pending[1] += count_qr
        pending[2] = max(pending[2], last_utime)
    return older
