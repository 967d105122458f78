"""Clicks between the journal and the tables: what they come to, link by link.

A generation is what one transaction of the drain takes. It stays in memory until that is committed,
so that live counts, and visitors who come again, are known at any moment.
"""

from __future__ import annotations

import msgspec

from shortd.clicks.history import add_choice, merged_choices
from shortd.models.clicks import QR_LOAD, QR_VISIT, Click, Position

SIGHTINGS_KEPT = 250_000
"""Visitors that a generation remembers (some 200 bytes each). Further ones count again until they
are drained, which on a disk that works is at once."""


class PendingCounts(msgspec.Struct, gc=False):
    """Clicks of a link that are not drained yet. There may be very many of these, and the
    garbage collector is not to walk over them in the middle of a redirect."""

    count: int = 0
    count_qr: int = 0
    last_utime: int = 0
    choices: dict[str, int] | None = None
    unique: int = 0
    seen: dict[bytes, int] | None = None
    """Times of visitors' unique clicks, where the link has a window for them, and of clicks that
    paid for a file."""


Pending = dict[int, PendingCounts]
"""By link id."""


class Generation:
    """Clicks that one transaction will drain, and what they come to."""

    __slots__ = ("beside", "bytes", "clicks", "pending", "sightings", "until")

    def __init__(self) -> None:
        self.pending: Pending = {}
        self.clicks = 0
        self.bytes = 0
        """What it takes of the journal, once it is sealed."""
        self.sightings = 0
        self.beside: list[tuple[int, list[bytes]]] = []
        """Clicks that the journal could not take, encoded, each batch with a serial of its own: a
        transaction may have counted one before we hear of it."""
        self.until = Position()
        """End of its last record in the journal, once it is sealed."""

    def add(self, click: Click) -> None:
        """Takes in a click."""
        self.clicks += 1
        counts = self.pending.get(click.link_id)
        if counts is None:
            counts = self.pending[click.link_id] = PendingCounts()
        if click.kind != QR_LOAD:
            counts.count += 1
            counts.last_utime = click.utime
            if not click.is_repeat:
                counts.unique += 1
                if click.sighting is not None:
                    self._remember(counts, {click.sighting.visitor: click.utime})
            if click.holder is not None:
                self._remember(counts, {click.holder.visitor: click.utime})
        if click.kind == QR_VISIT or click.kind == QR_LOAD:
            counts.count_qr += 1
        if click.choice:
            counts.choices = add_choice(counts.choices, click.choice)

    def merge(self, later: Generation) -> None:
        """Takes in the clicks that follow its own."""
        self.clicks += later.clicks
        self.bytes += later.bytes
        self.beside += later.beside
        self.until = later.until
        for link_id, more in later.pending.items():
            counts = self.pending.setdefault(link_id, PendingCounts())
            counts.count += more.count
            counts.count_qr += more.count_qr
            counts.last_utime = max(counts.last_utime, more.last_utime)
            if more.choices:
                counts.choices = merged_choices(counts.choices, more.choices)
            counts.unique += more.unique
            if more.seen:
                self._remember(counts, more.seen)

    def _remember(self, counts: PendingCounts, visitors: dict[bytes, int]) -> None:
        if self.sightings >= SIGHTINGS_KEPT:
            return
        self.sightings += len(visitors)
        if counts.seen is None:
            counts.seen = {}
        counts.seen.update(visitors)
