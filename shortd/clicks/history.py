"""What is kept of a link's clicks: totals, days and visits, and where.

A link has one row (`Counts`) with all that a usual click touches: the totals, the rollup of its
latest day and its newest visits. A day that has grown or is past, and visits that are not the
newest, have rows of their own, which nobody else reads or writes. So a click on a link that was
not clicked for a while reads and writes one row; five, if each thing had its own.

Visits are packed (`store.visit_packs`): the newest in the link's row, up to `NEWEST_VISITS` or
`NEWEST_BYTES`, then as blocks in rows of VISITS, four of which fill a page of LMDB. The last few
are packed with the next, as that is three times the work one by one. A link of 15 clicks has 30
bytes of totals, 11 x 14 and 4 x 25 of visits, 12 x 15 of a day with as many profiles: about 460 in
its row, 31 a click, and 45 on pages that are two thirds full. The oldest visits go for their age
or as newer ones come, out of their block, too, which is then written anew.

VISITS_DUE has every link with visits under the day of its oldest one, so that old visits are found
without a look at any others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import TypeVar

from msgspec import structs

from shortd.clicks.rollups import PROFILES, PackedRollup, PlaceOf
from shortd.clock import DAY
from shortd.models.clicks import (
    QR_LOAD,
    VISIT,
    Click,
    Counts,
    DayStats,
    PackedDay,
    PastSum,
    Sighting,
    Visit,
    VisitPack,
)
from shortd.models.links import Link
from shortd.store.day_packs import give_back_day, packed_day, unpacked_day
from shortd.store.schema import (
    COUNTS,
    DAY_STATS,
    DAY_TOTALS,
    DEAD_LINKS,
    LINKS_BY_ID,
    SIGHTINGS,
    VISITS,
    VISITS_DUE,
)
from shortd.store.strings import Texts
from shortd.store.txn import Txn, WriteTxn
from shortd.store.visit_packs import (
    NEWEST_BYTES,
    NEWEST_VISITS,
    TAIL_BYTES,
    TAIL_VISITS,
    cut,
    decode_pack,
    encode_pack,
    extended,
    give_back,
    in_blocks,
    merged,
    newest_of,
    oldest_of,
    recorded,
    unpacked,
    utimes,
)
from shortd.visitors.sources import OTHER
from shortd.visitors.visitors import referrer_host

SMALL_DAY = PROFILES
"""Profiles that a day in its link's row has at most."""
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
    day, day_stats = _with_days(txn, link_id, old, by_day, PackedRollup.add, place_of)
    kept, serial, newest, tail, due_day = _with_visits(
        txn, link_id, old, [*map(_visit, visits)], most_visits
    )
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
        newest,
        _with_sightings(txn, link_id, old.sightings, sightings, holders, most_sightings),
        old.undated,
        tail,
        due_day,
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
    kept, serial, newest_visits, tail, due_day = _with_visits(
        txn, link_id, old, visits, most_visits
    )
    dated = sum(1 if isinstance(one, Visit) else one.total for one in past)
    row = structs.replace(
        old,
        visits=kept,
        visit_serial=serial,
        last_utime=max(old.last_utime, *map(utime_of, past)),
        day=day,
        day_stats=day_stats,
        newest=newest_visits,
        tail=tail,
        undated=old.undated - dated,
        due_day=due_day,
    )
    COUNTS.put(txn, (link_id,), row)


def utime_of(past: Visit | PastSum) -> int:
    """When a past visit was, or the last of several."""
    return past.utime if isinstance(past, Visit) else past.last_utime


def days(txn: Txn, link_id: int, after: int = -1) -> Iterator[tuple[int, DayStats]]:
    """A link's days behind `after` and their rollups, in order."""
    texts = Texts(txn)
    counts = COUNTS.get(txn, (link_id,)) or _NOTHING
    inside = counts.day_stats if counts.day > after else None
    start = (link_id, after) if after >= 0 else None
    for (_, day), stats in DAY_STATS.scan(txn, (link_id,), after=start):
        if inside is not None and counts.day < day:
            yield counts.day, unpacked_day(texts, inside)
            inside = None
        yield day, unpacked_day(texts, stats)
    if inside is not None:
        yield counts.day, unpacked_day(texts, inside)


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
        give_back_day(txn, counts.day_stats)
        COUNTS.put(txn, (link_id,), structs.replace(counts, day_stats=None))
    old = DAY_STATS.delete(txn, (link_id, day))
    if old is not None:
        give_back_day(txn, old)
    if stats is not None:
        DAY_STATS.put(txn, (link_id, day), packed_day(txn, stats))


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
    inside: PackedDay | None = None
    for day, stats in days.items():
        row = packed_day(txn, stats)
        if day == latest and _is_small(row):
            inside = row
        else:
            DAY_STATS.put(txn, (link_id, day), row)
    serial = max(totals.visit_serial, len(visits))
    bare = structs.replace(
        totals, visits=0, visit_serial=serial - len(visits), newest=b"", tail=[], due_day=-1
    )
    kept, serial, newest, tail, due_day = _with_visits(txn, link_id, bare, visits, len(visits))
    counts = structs.replace(
        bare,
        visits=kept,
        visit_serial=serial,
        day=latest,
        day_stats=inside,
        newest=newest,
        tail=tail,
        sightings=0,
        due_day=due_day,
    )
    COUNTS.put(txn, (link_id,), counts)


def is_due(txn: Txn, link_id: int, day: int, before: int) -> bool:
    """Whether anything is to be done about a link that VISITS_DUE has under a day: visits are from
    before a time, in µs, or it is there too early."""
    counts = COUNTS.get(txn, (link_id,))
    if counts is None or counts.due_day != day:
        return True
    oldest = oldest_of(txn, link_id, counts)
    return oldest is None or oldest < before or oldest // DAY != day


def has_visits_before(txn: Txn, link_id: int, counts: Counts, before: int) -> bool:
    """Whether any visit that is kept of a link was before a time, in µs."""
    oldest = oldest_of(txn, link_id, counts)
    return oldest is not None and oldest < before


def forget_visits(txn: WriteTxn, link_id: int, before: int, most: int) -> bool:
    """Removes a link's visits from before a time (µs), so many at most or those of one block; False
    if more may be. They are in the order in which they came: what is behind a newer one stays as
    long as that.
    """
    counts = COUNTS.get(txn, (link_id,))
    if counts is None:
        return True
    blocks = list(islice(VISITS.scan(txn, (link_id,)), most // NEWEST_VISITS + 1))
    newest, tail, kept_from = counts.newest, counts.tail, counts.visit_serial
    is_done = False
    for (_, first), block in blocks:
        old = _leading(block, before)
        kept_from = first + old
        is_done = old < len(block.forms)
        if old:
            _put_rest(txn, link_id, first, block, old)
        if is_done:
            break
    if not is_done and len(blocks) <= most // NEWEST_VISITS:
        is_done = True
        pack = newest_of(counts)
        old = _leading(pack, before)
        kept_from = counts.visit_serial - len(pack.forms) + old
        if old:
            newest, tail = _rest(txn, pack, old), []
    kept = counts.visit_serial - kept_from
    row = structs.replace(counts, visits=kept, newest=newest, tail=tail)
    due_day = _refiled(txn, link_id, counts.due_day, oldest_of(txn, link_id, row))
    if (kept, due_day) != (counts.visits, counts.due_day):
        COUNTS.put(txn, (link_id,), structs.replace(row, due_day=due_day))
    return is_done


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
    counts = COUNTS.delete(txn, (link_id,))
    if counts is not None:
        if counts.day_stats is not None:
            give_back_day(txn, counts.day_stats)
        give_back(txn, newest_of(counts))
        _refiled(txn, link_id, counts.due_day, None)
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
    blocks = list(islice(VISITS.scan(txn, (link_id,)), most))
    for key, block in blocks:
        VISITS.delete(txn, key)
        give_back(txn, block)
    most -= len(blocks)
    visitors = [key for key, _ in islice(SIGHTINGS.scan(txn, (link_id,)), most)]
    for visitor in visitors:
        SIGHTINGS.delete(txn, visitor)
    most -= len(visitors)
    days = list(islice(DAY_STATS.scan(txn, (link_id,)), most))
    for key, day in days:
        DAY_STATS.delete(txn, key)
        give_back_day(txn, day)
    return most > len(days)


def add_choice(
    choices: dict[str, int] | None, choice: str, clicks: int = 1, *, most: int = CHOICES_PER_LINK
) -> dict[str, int]:
    """Counts clicks by their `Click.choice` in a dictionary, or in a new one, which is bounded."""
    if choices is None:
        choices = {}
    for one in choice.split(" "):
        if one not in choices and len(choices) >= most:
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
    add: Callable[[PackedRollup, Sequence[T]], None],
    place_of: PlaceOf,
) -> tuple[int, PackedDay | None]:
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
        rollup = PackedRollup(txn, place_of, stored)
        add(rollup, by_day[day])
        row = rollup.row()
        if is_inside or (is_new and stored is None):
            if _is_small(row):
                stats = row
                continue
            stats = None
        DAY_STATS.put(txn, (link_id, day), row)
    return latest, stats


def _is_small(day: PackedDay) -> bool:
    """Whether a day may stay in its link's row."""
    return not day.dimensions and len(day.profiles) <= SMALL_DAY


def _with_visits(
    txn: WriteTxn, link_id: int, old: Counts, visits: Sequence[Visit], most: int
) -> tuple[int, int, bytes, list[bytes], int]:
    """Adds visits, and drops what is beyond the newest `most`: how many there are, the serial of
    the next, those that stay in the link's row, packed and not, and the day under which VISITS_DUE
    has it."""
    serial = old.visit_serial + len(visits)
    kept = min(old.visits + len(visits), most)
    if not visits and kept == old.visits:
        return kept, serial, old.newest, old.tail, old.due_day
    if kept == old.visits + len(visits) and len(old.tail) + len(visits) <= TAIL_VISITS:
        tail = old.tail + [recorded(txn, visit) for visit in visits]
        due_day = old.due_day
        if due_day < 0:
            due_day = _refiled(txn, link_id, -1, visits[0].utime)
        if sum(map(len, tail)) <= TAIL_BYTES:
            return kept, serial, old.newest, tail, due_day
        pack = merged(decode_pack(old.newest) if old.newest else VisitPack(), tail)
        return kept, serial, *_put_newest(txn, link_id, serial, pack), due_day
    kept_from = serial - kept
    pack = newest_of(old)
    inside = old.visit_serial - len(pack.forms)
    if kept < old.visits + len(visits):
        _trim_blocks(txn, link_id, kept_from)
        if kept_from > inside and pack.forms:
            gone = min(kept_from - inside, len(pack.forms))
            give_back(txn, cut(pack, 0, gone))
            pack = cut(pack, gone)
    new = visits[max(0, kept_from - old.visit_serial) :]
    pack = extended(txn, pack, new)
    newest, tail = _put_newest(txn, link_id, serial, pack)
    due_day = old.due_day
    if due_day < 0 or kept < old.visits + len(visits):
        # The next in order may be from an earlier day.
        oldest = oldest_of(txn, link_id, Counts(newest=newest, tail=tail))
        due_day = _refiled(txn, link_id, due_day, oldest)
    return kept, serial, newest, tail, due_day


def _put_newest(
    txn: WriteTxn, link_id: int, serial: int, pack: VisitPack
) -> tuple[bytes, list[bytes]]:
    """Puts what is too much for the link's row into blocks: what stays there. `serial` is that
    behind the visits."""
    newest = encode_pack(pack) if pack.forms else b""
    if len(newest) > NEWEST_BYTES or len(pack.forms) > NEWEST_VISITS:
        first = serial - len(pack.forms)
        for block in (blocks := in_blocks(pack))[:-1]:
            VISITS.put(txn, (link_id, first), block)
            first += len(block.forms)
        newest = encode_pack(blocks[-1])
        if len(newest) > NEWEST_BYTES:
            VISITS.put_encoded(txn, (link_id, first), newest)
            newest = b""
    return newest, []


def _refiled(txn: WriteTxn, link_id: int, due_day: int, oldest: int | None) -> int:
    """Has VISITS_DUE tell of a link by the time of its oldest visit, None if it has none: the day
    under which that is."""
    day = -1 if oldest is None else oldest // DAY
    if day != due_day:
        if due_day >= 0:
            VISITS_DUE.delete(txn, (due_day, link_id))
        if day >= 0:
            VISITS_DUE.put(txn, (day, link_id), True)
    return day


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


def _add_past(rollup: PackedRollup, past: Sequence[Visit | PastSum]) -> None:
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


def _trim_blocks(txn: WriteTxn, link_id: int, kept_from: int) -> None:
    """Removes the visits in blocks that are from before a serial."""
    scan = VISITS.scan(txn, (link_id,))
    for (_, first), block in list(takewhile(lambda row: row[0][1] < kept_from, scan)):
        _put_rest(txn, link_id, first, block, min(kept_from - first, len(block.forms)))


def _leading(pack: VisitPack, before: int) -> int:
    """How many visits from before a time stand at the beginning."""
    for number, utime in enumerate(utimes(pack)):
        if utime >= before:
            return number
    return len(pack.forms)


def _put_rest(txn: WriteTxn, link_id: int, first: int, block: VisitPack, gone: int) -> None:
    """Puts a block again without so many of its oldest visits, which are used no more."""
    VISITS.delete(txn, (link_id, first))
    rest = _rest(txn, block, gone)
    if rest:
        VISITS.put_encoded(txn, (link_id, first + gone), rest)


def _rest(txn: WriteTxn, pack: VisitPack, gone: int) -> bytes:
    give_back(txn, cut(pack, 0, gone))
    return encode_pack(cut(pack, gone)) if gone < len(pack.forms) else b""


def _visits(txn: Txn, link_id: int, counts: Counts, start: int, stop: int) -> Iterator[Visit]:
    texts = Texts(txn)
    start = max(start, counts.visit_serial - counts.visits)
    # No block has more: the one with `start` in it begins behind this.
    behind = (link_id, start - NEWEST_VISITS) if start > NEWEST_VISITS else None
    for (_, first), block in VISITS.scan(txn, (link_id,), after=behind):
        if first >= stop:
            return
        if first + len(block.forms) > start:
            yield from unpacked(texts, block, max(0, start - first), stop - first)
    pack = newest_of(counts)
    first = counts.visit_serial - len(pack.forms)
    if stop > first:
        yield from unpacked(texts, pack, max(0, start - first), stop - first)
