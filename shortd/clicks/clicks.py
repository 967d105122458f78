"""Counting clicks exactly once: live counts in front of the journal.

A click goes into the journal before its response leaves. The live count of a link is what is
stored plus what is not drained yet; since recording and resolving happen on one event loop without
an await between them, click limits are exact. `drain` moves what waits here into the tables.

The journal holds what visitors' browsers say. Where the drain cannot keep up, clicks keep their
count and lose all else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from threading import Lock

import msgspec
from msgspec import structs

from shortd.clicks.feed import CountFeed
from shortd.clicks.history import merged_choices
from shortd.clicks.waiting import Batch, Generation, Mark, PendingCounts, Waiting, is_within
from shortd.journal import Journal
from shortd.models.clicks import Click, Counts, Position
from shortd.models.links import Link
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import COUNTS, POSITIONS, SIGHTINGS
from shortd.store.txn import Txn

JOURNAL = ("journal",)
BESIDE = ("beside",)
GENERATION_CLICKS = 256
"""Clicks drained together: the fewest in a transaction of the drain."""
SEALED_GENERATIONS = 2000
"""Generations kept apart (some 200 bytes each); what comes later joins the last of them."""

_NO_COUNTS = Counts()
_START = Position()


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
    """The click counter. It belongs to the event loop."""

    def __init__(self, store: Store, journal: Journal, settings: ClickSettings) -> None:
        self.journal = journal
        self.feed = CountFeed()
        self._settings = settings
        self._encode = msgspec.msgpack.Encoder().encode
        self._waiting = Waiting()
        """What is not in the tables yet, or of which we have not heard that it is."""
        self._lost = Waiting()
        """What is in neither the journal nor the tables."""
        self._current = Generation()
        self.sealed: deque[Generation] = deque()
        """What waits to be drained, the oldest first. Who takes it says so by `drained`."""
        self._lock = Lock()
        self._batches: tuple[Batch, ...] = ()
        """What the writer thread has counted and is in `_waiting` still."""
        self._sealed_clicks = 0
        self._sealed_bytes = 0
        self._sealed_written = journal.written
        self._beside = (store.get(POSITIONS, BESIDE) or _START).offset
        """Serial of the last clicks that went past the journal."""
        self._is_long = False
        self.bare = 0
        """Clicks that have lost all but their count since the start."""
        self.counted = 0
        """Clicks that went into the tables since the start."""
        self.unsynced = asyncio.Event()
        """There are clicks that a loss of power would take."""
        self.undrained = asyncio.Event()
        """There are clicks to drain."""

    def record(self, click: Click) -> None:
        """Counts a click and puts it into the journal; `flush` before answering."""
        if self._is_long:
            click = bare(click)
            self.bare += 1
        if self.journal.append(self._encode(click)):
            self._waiting.add(click)
            self._current.clicks += 1
        else:
            # A full journal loses the click, but a click limit must not.
            self._lost.add(click)
        self.unsynced.set()
        self.undrained.set()

    def flush(self) -> None:
        """Hands the recorded clicks to the operating system: from here kill -9 loses none."""
        if self.journal.flush() and self._current.clicks >= GENERATION_CLICKS:
            self.seal(self.journal.end())

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
        for pending in (self._not_in(txn, link_id), self._lost.of(link_id)):
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
        counts_unique = link.rare is not None and link.rare.counts_unique
        return (live.unique if counts_unique else live.count) >= link.expiration_count

    def last_seen(self, txn: Txn, link_id: int, visitor: bytes) -> int | None:
        """When a visitor's last unique click on a link was, up to the click recorded last."""
        stored = SIGHTINGS.get(txn, (link_id, visitor))
        times = (
            None if stored is None else stored.utime,
            self._waiting.last_seen(visitor),
            self._lost.last_seen(visitor),
        )
        return max((time for time in times if time is not None), default=None)

    def _not_in(self, txn: Txn, link_id: int) -> PendingCounts:
        """What of a link's clicks waits and is not in the tables that `txn` reads."""
        counts = self._waiting.of(link_id)
        # Some may be in the tables already, and we have not heard of it yet.
        if self._batches:
            counted = counted_in(txn)
            for batch in self._batches:
                if is_within(batch.until, counted):
                    counts.remove(batch.counts.of(link_id))
        return counts

    @property
    def backlog(self) -> int:
        """Clicks that are journalled and not drained."""
        return self._current.clicks + self._sealed_clicks

    @property
    def backlog_bytes(self) -> int:
        """What they take of the journal."""
        return self._sealed_bytes + self.journal.written - self._sealed_written

    def seal_all(self) -> None:
        """Has what was recorded so far wait to be drained, if the journal has taken it."""
        if self._current.clicks and self.journal.flush():
            self.seal(self.journal.end())

    def seal_oldest(self) -> bool:
        """Whether anything waits to be drained. If nothing did, what was recorded last does now:
        where a full disk keeps it from the journal, beside that.
        """
        if not self.sealed and self._current.clicks:
            if not self.journal.flush():
                # The database has room in reserve where the journal has none.
                self._beside += 1
                self._current.beside = [(self._beside, self.journal.take())]
            self.seal(self.journal.end())
        return bool(self.sealed)

    def replayed(self, clicks: Iterable[Click], size: int, until: Position) -> None:
        """Takes in what a killed process has left in the journal: so many bytes, up to `until`."""
        for click in clicks:
            self._waiting.add(click)
            self._current.clicks += 1
        if self._current.clicks:
            self._sealed_written -= size
            self.seal(until)

    def seal(self, until: Position) -> None:
        """Has the clicks up to a position of the journal wait to be drained."""
        written = self.journal.written
        self._current.until = until
        self._sealed_clicks += self._current.clicks
        self._sealed_bytes += written - self._sealed_written
        self._sealed_written = written
        self._see_length()
        if len(self.sealed) < SEALED_GENERATIONS:
            self.sealed.append(self._current)
        else:
            self.sealed[-1].merge(self._current)
        self._current = Generation()

    def counting(self, since: Mark, batch: Batch) -> None:
        """For the writer thread, in the transaction that counts a batch: it begins where the tables
        have all, as that sees them, so that all batches from behind that have failed."""
        with self._lock:
            made = [one for one in self._batches if is_within(one.until, since)]
            self._batches = (*made, batch)

    def drained(self, counted: Mark) -> None:
        """All up to a mark is in the tables."""
        with self._lock:
            batches = self._batches
            self._batches = tuple(one for one in batches if not is_within(one.until, counted))
        done = [one for one in batches if is_within(one.until, counted)]
        for batch in done:
            self._waiting.remove(batch.counts)
            self._sealed_clicks -= batch.clicks
            self._sealed_bytes -= batch.bytes
            self.counted += batch.clicks
            self.feed.counted(batch.counts.links)
        while self.sealed and self.sealed[0].is_within(counted):
            self.sealed.popleft()
        if not self.sealed:
            # What a damaged journal has lost waits no more.
            self._sealed_clicks = self._sealed_bytes = 0
            if not self._current.clicks:
                self._waiting = Waiting()
        self._see_length()

    def _see_length(self) -> None:
        self._is_long = self._sealed_bytes > self._settings.journal_bytes


def counted_in(txn: Txn) -> Mark:
    """How far clicks are in the tables that `txn` reads."""
    beside = POSITIONS.get(txn, BESIDE) or _START
    return POSITIONS.get(txn, JOURNAL) or _START, beside.offset


def bare(click: Click) -> Click:
    """A click without what is known of its visitor."""
    return structs.replace(click, address="", user_agent="", referrer="", language="")
