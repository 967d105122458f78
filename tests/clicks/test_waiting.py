"""What clicks that wait for the drain come to, however they are taken off again, and in how much
memory."""

from __future__ import annotations

import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.clicks import Clicks
from shortd.clicks.waiting import PendingCounts, Waiting
from shortd.journal import Journal
from shortd.models.clicks import QR_LOAD, QR_VISIT, VISIT, Click, Position, Sighting
from shortd.settings import ClickSettings
from shortd.store import Store

LINKS = [1, 62**6, 62**9]
CHOICES = ["", "", "ab:one", "ab:two", "ab:three", "ab:one phones:ios", "phones:other"]


@st.composite
def clicks(draw: st.DrawFn) -> Click:
    link_id = draw(st.sampled_from(LINKS))
    # Some come from before 1970, or from far away.
    utime = draw(st.integers(0, 1 << 20) | st.sampled_from([-1, (1 << 53) - 1, 1 << 53, 1 << 62]))
    kind = draw(st.sampled_from([VISIT, VISIT, VISIT, QR_VISIT, QR_LOAD]))
    names = st.none() | st.sampled_from([b"one", b"two"])
    is_repeat = kind != QR_LOAD and draw(st.booleans())
    seen = None if is_repeat or kind == QR_LOAD else draw(names)
    return Click(
        link_id,
        utime,
        kind,
        choice=draw(st.sampled_from(CHOICES)),
        is_repeat=is_repeat,
        sighting=None if seen is None else Sighting(link_id, seen + b"%d" % link_id, utime, 0),
    )


def come_to(clicks: list[Click], link_id: int) -> PendingCounts:
    """What clicks of a link come to, counted one by one."""
    found = PendingCounts()
    choices: Counter[str] = Counter()
    for click in clicks:
        if click.link_id != link_id:
            continue
        found.count += click.kind != QR_LOAD
        found.unique += click.kind != QR_LOAD and not click.is_repeat
        found.count_qr += click.kind != VISIT
        choices.update(click.choice.split())
    found.choices = dict(choices)
    return found


def told(counts: PendingCounts) -> tuple[int, int, int, dict[str, int]]:
    choices = {name: clicks for name, clicks in (counts.choices or {}).items() if clicks}
    return counts.count, counts.count_qr, counts.unique, choices


def seen_in(clicks: list[Click]) -> defaultdict[bytes, set[int]]:
    """When visitors were seen who are to be known again."""
    times: defaultdict[bytes, set[int]] = defaultdict(set)
    for click in clicks:
        if click.sighting is not None:
            times[click.sighting.visitor].add(click.utime)
    return times


@given(st.lists(st.lists(clicks(), max_size=12), max_size=6), st.data())
def test_what_is_left_is_what_has_not_been_taken_off(
    portions: list[list[Click]], data: st.DataObject
) -> None:
    """Batches are taken off in the order in which their clicks came, while more come."""
    waiting = Waiting()
    left: list[list[Click]] = []
    stored: defaultdict[bytes, set[int]] = defaultdict(set)
    for portion in portions:
        for click in portion:
            waiting.add(click)
        left.append(portion)
        if data.draw(st.booleans()):
            batch = Waiting(most_choices=1000)
            for click in left[0]:
                batch.add(click)
            for visitor, times in seen_in(left.pop(0)).items():
                stored[visitor] |= times
            waiting.remove(batch)
        rest = [click for portion in left for click in portion]
        assert waiting.links == {click.link_id for click in rest}
        for link_id in LINKS:
            assert told(waiting.of(link_id)) == told(come_to(rest, link_id))
            moments = [c.utime for c in rest if c.link_id == link_id and c.kind != QR_LOAD]
            assert waiting.of(link_id).last_utime >= max(moments, default=0)
        for visitor, times in seen_in(rest).items():
            last = waiting.last_seen(visitor)
            # What he did at the same moment is in the tables.
            assert last in times or (last is None and times & stored[visitor])


def test_choices_beyond_the_bound_are_taken_off_where_they_were_counted() -> None:
    def click(number: int) -> Click:
        return Click(1, 5, VISIT, choice=f"ab:{number}")

    waiting, first, second = Waiting(), Waiting(most_choices=1000), Waiting(most_choices=1000)
    for number in range(80):
        waiting.add(click(number))
        first.add(click(number))
    for number in range(100):
        waiting.add(click(number))
        second.add(click(number))
    before = waiting.of(1).choices
    assert before is not None
    assert (len(before), before["ab:63"], before["ab:other"]) == (65, 2, 16 + 36)
    waiting.remove(first)
    left = waiting.of(1).choices
    assert left is not None
    assert (left["ab:63"], left["ab:other"], sum(left.values())) == (1, 36, 100)
    waiting.remove(second)
    assert not waiting.links


@pytest.mark.parametrize("links", [10, 5000])
def test_clicks_that_wait_take_memory_for_their_links_alone(tmp_path: Path, links: int) -> None:
    store = Store(tmp_path)
    journal = Journal(tmp_path / "journal", after=Position())
    counter = Clicks(store, journal, ClickSettings())
    with patch("shortd.clicks.clicks.SEALED_GENERATIONS", 10):
        tracemalloc.start()
        try:
            for number in range(30_000):
                counter.record(Click(number % links + 1000, 10**15 + number, VISIT, "192.0.2.1"))
                if number % 32 == 31:
                    counter.flush()
            used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert counter.backlog == 30_000
    assert used < 50_000 + 200 * links
    store.close()
    journal.close()
