"""Answers what a link's clicks came to, from its day rollups; never reads a visit.

Days are UTC, numbered from 1970-01-01. Clicks that repeat within a link's unique window are in
none of this.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import islice, starmap, takewhile

import msgspec

from shortd.clicks import history
from shortd.clicks.drain import Drain
from shortd.clicks.rollups import DIMENSIONS, PARTED, counts_of
from shortd.clock import DAY
from shortd.models.clicks import DayStats
from shortd.store import Store
from shortd.visitors.devices import UNKNOWN
from shortd.visitors.sources import OTHER
from shortd.visitors.visitors import PART

DAYS_AT_ONCE = 32
"""Rows read before the event loop goes on; a month is one."""
LINKS_AT_ONCE = 10
"""Links whose days are read before the event loop goes on."""
VALUES_PER_ANSWER = 5000
"""Values of a dimension that an answer has; when twice as many have come together, the least go
under "Other"."""
_EPOCH = date(1970, 1, 1).toordinal()
LAST_DAY = date.max.toordinal() - _EPOCH


class Value(msgspec.Struct, frozen=True, gc=False):
    """A value of a dimension, such as a source, a browser or its version, and its clicks."""

    name: str
    count: int
    parts: tuple[Value, ...] = ()
    """Versions of a system or a browser, models of a brand."""


class Day(msgspec.Struct, frozen=True, gc=False):
    """A day's clicks."""

    day: int
    count: int
    sources: dict[str, int]
    """In no order."""
    robots: int = 0
    """Clicks among them that were robots'."""


class LinkStatistics(msgspec.Struct, frozen=True):
    """What the clicks of a range of days came to."""

    total: int
    days: tuple[Day, ...]
    """Without holes from the first clicked day to the end of the range, or to today; empty without
    clicks."""
    dimensions: dict[str, tuple[Value, ...]]
    """Values by dimension (all of `DIMENSIONS`), most clicks first, then by name."""


class Metric(msgspec.Struct, frozen=True, gc=False):
    """An item of v1's metricsMap."""

    name: str
    key: str
    count: int
    child: tuple[Metric, ...] | None = None


class Statistics:
    """Reads rollups."""

    def __init__(self, store: Store, drain: Drain) -> None:
        self._store = store
        self._drain = drain

    async def of_link(self, link_id: int, first: int, last: int, now: int) -> LinkStatistics:
        """What a link's clicks on these days came to, both included."""
        today = now // DAY
        totals: dict[str, defaultdict[str, int]] = {name: defaultdict(int) for name in DIMENSIONS}
        clicked: dict[int, Day] = {}
        async for day, stats in self._rows(link_id, first, min(last, today)):
            if not stats.total:
                continue
            counts = counts_of(stats)
            for name, values in counts.items():
                _add_up(totals[name], values)
            robots = sum(counts.get("bot", {}).values())
            clicked[day] = Day(day, stats.total, counts.get("source", {}), robots)
        begin = next(iter(clicked), last + 1)
        return LinkStatistics(
            total=sum(day.count for day in clicked.values()),
            days=tuple(
                clicked.get(day) or Day(day, 0, {}) for day in range(begin, min(last, today) + 1)
            ),
            dimensions={name: _values(name, values) for name, values in totals.items()},
        )

    async def first_day(self, link_id: int, now: int) -> int | None:
        """The first day that was clicked; None if none was."""
        async for day, stats in self._rows(link_id, 0, now // DAY):
            if stats.total:
                return day
        return None

    async def by_day(
        self, link_id: int, first: int, last: int, dimensions: Collection[str] = DIMENSIONS
    ) -> list[tuple[int, str, str, str, int]]:
        """(day, dimension, value, part, clicks) of each clicked day, its "total" before all."""
        found: list[tuple[int, str, str, str, int]] = []
        async for day, stats in self._rows(link_id, first, last):
            if not stats.total:
                continue
            found.append((day, "total", "", "", stats.total))
            counts = counts_of(stats)
            for name in dimensions:
                for value, clicks in _ranked(counts.get(name, {})):
                    whole, _, part = value.partition(PART)
                    found.append((day, name, whole, part, clicks))
        return found

    async def totals(
        self, links: Sequence[int], first: int, last: int
    ) -> dict[int, dict[int, int]]:
        """Clicks by day of many links on these days, by link. What waits to be drained is not
        among them: the pictures that are made of this are small."""
        found: dict[int, dict[int, int]] = {}
        for start in range(0, len(links), LINKS_AT_ONCE):
            with self._store.read() as txn:
                for link_id in links[start : start + LINKS_AT_ONCE]:
                    found[link_id] = history.day_totals(txn, link_id, first, last)
            await asyncio.sleep(0)
        return found

    async def _rows(
        self, link_id: int, first: int, last: int
    ) -> AsyncIterator[tuple[int, DayStats]]:
        """A link's rows of these days, in order, with the clicks that wait to be drained."""
        # Whatever ails the disk (`Drain.fault` tells), what is there can be read.
        with suppress(Exception):
            await self._drain.catch_up()
        after = first - 1
        while True:
            with self._store.read() as txn:
                left = takewhile(lambda row: row[0] <= last, history.days(txn, link_id, after))
                rows = list(islice(left, DAYS_AT_ONCE))
            for day, stats in rows:
                yield day, stats
            if len(rows) < DAYS_AT_ONCE:
                return
            after = rows[-1][0]
            await asyncio.sleep(0)


def metric_maps(statistics: LinkStatistics) -> dict[str, tuple[Metric, ...]]:
    """The ten maps of v1's `analytics` (docs/deviations.md), by their numbers.

    The key of a day is its begin in ms since 1970; that of anything else its place in the list.
    """
    dimensions = statistics.dimensions
    plain = {"2": "device", "6": "language", "7": "country", "8": "bot", "10": "source"}
    parted = {"3": "os", "4": "browser", "5": "brand"}
    maps = {
        "1": tuple(_day_metric(day, _source_metrics(day)) for day in statistics.days),
        "9": tuple(_day_metric(day, None) for day in statistics.days),
        **{number: _metrics(dimensions[name]) for number, name in {**plain, **parted}.items()},
    }
    return {str(number): maps[str(number)] for number in range(1, 11)}


def day_of(text: str) -> int:
    """The number of a day written as YYYY-MM-DD. ValueError if there is no such day."""
    return date.fromisoformat(text).toordinal() - _EPOCH


def day_text(day: int) -> str:
    """A day as YYYY-MM-DD."""
    return date.fromordinal(_EPOCH + day).isoformat()


def _day_metric(day: Day, child: tuple[Metric, ...] | None) -> Metric:
    return Metric(day_text(day.day), str(day.day * DAY // 1000), day.count, child)


def _source_metrics(day: Day) -> tuple[Metric, ...] | None:
    ranked = _ranked(day.sources)
    return (
        tuple(Metric(name, str(place), count) for place, (name, count) in enumerate(ranked, 1))
        or None
    )


def _metrics(values: Sequence[Value]) -> tuple[Metric, ...]:
    return tuple(
        Metric(value.name, str(place), value.count, _metrics(value.parts) or None)
        for place, value in enumerate(values, start=1)
    )


def _add_up(total: defaultdict[str, int], values: Mapping[str, int]) -> None:
    """Adds a day's counts by value to those of all days, which are bounded: the least go."""
    for value, clicks in values.items():
        total[value] += clicks
    if len(total) > 2 * VALUES_PER_ANSWER:
        _keep_most(total)


def _keep_most(total: defaultdict[str, int]) -> None:
    """Puts all but the values with most clicks under "Other"."""
    for value, clicks in _ranked(total)[VALUES_PER_ANSWER:]:
        del total[value]
        total[OTHER] += clicks


def _values(name: str, counts: Mapping[str, int]) -> tuple[Value, ...]:
    """A dimension's counts as values, with their parts where it has such."""
    if name not in PARTED:
        return tuple(starmap(Value, _ranked(counts)))
    parts: dict[str, dict[str, int]] = {}
    for value, clicks in counts.items():
        whole, _, part = value.partition(PART)
        parts.setdefault(whole, {})[part or UNKNOWN] = clicks
    wholes = {whole: sum(below.values()) for whole, below in parts.items()}
    return tuple(
        Value(whole, clicks, tuple(starmap(Value, _ranked(parts[whole]))))
        for whole, clicks in _ranked(wholes)
    )


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Most clicks first, then by name. Two sorts without a function of ours are the fastest."""
    names = sorted(counts)
    names.sort(key=counts.__getitem__, reverse=True)
    return [(name, counts[name]) for name in names]
