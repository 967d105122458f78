"""Clicks between the journal and the tables: what they come to, link by link.

Live counts, and visitors who come again, are known at any moment. What a click leaves here is
bounded by links, not clicks: a link of plain clicks has a number in a dictionary, some 130 bytes.
What else the drain needs of a click it reads from the journal.
"""

from __future__ import annotations

from collections.abc import Set

import msgspec

from shortd.clicks.history import CHOICES_PER_LINK, add_choice
from shortd.models.clicks import QR_LOAD, QR_VISIT, Click, Position

SIGHTINGS_KEPT = 250_000
"""Visitors that are remembered (some 150 bytes each). Further ones count again until they are
drained, which on a disk that works is at once."""

_BITS = 53
"""Of a time in µs, until the year 2255: with some clicks a number of 32 bytes in memory."""
_ONE = 1 << _BITS
_TIME = _ONE - 1

Mark = tuple[Position, int]
"""How far clicks have been counted: a position of the journal, and the serial of the last that it
could not take."""


def is_within(mark: Mark, counted: Mark) -> bool:
    """Whether all up to a mark has been counted."""
    return mark[0] <= counted[0] and mark[1] <= counted[1]


class PendingCounts(msgspec.Struct, gc=False):
    """Clicks of a link that are not drained yet."""

    count: int = 0
    count_qr: int = 0
    last_utime: int = 0
    choices: dict[str, int] | None = None
    """By choice, with those that have none left: which ones go under "other" does not change."""
    unique: int = 0

    def add(self, click: Click, most_choices: int) -> None:
        """Takes in a click."""
        if click.kind != QR_LOAD:
            self.count += 1
            self.last_utime = max(self.last_utime, click.utime)
            self.unique += not click.is_repeat
        if click.kind == QR_VISIT or click.kind == QR_LOAD:
            self.count_qr += 1
        if click.choice:
            self.choices = add_choice(self.choices, click.choice, most=most_choices)

    def remove(self, other: PendingCounts) -> None:
        """Takes off what is in it; the time of the last visit stays."""
        self.count -= other.count
        self.count_qr -= other.count_qr
        self.unique -= other.unique
        for choice, clicks in (other.choices or {}).items():
            self.choices = add_choice(self.choices, choice, -clicks)


class Waiting:
    """What clicks that wait come to."""

    __slots__ = ("_most_choices", "_plain", "_rare", "_seen")

    def __init__(self, most_choices: int = CHOICES_PER_LINK) -> None:
        self._most_choices = most_choices
        self._plain: dict[int, int] = {}
        """By link id, where all were usual visits: how many, and in the low bits the time of the
        last. The garbage collector is not to walk over very many in the middle of a redirect."""
        self._rare: dict[int, PendingCounts] = {}
        """The other links."""
        self._seen: dict[bytes, int] = {}
        """Times of visitors' unique clicks, where a link has a window for them, and of clicks that
        paid for a file. No two links have one name of a visitor."""

    def add(self, click: Click) -> None:
        """Takes in a click."""
        link_id, utime = click.link_id, click.utime
        if (
            click.kind
            or click.is_repeat
            or click.choice
            or click.sighting is not None
            or click.holder is not None
            or link_id in self._rare
            or utime >> _BITS
        ):
            self._add_rare(click)
            return
        value = self._plain.get(link_id)
        if value is None:
            self._plain[link_id] = _ONE + utime
        else:
            last = value & _TIME
            self._plain[link_id] = value + _ONE + (utime - last if utime > last else 0)

    def of(self, link_id: int) -> PendingCounts:
        """What the clicks of a link come to; the caller may change it."""
        value = self._plain.get(link_id)
        if value is not None:
            count = value >> _BITS
            return PendingCounts(count, 0, value & _TIME, None, count)
        rare = self._rare.get(link_id)
        if rare is None:
            return PendingCounts()
        choices = None if rare.choices is None else rare.choices.copy()
        return PendingCounts(rare.count, rare.count_qr, rare.last_utime, choices, rare.unique)

    def last_seen(self, visitor: bytes) -> int | None:
        """When a visitor's last click was that is to be known again."""
        return self._seen.get(visitor)

    @property
    def links(self) -> Set[int]:
        """Ids of all links."""
        return self._plain.keys() | self._rare.keys() if self._rare else self._plain.keys()

    def remove(self, other: Waiting) -> None:
        """Takes off clicks that wait no more."""
        plain = self._plain
        for link_id, gone in other._plain.items():
            value = plain.get(link_id)
            if value is None:
                self._remove_rare(link_id, other.of(link_id))
                continue
            value -= gone - (gone & _TIME)
            if value >= _ONE:
                plain[link_id] = value
            else:
                del plain[link_id]
        for link_id, counts in other._rare.items():
            self._remove_rare(link_id, counts)
        for visitor, utime in other._seen.items():
            # He may have come again since.
            if self._seen.get(visitor) == utime:
                del self._seen[visitor]

    def _add_rare(self, click: Click) -> None:
        link_id = click.link_id
        counts = self._rare.get(link_id)
        if counts is None:
            counts = self._rare[link_id] = self.of(link_id)
            self._plain.pop(link_id, None)
        counts.add(click, self._most_choices)
        for sighting in (click.sighting, click.holder):
            if sighting is not None and (
                sighting.visitor in self._seen or len(self._seen) < SIGHTINGS_KEPT
            ):
                self._seen[sighting.visitor] = click.utime

    def _remove_rare(self, link_id: int, gone: PendingCounts) -> None:
        counts = self._rare.get(link_id)
        if counts is not None:
            counts.remove(gone)
            if counts.count <= 0 and counts.count_qr <= 0:
                del self._rare[link_id]


class Generation(msgspec.Struct):
    """Clicks that wait to be drained together."""

    clicks: int = 0
    beside: list[tuple[int, list[bytes]]] = []
    """Clicks that the journal could not take, encoded, each batch with a serial of its own: a
    transaction may have counted one before we hear of it."""
    until: Position = Position()
    """End of its last record in the journal, once it is sealed."""

    def is_within(self, counted: Mark) -> bool:
        """Whether all of it has been counted."""
        return is_within((self.until, self.beside[-1][0] if self.beside else 0), counted)

    def merge(self, later: Generation) -> None:
        """Takes in the clicks that follow its own."""
        self.clicks += later.clicks
        self.beside += later.beside
        self.until = later.until


class Batch(msgspec.Struct, frozen=True):
    """Clicks that a transaction has counted, or will have when it is committed."""

    until: Mark
    counts: Waiting
    clicks: int
    bytes: int
    """What they took of the journal."""
