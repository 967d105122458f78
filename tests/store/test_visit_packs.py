"""Packed visits and days are what went in, and texts stay for as long as something uses them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.models.clicks import QR_VISIT, VISIT, DayStats, Visit, VisitPack
from shortd.store import Store
from shortd.store.day_packs import packed_day, unpacked_day
from shortd.store.schema import STRING_USES, STRINGS, STRINGS_BY_DIGEST
from shortd.store.strings import SHORT, Texts, code_of, given_back, stored_uses, taken
from shortd.store.txn import KnownStrings, WriteTxn
from shortd.store.visit_packs import (
    NEWEST_BYTES,
    NEWEST_VISITS,
    codes,
    cut,
    decode_pack,
    encode_pack,
    extended,
    give_back,
    in_blocks,
    is_whole,
    packed,
    unpacked,
    utimes,
)
from tests.store.things import write

ADDRESSES = [
    *("", "198.51.100.7", "198.51.100.0", "0.0.0.0", "255.255.255.255", "::", "::1"),
    *("2001:db8::", "2001:db8:0:1::7", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"),
    # As nobody writes them, and none at all.
    *("::ffff:198.51.100.7", "::ffff:c633:6407", "2001:DB8::1", "198.51.100.07", "1.2", "ü" * 40),
    *("unix:", "fe80::1%eth0", "nul\0", "x" * 300),
]
TEXTS = ["", "de", "fra", "long", "en-GB,en;q=0.7", "agent " + "x" * 500, "\x1e\x1f", "ü" * 9]
texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"])))
visits_lists = st.lists(
    st.builds(
        Visit,
        utime=st.one_of(
            st.integers(1_700_000_000_000_000, 1_700_000_100_000_000),
            st.integers(0, 2**62),
        ),
        kind=st.sampled_from([VISIT, QR_VISIT]),
        address=st.one_of(st.sampled_from(ADDRESSES), st.ip_addresses().map(str)),
        user_agent=texts,
        referrer=texts,
        language=texts,
        is_repeat=st.booleans(),
        country=st.sampled_from(["", "", "", "DE", "Unknown"]),
    ),
    max_size=20,
)
days = st.builds(
    DayStats,
    total=st.integers(0, 2**40),
    qr_loads=st.integers(0, 2**40),
    dimensions=st.dictionaries(
        st.sampled_from(["source", "device", "browser", "country", "of tomorrow"]),
        st.dictionaries(texts, st.integers(0, 2**40), max_size=5),
        max_size=3,
    ),
    profiles=st.dictionaries(
        st.lists(texts.filter(lambda text: "\x1e" not in text), min_size=1, max_size=10).map(
            "\x1e".join
        ),
        st.integers(0, 2**40),
        max_size=5,
    ),
)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Store(Path(folder))
        yield opened
        opened.close()


def nothing_left(store: Store) -> bool:
    with store.read() as txn:
        stored = (STRINGS, STRING_USES)
        is_empty = all(table.count(txn) == 0 for table in stored)
        return is_empty and not list(STRINGS_BY_DIGEST.entries(txn))


@given(st.lists(visits_lists, min_size=1, max_size=5), st.integers(-1, 60), st.integers(-1, 60))
@settings(max_examples=80, deadline=None)
def test_blocks_are_the_visits_that_went_in(
    store: Store, parts: list[list[Visit]], start: int, stop: int
) -> None:
    every = [visit for part in parts for visit in part]

    def function(txn: WriteTxn) -> None:
        pack = VisitPack()
        for part in parts:
            # As if it were stored and read again.
            pack = extended(txn, decode_pack(encode_pack(pack)), part)
        read = Texts(txn)
        assert is_whole(pack)
        assert unpacked(read, pack) == every
        assert utimes(pack) == [visit.utime for visit in every]
        first, last = max(0, start), max(0, start, stop)
        assert unpacked(read, pack, first, last) == every[first:last]
        assert is_whole(cut(pack, first, last))
        blocks = in_blocks(pack)
        assert [visit for block in blocks for visit in unpacked(read, block)] == every
        for block in blocks:
            assert len(block.forms) <= NEWEST_VISITS
            assert len(encode_pack(block)) <= NEWEST_BYTES or len(block.forms) == 1
        # Each piece gives back what it has, and then nothing is left.
        for block in blocks:
            middle = len(block.forms) // 2
            give_back(txn, cut(block, 0, middle))
            give_back(txn, cut(block, middle))

    write(store, function)
    assert nothing_left(store)


@given(st.lists(days, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_days_are_what_went_in(store: Store, rows: list[DayStats]) -> None:
    def function(txn: WriteTxn) -> None:
        for row in rows:
            day = packed_day(txn, row)
            encoded = msgspec.msgpack.encode(day)
            assert unpacked_day(Texts(txn), msgspec.msgpack.decode(encoded, type=type(day))) == row
            kept = [code for values in day.dimensions.values() for code in values]
            given_back(txn, kept)
            for raw in day.profiles:
                given_back(txn, msgspec.msgpack.decode(raw))

    write(store, function)
    assert nothing_left(store)


@given(
    st.lists(st.lists(st.tuples(st.sampled_from(TEXTS[3:]), st.booleans()), max_size=8), max_size=8)
)
@settings(max_examples=40, deadline=None)
def test_a_text_is_there_as_long_as_it_is_used(
    store: Store, steps: Sequence[Sequence[tuple[str, bool]]]
) -> None:
    """Over many transactions, some of which fail."""
    held: list[int | str] = []
    for number, step in enumerate(steps):
        fails = number % 3 == 2
        changed = list(held)

        def function(
            txn: WriteTxn,
            step: Sequence[tuple[str, bool]] = step,
            changed: list[int | str] = changed,
            fails: bool = fails,
        ) -> None:
            for text, is_new in step:
                if is_new or not changed:
                    changed.append(taken(txn, text))
                    code_of(txn, text + " is looked for alone")
                else:
                    given_back(txn, [changed.pop()])
            if fails:
                raise OSError

        with suppress(OSError):
            write(store, function)
            held = changed
        with store.read() as txn:
            uses = stored_uses(txn)
            numbers = [code for code in held if isinstance(code, int)]
            assert uses == {number: numbers.count(number) for number in numbers}
            assert {key[0] for key, _ in STRINGS.scan(txn)} == uses.keys()
            assert {Texts(txn)[code] for code in held} <= {*TEXTS}
    write(store, lambda txn: given_back(txn, held))
    assert nothing_left(store)


def test_a_text_has_a_number_from_the_second_time_on(store: Store) -> None:
    def twice(txn: WriteTxn) -> list[int | str]:
        return [taken(txn, "seen for the first time now") for _ in range(3)]

    first, second, third = write(store, twice)
    assert first == "seen for the first time now"
    assert isinstance(second, int)
    assert second == third
    # Behind a restart it is found again.
    again = write(store, lambda txn: _forgetful(txn, "seen for the first time now"))
    assert again == second
    assert write(store, lambda txn: taken(txn, "x" * SHORT)) == "x" * SHORT
    write(store, lambda txn: given_back(txn, [second, third, again]))
    assert nothing_left(store)


def _forgetful(txn: WriteTxn, text: str) -> int | str:
    txn.known = KnownStrings()
    return taken(txn, text)


def test_what_strangers_make_up_costs_no_more_than_its_bytes(store: Store) -> None:
    """And nothing in the table of texts."""
    agents = [f"Mozilla/5.0 made up {number} {'x' * 80}" for number in range(5000)]
    pack = write(
        store, lambda txn: packed(txn, [Visit(5, 0, "", agent, "", "") for agent in agents])
    )
    assert list(codes(pack))[:5000] == agents
    assert len(encode_pack(pack)) < sum(map(len, agents)) + 10 * len(agents)
    assert nothing_left(store)


def test_what_is_remembered_of_texts_is_bounded() -> None:
    known = KnownStrings()
    for number in range(5 * KnownStrings.MOST):
        known.note(str(number), number)
        assert not known.see(str(number), 0)
        assert len(known._numbers) + len(known._older_numbers) <= 2 * KnownStrings.MOST
        assert len(known._seen) + len(known._older_seen) <= 2 * KnownStrings.MOST
    assert known.number("0") is None
    assert known.number(str(number)) == number
    assert known.see(str(number), 0)
