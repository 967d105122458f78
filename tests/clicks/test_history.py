"""Histories: days and visits are the same wherever they are kept."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.clicks import history
from shortd.clicks.history import SMALL_DAY
from shortd.clock import DAY
from shortd.models.clicks import QR_LOAD, VISIT, Click, Counts, DayStats
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.check import string_faults
from shortd.store.schema import COUNTS, DAY_STATS, LINKS, STRING_USES, STRINGS, VISITS, VISITS_DUE
from shortd.store.txn import WriteTxn
from shortd.store.visit_packs import NEWEST_BYTES, NEWEST_VISITS, TAIL_BYTES, TAIL_VISITS, newest_of
from shortd.visitors.devices import UNKNOWN
from tests.store.things import write

TODAY = 19_675
LINK = Link(7, "owner", 0, "abcdef", "https://example.com/", 1)
AGENTS = ["", "curl/8.1", "x" * 200, *(f"agent {number}" for number in range(5))]

clicks = st.lists(
    st.builds(
        Click,
        link_id=st.just(LINK.id),
        utime=st.integers(TODAY * DAY, (TODAY + 3) * DAY - 1),
        kind=st.sampled_from([VISIT, VISIT, VISIT, QR_LOAD]),
        user_agent=st.sampled_from(AGENTS),
        referrer=st.sampled_from(["", *(f"https://{n}.example/" for n in range(SMALL_DAY))]),
    ),
    max_size=80,
)
forgetting = st.tuples(st.integers(TODAY * DAY, (TODAY + 3) * DAY), st.integers(1, 40))
put_day = st.tuples(st.sampled_from([TODAY, TODAY + 1, TODAY + 2]), st.booleans())


class Kept:
    """A store with one link, and what its history must say."""

    def __init__(self, directory: str) -> None:
        self.store = Store(Path(directory))
        write(self.store, lambda txn: LINKS.put(txn, (0, LINK.code), LINK))
        self.visits: list[int] = []
        self.totals: Counter[int] = Counter()
        self.serial = 0

    def add(self, new: list[Click], most: int) -> None:
        def function(txn: WriteTxn) -> None:
            old = COUNTS.get(txn, (LINK.id,))
            history.add_clicks(txn, LINK.id, old, new, most, lambda address: UNKNOWN)

        write(self.store, function)
        looks = [click for click in new if click.kind != QR_LOAD]
        self.visits += [click.utime for click in looks]
        self.visits = self.visits[max(0, len(self.visits) - most) :]
        self.serial += len(looks)
        self.totals.update(click.utime // DAY for click in looks)

    def forget(self, before: int, most: int) -> None:
        """Only as far as the oldest visits in their order are so old."""

        def function(txn: WriteTxn) -> bool:
            return history.forget_visits(txn, LINK.id, before, most)

        while not write(self.store, function):
            pass
        while self.visits and self.visits[0] < before:
            del self.visits[0]

    def put_day(self, day: int, is_there: bool) -> None:
        stats = DayStats(total=99) if is_there else None
        write(self.store, lambda txn: history.put_day(txn, LINK.id, day, stats))
        del self.totals[day]
        if is_there:
            self.totals[day] = 99

    def check(self) -> None:
        with self.store.read() as txn:
            found = dict(history.days(txn, LINK.id))
            assert list(found) == sorted(found)
            assert {day: stats.total for day, stats in found.items() if stats.total} == self.totals
            for after in range(TODAY - 1, TODAY + 3):
                behind = [day for day, _ in history.days(txn, LINK.id, after)]
                assert behind == [day for day in found if day > after]
            assert [visit.utime for visit in history.visits(txn, LINK.id)] == self.visits
            first = self.serial - len(self.visits)
            for start, stop in ((first + 2, first + 5), (first + 1, self.serial - 1)):
                part = history.visits(txn, LINK.id, start, stop)
                wanted = self.visits[start - first : max(0, stop - first)]
                assert [visit.utime for visit in part] == wanted
            counts = COUNTS.get(txn, (LINK.id,)) or Counts()
            for before in (TODAY * DAY, *self.visits[:1], *(time + 1 for time in self.visits[:1])):
                is_old = bool(self.visits) and self.visits[0] < before
                assert history.has_visits_before(txn, LINK.id, counts, before) == is_old
            # What nobody would find again must not be there.
            newest = len(newest_of(counts).forms)
            serial = first
            for (_, start), block in VISITS.scan(txn):
                assert start == serial
                assert 0 < len(block.forms) <= NEWEST_VISITS
                serial += len(block.forms)
            assert serial == self.serial - newest
            assert newest <= NEWEST_VISITS + TAIL_VISITS
            assert sum(map(len, counts.tail)) <= TAIL_BYTES
            assert len(counts.newest) <= NEWEST_BYTES
            due = [day for (day, _), _ in VISITS_DUE.scan(txn)]
            assert due == ([counts.due_day] if self.visits else [])
            assert all(day <= self.visits[0] // DAY for day in due)
            assert list(string_faults(txn)) == []
            if counts.day_stats is not None:
                assert len(counts.day_stats.profiles) <= SMALL_DAY
                assert DAY_STATS.get(txn, (LINK.id, counts.day)) is None


@given(
    st.lists(
        st.one_of(st.tuples(clicks, st.integers(0, 50)), forgetting, put_day),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_a_history_says_the_same_wherever_it_is_kept(
    steps: list[tuple[list[Click], int] | tuple[int, int] | tuple[int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        kept = Kept(directory)
        for first, second in steps:
            if isinstance(first, list):
                kept.add(first, second)
            elif isinstance(second, bool):
                kept.put_day(first, second)
            else:
                kept.forget(first, second)
            kept.check()
        write(kept.store, lambda txn: history.delete(txn, LINK.id))
        with kept.store.read() as txn:
            for table in (COUNTS, DAY_STATS, VISITS, VISITS_DUE, STRINGS, STRING_USES):
                assert list(table.scan(txn)) == []
        kept.store.close()
