"""What is kept of a link's clicks: totals, days and visits, and where.

A link has one row (`Counts`) with all that a usual click touches: the totals, the rollup of its
latest day and its newest visits. A day that has grown or is past, and visits that are not the
newest, have rows of their own, which nobody else reads or writes. So a click on a link that was
not clicked for a while reads and writes one row; five, if each thing had its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from msgspec import structs

from shortd.clicks.rollups import PlaceOf, Rollup
from shortd.clock import DAY
from shortd.models.clicks import (
    QR_LOAD,
    VISIT,
    Click,
    Counts,
    DayStats,
    PastSum,
    Sighting,
    Visit,
)
from shortd.models.links import Link
from shortd.store.schema import (
    COUNTS,
    DAY_STATS,
    DAY_TOTALS,
    DEAD_LINKS,
    LINKS_BY_ID,
    SIGHTINGS,
    VISITS,
)
from shortd.store.table import Table
from shortd.store.txn import Txn, WriteTxn
from shortd.visitors.sources import OTHER
from shortd.visitors.visitors import referrer_host

SMALL_DAY = 4
"""Profiles that a day in its link's row has at most."""
NEWEST_VISITS = 16
NEWEST_BYTES = 1024
"""Visits in their link's row, and bytes of them: when there are more, they move out together."""
ROWS_AT_ONCE = 100
"""Rows of a link that go together with it; further ones soon after (`bury`)."""
CHOICES_PER_LINK = 64
"""Distinct choices a link keeps; clicks with further ones go under "plugin:other"."""

T = TypeVar("T")

_NOTHING = Counts()


def add_clicks(
    txn: WriteTxn,
    link_id: int,
    old: Counts | None,
    clicks: Sequence[Click],
    most_visits: int,
    place_of: PlaceOf,
    most_sightings: int = 1 << 32,
) -> None:
    """Adds clicks to a link's counts, whose parts it takes over.

    The newest `most_visits` are kept, and the first `most_sightings` visitors.
    """
    old = old or _NOTHING
    count, count_qr, unique = old.count, old.count_qr, old.unique
    last_utime, choices = old.last_utime, old.choices
    visits: list[Click] = []
    sightings: dict[bytes, Sighting] = {}
    holders: dict[bytes, Sighting] = {}
    for click in clicks:
        if click.kind != QR_LOAD:
            count += 1
            last_utime = max(last_utime, click.utime)
            visits.append(click)
            if not click.is_repeat:
                unique += 1
                if click.sighting is not None:
                    sightings[click.sighting.visitor] = click.sighting
            if click.holder is not None:
                holders[click.holder.visitor] = click.holder
        if click.kind != VISIT:
            count_qr += 1
        if click.choice:
            choices = add_choice(choices, click.choice)
    by_day: dict[int, list[Click]] = {}
    for click in clicks:
        by_day.setdefault(click.utime // DAY, []).append(click)
    day, day_stats = _with_days(txn, link_id, old, by_day, Rollup.add, place_of)
    serial = old.visit_serial + len(visits)
    kept = min(old.visits + len(visits), most_visits)
    row = Counts(
        count,
        count_qr,
        kept,
        serial,
        last_utime,
        choices,
        unique,
        day,
        day_stats,
        _with_visits(txn, link_id, old, map(_visit, visits), len(visits), serial - kept),
        _with_sightings(txn, link_id, old.sightings, sightings, holders, most_sightings),
        old.undated,
    )
    COUNTS.put(txn, (link_id,), row)


def add_undated(txn: WriteTxn, link_id: int, clicks: int) -> None:
    """Adds clicks that were counted elsewhere, and of which no day is known yet."""
    old = COUNTS.get(txn, (link_id,)) or _NOTHING
    row = structs.replace(
        old, count=old.count + clicks, unique=old.unique + clicks, undated=old.undated + clicks
    )
    COUNTS.put(txn, (link_id,), row)


def date_past(
    txn: WriteTxn,
    link_id: int,
    past: Sequence[Visit | PastSum],
    kept_since: int,
    most_visits: int,
    place_of: PlaceOf,
) -> None:
    """Tells the days of clicks that `add_undated` has counted, the oldest first.

    Visits are kept from `kept_since` on, as long as none is newer already: they stand in the order
    in which they came.
    """
    old = COUNTS.get(txn, (link_id,)) or _NOTHING
    by_day: dict[int, list[Visit | PastSum]] = {}
    for one in past:
        by_day.setdefault(utime_of(one) // DAY, []).append(one)
    day, day_stats = _with_days(txn, link_id, old, by_day, _add_past, place_of)
    visits: list[Visit] = []
    newest = max(kept_since, old.last_utime)
    for one in past:
        if isinstance(one, Visit) and one.utime >= newest:
            newest = one.utime
            visits.append(one)
    serial = old.visit_serial + len(visits)
    kept = min(old.visits + len(visits), most_visits)
    dated = sum(1 if isinstance(one, Visit) else one.total for one in past)
    row = structs.replace(
        old,
        visits=kept,
        visit_serial=serial,
        last_utime=max(old.last_utime, *map(utime_of, past)),
        day=day,
        day_stats=day_stats,
        newest=_with_visits(txn, link_id, old, visits, len(visits), serial - kept),
        undated=old.undated - dated,
    )
    COUNTS.put(txn, (link_id,), row)


def utime_of(past: Visit | PastSum) -> int:
    """When a past visit was, or the last of several."""
    return past.utime if isinstance(past, Visit) else past.last_utime


def days(txn: Txn, link_id: int, after: int = -1) -> Iterator[tuple[int, DayStats]]:
    """A link's days behind `after` and their rollups, in order."""
    counts = COUNTS.get(txn, (link_id,)) or _NOTHING
    inside = counts.day_stats if counts.day > after else None
    start = (link_id, after) if after >= 0 else None
    for (_, day), stats in DAY_STATS.scan(txn, (link_id,), after=start):
        if inside is not None and counts.day < day:
            yield counts.day, inside
            inside = None
        yield day, stats
    if inside is not None:
        yield counts.day, inside


def day_totals(txn: Txn, link_id: int, first: int, last: int) -> dict[int, int]:
    """A link's clicks of these days, both included, by day; those without any are left out."""
    counts = COUNTS.get(txn, (link_id,)) or _NOTHING
    totals = {}
    if first <= counts.day:
        start = (link_id, first - 1) if first > 0 else None
        for (_, day), row in DAY_TOTALS.scan(txn, (link_id,), after=start):
            if day > last:
                break
            totals[day] = row.total
        if counts.day_stats is not None and first <= counts.day <= last:
            totals[counts.day] = counts.day_stats.total
    return {day: total for day, total in totals.items() if total}


def put_day(txn: WriteTxn, link_id: int, day: int, stats: DayStats | None) -> None:
    """Puts a rollup in the place of a day's; None removes it."""
    counts = COUNTS.get(txn, (link_id,))
    if counts is not None and counts.day == day and counts.day_stats is not None:
        COUNTS.put(txn, (link_id,), structs.replace(counts, day_stats=None))
    if stats is None:
        DAY_STATS.delete(txn, (link_id, day))
    else:
        DAY_STATS.put(txn, (link_id, day), stats)


def visits(txn: Txn, link_id: int, start: int = 0, stop: int | None = None) -> list[Visit]:
    """A link's kept visits, oldest first; those with serials from `start` up to `stop` alone."""
    counts = COUNTS.get(txn, (link_id,)) or _NOTHING
    end = counts.visit_serial if stop is None else stop
    return list(_visits(txn, link_id, counts, start, end))


def each_visit(txn: Txn, link_id: int) -> Iterator[Visit]:
    """A link's kept visits, the oldest first, none of which is kept in memory."""
    counts = COUNTS.get(txn, (link_id,)) or _NOTHING
    yield from _visits(txn, link_id, counts, 0, counts.visit_serial)


def put_history(
    txn: WriteTxn,
    link_id: int,
    totals: Counts,
    days: Mapping[int, DayStats],
    visits: Sequence[Visit],
) -> None:
    """Gives a link that has none yet what is known of its clicks, visits being the oldest first.
    Of `totals` nothing counts that says where days and visits are kept.
    """
    latest = max(days, default=0)
    inside = days.get(latest)
    if inside is not None and (inside.dimensions or len(inside.profiles) > SMALL_DAY):
        inside = None
    for day, stats in days.items():
        if day != latest or inside is None:
            DAY_STATS.put(txn, (link_id, day), stats)
    serial = max(totals.visit_serial, len(visits))
    raws = [VISITS.encode(visit) for visit in visits]
    newest = raws if _are_few(raws) else []
    if not newest:
        for number, raw in enumerate(raws, serial - len(raws)):
            VISITS.put_encoded(txn, (link_id, number), raw)
    row = structs.replace(
        totals,
        visits=len(raws),
        visit_serial=serial,
        day=latest,
        day_stats=inside,
        newest=newest,
        sightings=0,
    )
    COUNTS.put(txn, (link_id,), row)


def has_visits_before(txn: Txn, link_id: int, counts: Counts, before: int) -> bool:
    """Whether any visit that is kept of a link was before a time, in µs."""
    oldest = counts.visit_serial - counts.visits
    return any(visit.utime < before for visit in _visits(txn, link_id, counts, oldest, oldest + 1))


def forget_visits(txn: WriteTxn, link_id: int, before: int, most: int) -> bool:
    """Removes a link's visits from before a time (µs), so many at most; False if more may be."""
    counts = COUNTS.get(txn, (link_id,)) or _NOTHING
    oldest = counts.visit_serial - counts.visits
    kept_from = min(counts.visit_serial, oldest + most)
    for serial, visit in enumerate(_visits(txn, link_id, counts, oldest, kept_from), oldest):
        if visit.utime >= before:
            kept_from = serial
            break
    if kept_from > oldest:
        newest = _trimmed(txn, link_id, counts, kept_from)
        kept = counts.visit_serial - kept_from
        COUNTS.put(txn, (link_id,), structs.replace(counts, visits=kept, newest=newest))
    return kept_from < oldest + most


def forget_sightings(txn: WriteTxn, keys: Iterable[tuple[int, bytes]]) -> None:
    """Removes sightings, by (link id, visitor)."""
    gone = Counter(key[0] for key in keys if SIGHTINGS.delete(txn, key) is not None)
    for link_id, removed in gone.items():
        counts = COUNTS.get(txn, (link_id,))
        if counts is not None and counts.sightings:
            left = max(0, counts.sightings - removed)
            COUNTS.put(txn, (link_id,), structs.replace(counts, sightings=left))


def delete(txn: WriteTxn, link_id: int) -> None:
    """Removes everything that is kept of a link's clicks: where it is much, the last of it within
    seconds.
    """
    COUNTS.delete(txn, (link_id,))
    if not _delete_rows(txn, link_id, ROWS_AT_ONCE):
        DEAD_LINKS.put(txn, (link_id,), True)


def end_sightings(txn: WriteTxn, link_id: int) -> None:
    """Has the visitors of a link forgotten that counts unique ones no longer, within seconds."""
    DEAD_LINKS.put(txn, (link_id,), True)


def bury(txn: WriteTxn, link_id: int, most: int) -> bool:
    """Goes on with what `delete` or `end_sightings` began, for so many rows; whether it is done."""
    link = LINKS_BY_ID.get(txn, (link_id,))
    if link is None:
        is_done = _delete_rows(txn, link_id, most)
    elif not _counts_unique(link):
        keys = [key for key, _ in islice(SIGHTINGS.scan(txn, (link_id,)), most)]
        forget_sightings(txn, keys)
        is_done = len(keys) < most
    else:
        # It counts them again.
        is_done = True
    if is_done:
        DEAD_LINKS.delete(txn, (link_id,))
    return is_done


def _delete_rows(txn: WriteTxn, link_id: int, most: int) -> bool:
    """Removes so many rows of a link that is gone; False if there may be more."""
    tables: tuple[Table[Any, Any], ...] = (VISITS, SIGHTINGS, DAY_STATS)
    for table in tables:
        keys = [key for key, _ in islice(table.scan(txn, (link_id,)), most)]
        for key in keys:
            table.delete(txn, key)
        most -= len(keys)
    return most > 0


def add_choice(choices: dict[str, int] | None, choice: str, clicks: int = 1) -> dict[str, int]:
    """Counts clicks by their `Click.choice` in a dictionary, or in a new one, which is bounded."""
    if choices is None:
        choices = {}
    for one in choice.split(" "):
        if one not in choices and len(choices) >= CHOICES_PER_LINK:
            one = one.partition(":")[0] + ":" + OTHER.lower()
        choices[one] = choices.get(one, 0) + clicks
    return choices


def merged_choices(
    one: Mapping[str, int] | None, other: Mapping[str, int] | None
) -> dict[str, int] | None:
    """Both added up, within the same bounds; None for none."""
    total = dict(one) if one else None
    for choice, clicks in (other or {}).items():
        total = add_choice(total, choice, clicks)
    return total


def _with_days(
    txn: WriteTxn,
    link_id: int,
    old: Counts,
    by_day: Mapping[int, Sequence[T]],
    add: Callable[[Rollup, Sequence[T]], None],
    place_of: PlaceOf,
) -> tuple[int, DayStats | None]:
    """Adds clicks to their days: the latest one, and its rollup unless that has its own row."""
    latest, stats = old.day, old.day_stats
    for day in sorted(by_day):
        is_new = day > latest
        if is_new:
            if stats is not None:
                DAY_STATS.put(txn, (link_id, latest), stats)
            latest, stats = day, None
        is_inside = day == latest and stats is not None
        stored = stats if is_inside else DAY_STATS.get(txn, (link_id, day))
        rollup = Rollup(place_of, stored)
        add(rollup, by_day[day])
        row = rollup.row()
        if is_inside or (is_new and stored is None):
            if not row.dimensions and len(row.profiles) <= SMALL_DAY:
                stats = row
                continue
            stats = None
        DAY_STATS.put(txn, (link_id, day), row)
    return latest, stats


def _with_visits(
    txn: WriteTxn, link_id: int, old: Counts, visits: Iterable[Visit], number: int, kept_from: int
) -> list[bytes]:
    """Adds so many visits and drops those before a serial: the newest, which stay in the link's
    row."""
    newest = _trimmed(txn, link_id, old, kept_from)
    newest += map(VISITS.encode, islice(visits, max(0, kept_from - old.visit_serial), None))
    if _are_few(newest):
        return newest
    first = old.visit_serial + number - len(newest)
    for serial, visit_row in enumerate(newest, first):
        VISITS.put_encoded(txn, (link_id, serial), visit_row)
    return []


def _are_few(visits: Sequence[bytes]) -> bool:
    """Whether visits may stay in their link's row."""
    return len(visits) <= NEWEST_VISITS and sum(map(len, visits)) <= NEWEST_BYTES


def _visit(click: Click) -> Visit:
    return Visit(
        click.utime,
        click.kind,
        click.address,
        click.user_agent,
        referrer_host(click.referrer),
        click.language,
        click.is_repeat,
    )


def _add_past(rollup: Rollup, past: Sequence[Visit | PastSum]) -> None:
    for one in past:
        if isinstance(one, Visit):
            rollup.add_visit(one)
        else:
            rollup.add_sum(one)


def _with_sightings(
    txn: WriteTxn,
    link_id: int,
    known: int,
    seen: Mapping[bytes, Sighting],
    holders: Mapping[bytes, Sighting],
    most: int,
) -> int:
    """Puts visitors who were seen and who have paid, new ones up to `most`, but for those who have
    used up a click of a limited link: how many there are now.
    """
    if not (seen or holders):
        return known
    link = LINKS_BY_ID.get(txn, (link_id,))
    if not _counts_unique(link):
        # It did when they clicked.
        seen = {}
    is_limited = link is not None and link.expiration_count > 0
    for visitor, sighting in sorted({**seen, **holders}.items()):
        if SIGHTINGS.get(txn, (link_id, visitor)) is None:
            if known >= most and not (is_limited and visitor in holders):
                continue
            known += 1
        SIGHTINGS.put(txn, (link_id, visitor), sighting)
    return known


def _counts_unique(link: Link | None) -> bool:
    return link is not None and link.rare is not None and bool(link.rare.unique_window)


def _trimmed(txn: WriteTxn, link_id: int, counts: Counts, kept_from: int) -> list[bytes]:
    """Removes the rows of visits before a serial: what is left of those in the link's row."""
    inside = counts.visit_serial - len(counts.newest)
    for serial in range(counts.visit_serial - counts.visits, min(kept_from, inside)):
        VISITS.delete(txn, (link_id, serial))
    return counts.newest[max(0, kept_from - inside) :]


def _visits(txn: Txn, link_id: int, counts: Counts, start: int, stop: int) -> Iterator[Visit]:
    inside = counts.visit_serial - len(counts.newest)
    for serial in range(max(start, counts.visit_serial - counts.visits), min(stop, inside)):
        visit = VISITS.get(txn, (link_id, serial))
        if visit is not None:
            yield visit
    for row in counts.newest[max(0, start - inside) : max(0, stop - inside)]:
        yield VISITS.decode(row)
