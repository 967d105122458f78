"""Tallies: what clicks add up to, however they are cut into drains."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.clicks import history
from shortd.clicks.rollups import PROFILES, VALUES_PER_DIMENSION, counts_of
from shortd.clicks.tally import Tally
from shortd.clock import DAY, SECOND
from shortd.models.clicks import QR_LOAD, QR_VISIT, VISIT, Click, Counts, DayStats, Visit
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import COUNTS, LINKS
from shortd.store.txn import WriteTxn
from shortd.visitors.devices import UNKNOWN
from shortd.visitors.sources import DIRECT, OTHER
from shortd.visitors.visitors import PART
from tests.store.things import write

NOON = 19_675 * DAY + DAY // 2
"""2023-11-14 12:00 UTC, in µs."""
LINK = Link(7, "owner", 0, "abcdef", "https://example.com/", 1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def place(address: str) -> str:
    """The country of an address, where it is known."""
    return "DE" if address.startswith("198.51.100.") else UNKNOWN


def put_links(txn: WriteTxn) -> None:
    LINKS.put(txn, (0, "abcdef"), LINK)
    LINKS.put(txn, (0, "ghijkl"), Link(8, "owner", 0, "ghijkl", "https://example.com/", 2))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two links, 7 and 8."""
    opened = Store(tmp_path)
    write(opened, put_links)
    yield opened
    opened.close()


def drain(store: Store, clicks: Sequence[Click], visits_per_link: int = 100) -> None:
    def function(txn: WriteTxn) -> None:
        tally = Tally(visits_per_link, place)
        for click in clicks:
            tally.add(click)
        tally.write(txn, lambda: None)

    write(store, function)


def counts(store: Store, link_id: int = 7) -> Counts | None:
    with store.read() as txn:
        return COUNTS.get(txn, (link_id,))


def totals(store: Store) -> Counts:
    """The counts of a link without its latest day and its newest visits."""
    stored = counts(store)
    assert stored is not None
    return msgspec.structs.replace(stored, day=0, day_stats=None, newest=b"", tail=[], due_day=-1)


def days(store: Store, link_id: int = 7) -> dict[int, DayStats]:
    with store.read() as txn:
        return dict(history.days(txn, link_id))


def visits(store: Store, link_id: int = 7) -> list[tuple[int, Visit]]:
    with store.read() as txn:
        stored = COUNTS.get(txn, (link_id,)) or Counts()
        serials = range(stored.visit_serial - stored.visits, stored.visit_serial)
        return list(zip(serials, history.visits(txn, link_id), strict=True))


def test_the_kinds_of_clicks(store: Store) -> None:
    kinds = [VISIT, VISIT, QR_VISIT, QR_LOAD, QR_LOAD]
    drain(store, [Click(7, NOON + n, kind) for n, kind in enumerate(kinds)])
    assert totals(store) == Counts(3, 3, 3, 3, NOON + 2, unique=3)
    assert [(visit.utime, visit.kind) for _, visit in visits(store)] == [
        (NOON, VISIT),
        (NOON + 1, VISIT),
        (NOON + 2, QR_VISIT),
    ]
    stats = days(store)[19_675]
    assert (stats.total, stats.qr_loads) == (3, 2)
    sums = {name: sum(values.values()) for name, values in counts_of(stats).items()}
    names = ["source", "device", "os", "browser", "brand", "language", "country"]
    assert sums == dict.fromkeys(names, 3)


def test_every_dimension_of_a_day(store: Store) -> None:
    clicks = [
        Click(
            7, NOON, VISIT, "198.51.100.9", FIREFOX, "https://www.news.example/secret", "de-DE,en"
        ),
        Click(7, NOON, VISIT, "", IPHONE, "https://news.example/other", "en-GB"),
        Click(7, NOON, QR_VISIT, "", IPHONE, "", ""),
        Click(7, NOON, VISIT, "", GOOGLEBOT, "", ""),
    ]
    drain(store, clicks[:2])
    drain(store, clicks[2:])
    stats = days(store)[19_675]
    assert (stats.total, stats.qr_loads) == (4, 0)
    assert counts_of(stats) == {
        "source": {"news.example": 2, DIRECT: 2},
        "device": {"Desktop": 1, "Mobile": 2, "Bot": 1},
        "os": {
            f"Linux{PART}{UNKNOWN}": 1,
            f"iOS{PART}16": 2,
            f"{UNKNOWN}{PART}{UNKNOWN}": 1,
        },
        "browser": {
            f"Firefox{PART}115": 1,
            f"Mobile Safari{PART}16": 2,
            f"Googlebot{PART}2": 1,
        },
        "brand": {f"{UNKNOWN}{PART}{UNKNOWN}": 2, f"Apple{PART}iPhone": 2},
        "language": {"de": 1, "en": 1, UNKNOWN: 2},
        "country": {"DE": 1, UNKNOWN: 3},
        "bot": {"Googlebot": 1},
    }


def test_repeats_are_visits_and_count_in_no_day(store: Store) -> None:
    clicks = [Click(7, NOON + n, VISIT, is_repeat=n % 2 == 1) for n in range(5)]
    drain(store, clicks[:2])
    drain(store, clicks[2:])
    stored = counts(store)
    assert stored is not None
    assert (stored.count, stored.unique, stored.visits) == (5, 3, 5)
    assert [visit.is_repeat for _, visit in visits(store)] == [False, True, False, True, False]
    stats = days(store)[19_675]
    assert (stats.total, counts_of(stats)["device"]) == (3, {UNKNOWN: 3})


def test_a_visit_is_kept_without_the_rest_of_its_referrer(store: Store) -> None:
    click = Click(7, NOON, VISIT, "198.51.100.1", FIREFOX, "https://a.example/?secret=1", "de,en")
    drain(store, [click])
    assert visits(store) == [(0, Visit(NOON, VISIT, "198.51.100.1", FIREFOX, "a.example", "de,en"))]


def test_a_click_belongs_to_the_day_it_was_made_on(store: Store) -> None:
    midnight = 19_676 * DAY
    clicks = [(midnight - 1, VISIT), (midnight, VISIT), (NOON, QR_LOAD)]
    drain(store, [Click(7, utime, kind) for utime, kind in clicks])
    found = {day: (stats.total, stats.qr_loads) for day, stats in days(store).items()}
    assert found == {19_675: (1, 1), 19_676: (1, 0)}


def test_a_link_that_is_gone_leaves_nothing(store: Store) -> None:
    drain(store, [Click(1234, NOON, VISIT), Click(7, NOON, VISIT)])
    assert counts(store, 1234) is None
    assert days(store, 1234) == {}
    assert visits(store, 1234) == []
    assert totals(store) == Counts(1, 0, 1, 1, NOON, unique=1)


def test_a_dimension_has_a_bounded_number_of_values(store: Store) -> None:
    hosts = [f"https://h{number}.example/" for number in range(VALUES_PER_DIMENSION + 50)]
    drain(store, [Click(7, NOON, VISIT, referrer=host) for host in hosts])
    drain(store, [Click(7, NOON, VISIT, referrer=hosts[n]) for n in (0, 0, -1)])
    sources = counts_of(days(store)[19_675])["source"]
    assert len(sources) == VALUES_PER_DIMENSION + 1
    assert sources[OTHER] == 51
    assert sources["h0.example"] == 3
    assert sum(sources.values()) == len(hosts) + 3
    # The next day begins anew.
    drain(store, [Click(7, NOON + DAY, VISIT, referrer=hosts[-1])])
    assert counts_of(days(store)[19_676])["source"] == {"h249.example": 1}


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_only_the_last_visits_of_a_link_are_kept(store: Store, kept: int) -> None:
    for first, last in [(0, 2), (2, 3), (3, 10)]:
        drain(store, [Click(7, NOON + n, VISIT) for n in range(first, last)], kept)
        assert [visit.utime - NOON for _, visit in visits(store)] == list(
            range(max(0, last - kept), last)
        )
        stored = counts(store)
        assert stored is not None
        assert (stored.count, stored.visits) == (last, min(kept, last))


def test_fewer_kept_visits_take_effect_with_the_next_click(store: Store) -> None:
    drain(store, [Click(7, NOON + n, VISIT) for n in range(10)], 10)
    drain(store, [Click(7, NOON + 10, VISIT)], 2)
    assert [serial for serial, _ in visits(store)] == [9, 10]
    drain(store, [Click(7, NOON + 11, VISIT)], 10)
    assert [serial for serial, _ in visits(store)] == [9, 10, 11]


clicks_of_two_links = st.lists(
    st.builds(
        Click,
        link_id=st.sampled_from([7, 8, 9]),
        utime=st.integers(NOON, NOON + 2 * DAY),
        kind=st.sampled_from([VISIT, QR_VISIT, QR_LOAD]),
        user_agent=st.sampled_from([FIREFOX, IPHONE, GOOGLEBOT]),
        # More profiles than a row keeps, so that some are taken apart.
        referrer=st.sampled_from(["", *(f"https://{n}.example/" for n in range(PROFILES))]),
        is_repeat=st.booleans(),
    ),
    max_size=100,
)


@given(clicks_of_two_links, st.lists(st.integers(0, 100), max_size=8), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_it_does_not_matter_how_clicks_are_cut_into_drains(
    clicks: list[Click], cuts: list[int], kept: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))
        write(store, put_links)
        edges = [0, *sorted(cuts), len(clicks)]
        for start, end in pairwise(edges):
            drain(store, clicks[start:end], kept)
        for link_id in (7, 8):
            mine = [click for click in clicks if click.link_id == link_id]
            looks = [click for click in mine if click.kind != QR_LOAD]
            unique = [click for click in looks if not click.is_repeat]
            totals = Counter(click.utime // DAY for click in unique)
            stored = counts(store, link_id) or Counts()
            assert (stored.count, stored.visits) == (len(looks), min(kept, len(looks)))
            assert stored.unique == len(unique)
            assert stored.count_qr == sum(click.kind != VISIT for click in mine)
            assert stored.last_utime == max((click.utime for click in looks), default=0)
            found = days(store, link_id)
            assert {day: stats.total for day, stats in found.items() if stats.total} == totals
            assert sum(stats.qr_loads for stats in found.values()) == len(mine) - len(looks)
            agents = {"Desktop": FIREFOX, "Mobile": IPHONE, "Bot": GOOGLEBOT}
            for day, stats in found.items():
                for device, number in counts_of(stats).get("device", {}).items():
                    same = [c for c in unique if c.user_agent == agents[device]]
                    assert number == sum(click.utime // DAY == day for click in same)
            rows = visits(store, link_id)
            assert [(visit.utime, visit.kind) for _, visit in rows] == [
                (click.utime, click.kind) for click in looks[max(0, len(looks) - kept) :]
            ]
            bounds = range(stored.visit_serial - stored.visits, stored.visit_serial)
            assert [serial for serial, _ in rows] == list(bounds)
        store.close()


def test_the_time_unit_is_the_microsecond(store: Store) -> None:
    drain(store, [Click(7, 1_700_000_000 * SECOND, VISIT)])
    assert list(days(store)) == [1_700_000_000 // 86_400]
