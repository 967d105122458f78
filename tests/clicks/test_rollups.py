"""Rollups: exact while there is room, bounded beyond, the same in either form."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.clicks import rollups
from shortd.clicks.rollups import (
    DIMENSIONS,
    NAME_LENGTH,
    PROFILES,
    VALUES_PER_DIMENSION,
    Rollup,
    counts_of,
)
from shortd.models.clicks import VISIT, Click, DayStats, Visit
from shortd.visitors.devices import UNKNOWN
from shortd.visitors.sources import OTHER, SOURCE_LENGTH, source_of
from shortd.visitors.visitors import primary_language, referrer_host
from tests.clicks.population import KINDS, LANGUAGES, PLACES, SOURCES

OLD_PROFILE = "\x1e".join(
    ["Direct", "Mobile", "iOS\x1f18", "Safari\x1f18", "Apple\x1fiPhone", "", "de", "DE"]
)
"""As rows have it that were written when there were eight dimensions."""

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(DayStats).decode


def place(address: str) -> str:
    return address[:3] or UNKNOWN


clicks_of_a_day = st.lists(
    st.builds(
        Click,
        link_id=st.just(1),
        utime=st.just(1),
        kind=st.just(VISIT),
        address=st.sampled_from([address for address, _ in PLACES]),
        user_agent=st.sampled_from([kind.user_agent for kind in KINDS]),
        referrer=st.sampled_from([referrer for referrer, _ in SOURCES]),
        language=st.sampled_from([language for language, _ in LANGUAGES]),
        is_repeat=st.booleans(),
    ),
    max_size=4 * PROFILES,
)


@given(clicks_of_a_day, st.lists(st.integers(0, 4 * PROFILES), max_size=4))
def test_every_dimension_adds_up(clicks: list[Click], cuts: list[int]) -> None:
    row = None
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(clicks)], strict=True):
        rollup = Rollup(place, row)
        rollup.add(clicks[start:end])
        # As if it were stored and read again.
        row = decode(encode(rollup.row()))
    assert row is not None
    unique = [click for click in clicks if not click.is_repeat]
    kinds = {kind.user_agent: kind for kind in KINDS}
    expected = {
        "source": Counter(source_of(referrer_host(click.referrer)) for click in unique),
        "device": Counter(kinds[click.user_agent].device for click in unique),
        "os": Counter("\x1f".join(kinds[click.user_agent].system) for click in unique),
        "browser": Counter("\x1f".join(kinds[click.user_agent].browser) for click in unique),
        "brand": Counter("\x1f".join(kinds[click.user_agent].brand) for click in unique),
        "bot": Counter(bot for click in unique if (bot := kinds[click.user_agent].bot)),
        "language": Counter(primary_language(click.language) for click in unique),
        "country": Counter(place(click.address) for click in unique),
    }
    assert row.total == len(unique)
    assert counts_of(row) == {name: dict(counts) for name, counts in expected.items() if counts}
    assert not (row.profiles and row.dimensions)
    assert len(row.profiles) <= PROFILES


def test_visits_come_to_what_their_clicks_came_to() -> None:
    by_clicks, by_visits = Rollup(place), Rollup(place)
    for kind in KINDS:
        for referrer, _ in SOURCES:
            address, agent = "198.51.100.1", kind.user_agent
            by_clicks.add([Click(1, 1, VISIT, address, agent, referrer, "de")])
            by_visits.add_visit(Visit(1, VISIT, address, agent, referrer_host(referrer), "de"))
    assert by_clicks.row() == by_visits.row()


def hostile(number: int) -> Click:
    """A click of which everything is made up, as long as it may be, and new."""
    name = f"{number}\xfc\x1e\x1f\x00" * 20
    version = f"{number}{'9' * 60}.0"
    agent = f"Mozilla/5.0 (Linux; Android {version}; {name} Build/x) Chrome/{version} Mobile"
    if number % 2:
        agent = f"{number}{'b' * 60}bot/{version}"
    referrer = f"https://{number}{'r' * 200 * (number % 3)}.example/"
    return Click(1, 1, VISIT, str(number), agent[:512], referrer, f"l{'m' * (number % 30)},de")


def test_strangers_cannot_fill_the_disk() -> None:
    rollup = Rollup(lambda address: address)
    rollup.add(hostile(number) for number in range(10 * VALUES_PER_DIMENSION))
    row = rollup.row()
    assert row.total == 10 * VALUES_PER_DIMENSION
    counts = counts_of(row)
    assert counts.keys() == set(DIMENSIONS)
    for name, values in counts.items():
        assert len(values) <= VALUES_PER_DIMENSION + 1
        assert sum(values.values()) == (row.total // 2 if name == "bot" else row.total)
        assert max(map(len, values)) <= max(SOURCE_LENGTH, 2 * NAME_LENGTH + 1)
    assert counts["source"][OTHER] > VALUES_PER_DIMENSION
    assert counts["country"][OTHER] == 9 * VALUES_PER_DIMENSION
    assert len(encode(row)) < 100_000


def test_nothing_a_visitor_sends_passes_for_a_mark_of_ours() -> None:
    rollup = Rollup(place)
    rollup.add(hostile(number) for number in range(PROFILES))
    for profile in rollup.row().profiles:
        assert profile.count("\x1e") == len(DIMENSIONS) - 1
        assert profile.count("\x1f") == 3


def test_rows_from_before_a_dimension_came_stay_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """They tell nothing of it, and go on being added to."""
    old = decode(encode(DayStats(total=3, profiles={OLD_PROFILE: 3})))
    before = counts_of(old)
    assert before["source"] == {"Direct": 3} and before["country"] == {"DE": 3}
    monkeypatch.setattr(rollups, "DIMENSIONS", (*DIMENSIONS, "weather"))
    monkeypatch.setattr(rollups, "primary_language", lambda text: text)
    assert counts_of(old) == before
    rollup = Rollup(lambda address: "DE\x1esunny", old)
    click = Click(1, 1, VISIT, "192.0.2.1", "", "", "de")
    rollup.add([click] * PROFILES)
    after = counts_of(decode(encode(rollup.row())))
    assert after["weather"] == {"sunny": PROFILES}
    assert after["country"] == {"DE": 3 + PROFILES}


def test_rows_of_a_later_version_are_read_as_far_as_known() -> None:
    later = DayStats(total=1, profiles={f"{OLD_PROFILE}\x1esunny": 1})
    assert counts_of(later) == counts_of(DayStats(total=1, profiles={OLD_PROFILE: 1}))
