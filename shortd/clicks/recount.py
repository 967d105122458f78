"""Day rollups, counted again from the visits that are kept: for `shortd stats`.

A day can be checked only where every visit of it is still there. Visits go by age and by number
(`[clicks] visit_days`, `visits_per_link`), so nothing is said of other days, and nothing done to
them. Loads of QR images leave no visits; their counts stay as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from enum import Enum
from functools import partial
from itertools import islice

import msgspec

from shortd.clicks import history
from shortd.clicks.rollups import DIMENSIONS, PlaceOf, Rollup, counts_of
from shortd.clicks.statistics import day_text
from shortd.clock import DAY
from shortd.models.clicks import Counts, DayStats
from shortd.store import Store
from shortd.store.schema import COUNTS
from shortd.store.txn import Txn, WriteTxn

LINKS_AT_ONCE = 256
"""Links in one transaction."""


class Verdict(Enum):
    """What comes of counting a day again."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Visits of the day are not kept any more."""


class Recount(msgspec.Struct, frozen=True):
    """A link's day, counted again."""

    day: int
    verdict: Verdict
    row: DayStats
    """What the visits come to, or what is stored, if they are not all known."""
    faults: tuple[str, ...] = ()
    """What is different: "total 2, visits say 3", "browser"."""


class LinkRecount(msgspec.Struct):
    """What counting a link again came to."""

    link_id: int
    verdicts: dict[Verdict, int]
    """Days by verdict."""
    faults: list[str]
    """One line for each day that is different, and for days that do not add up."""


async def recount(store: Store, place_of: PlaceOf, *, write: bool) -> AsyncIterator[LinkRecount]:
    """Counts all links again, in the order of their ids; puts right what is different if asked."""
    after: tuple[int] | None = None
    while True:
        with store.read() as txn:
            rows = list(islice(COUNTS.scan(txn, after=after), LINKS_AT_ONCE))
        links = [(link_id, counts) for (link_id,), counts in rows]
        if write:
            found = await store.write(partial(_rewritten, links=links, place_of=place_of))
        else:
            with store.read() as txn:
                found = _looked_at(txn, links, place_of)
        for link in found:
            yield link
        if len(rows) < LINKS_AT_ONCE:
            return
        after = rows[-1][0]


def recounted(txn: Txn, link_id: int, counts: Counts, place_of: PlaceOf) -> Iterator[Recount]:
    """All days of a link, in order."""
    rollups: dict[int, Rollup] = {}
    for visit in history.visits(txn, link_id):
        day = visit.utime // DAY
        if day not in rollups:
            rollups[day] = Rollup(place_of)
        rollups[day].add_visit(visit)
    rows = dict(history.days(txn, link_id))
    all_kept = counts.visits >= counts.count
    for day in sorted(rows.keys() | rollups.keys()):
        stored = rows.get(day) or DayStats()
        again = rollups.get(day, Rollup(place_of)).row()
        again = msgspec.structs.replace(again, qr_loads=stored.qr_loads)
        if again.total < stored.total and not all_kept:
            yield Recount(day, Verdict.UNKNOWN, stored)
            continue
        faults = tuple(_faults(stored, again))
        yield Recount(day, Verdict.DIFFERENT if faults else Verdict.SAME, again, faults)


def _summary(link_id: int, counts: Counts, days: Sequence[Recount]) -> LinkRecount:
    found = LinkRecount(link_id, dict.fromkeys(Verdict, 0), [])
    for again in days:
        found.verdicts[again.verdict] += 1
        if again.faults:
            found.faults.append(f"{day_text(again.day)}: {', '.join(again.faults)}")
    in_days = sum(again.row.total for again in days)
    dated = counts.unique - counts.undated
    if in_days != dated:
        found.faults.append(f"{in_days} clicks in days, {dated} counted")
    return found


def _looked_at(
    txn: Txn, links: Sequence[tuple[int, Counts]], place_of: PlaceOf
) -> list[LinkRecount]:
    return [
        _summary(link_id, counts, list(recounted(txn, link_id, counts, place_of)))
        for link_id, counts in links
    ]


def _rewritten(
    txn: WriteTxn, links: Sequence[tuple[int, Counts]], place_of: PlaceOf
) -> list[LinkRecount]:
    found = []
    for link_id, counts in links:
        days = list(recounted(txn, link_id, counts, place_of))
        for again in days:
            if again.verdict is not Verdict.DIFFERENT:
                continue
            row = again.row if again.row.total or again.row.qr_loads else None
            history.put_day(txn, link_id, again.day, row)
        found.append(_summary(link_id, counts, days))
    return found


def _faults(stored: DayStats, again: DayStats) -> Iterator[str]:
    if stored.total != again.total:
        yield f"total {stored.total}, visits say {again.total}"
    # Whether a row has profiles or dimensions by now makes no difference.
    before, after = counts_of(stored), counts_of(again)
    for name in DIMENSIONS:
        if before.get(name, {}) != after.get(name, {}):
            yield name
