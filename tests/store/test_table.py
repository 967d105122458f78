"""Tables against dictionaries: rows, indexes, scans, and what a failure leaves behind."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shortd.store import Store
from shortd.store.check import faults
from shortd.store.index import UniqueViolation
from shortd.store.txn import WriteTxn
from tests.store.things import BY_BOX, BY_LABEL, BY_PLACE, THINGS, Thing, open_store, write

ThingKey = tuple[int, str]
Model = dict[ThingKey, Thing]
Step = Callable[[WriteTxn, Model], None]

# Few values, so that keys and index keys meet.
SHELVES = [-(2**63), -1, 0, 2**63 - 1]
NUMBERS = [0, 1, 255, 2**32 - 1]
keys = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(["a", "ab", "b", "ä"]))
rows = st.builds(
    Thing,
    label=st.sampled_from(["", "x", "xy", "z"]),
    shelf=st.sampled_from(SHELVES),
    place=st.sampled_from(NUMBERS),
    box=st.none() | st.sampled_from(NUMBERS),
)


class Interrupted(Exception):
    """What a write function raises of its own accord."""


def violated(model: Model, key: ThingKey, row: Thing) -> bool:
    return any(
        (row.label and other.label == row.label)
        or (other.shelf, other.place) == (row.shelf, row.place)
        or (row.box is not None and other.box == row.box)
        for other_key, other in model.items()
        if other_key != key
    )


class Put(msgspec.Struct):
    key: ThingKey
    row: Thing

    def __call__(self, txn: WriteTxn, model: Model) -> None:
        if violated(model, self.key, self.row):
            with pytest.raises(UniqueViolation):
                THINGS.put(txn, self.key, self.row)
        else:
            THINGS.put(txn, self.key, self.row)
            model[self.key] = self.row


class PutOrFail(Put):
    """The same, but a violation ends the whole function."""

    def __call__(self, txn: WriteTxn, model: Model) -> None:
        THINGS.put(txn, self.key, self.row)
        assert not violated(model, self.key, self.row)
        model[self.key] = self.row


class Insert(Put):
    def __call__(self, txn: WriteTxn, model: Model) -> None:
        free = self.key not in model and not violated(model, self.key, self.row)
        assert THINGS.insert(txn, self.key, self.row) == free
        if free:
            model[self.key] = self.row


class InsertAll(msgspec.Struct):
    """All of the rows, or none if one meets another or what is there."""

    things: list[tuple[ThingKey, Thing]]

    def __call__(self, txn: WriteTxn, model: Model) -> None:
        after = dict(model)
        free = True
        for key, row in self.things:
            free = free and key not in after and not violated(after, key, row)
            after[key] = row
        assert THINGS.insert_all(txn, self.things) == free
        if free:
            model.update(after)


class Delete(msgspec.Struct):
    key: ThingKey

    def __call__(self, txn: WriteTxn, model: Model) -> None:
        assert THINGS.delete(txn, self.key) == model.pop(self.key, None)


class Move(msgspec.Struct):
    old: ThingKey
    new: ThingKey

    def __call__(self, txn: WriteTxn, model: Model) -> None:
        row = THINGS.delete(txn, self.old)
        assert row == model.pop(self.old, None)
        if row is not None:
            THINGS.put(txn, self.new, row)
            model[self.new] = row


class Fail(msgspec.Struct):
    def __call__(self, txn: WriteTxn, model: Model) -> None:
        raise Interrupted


steps: st.SearchStrategy[Any] = st.one_of(
    st.builds(Put, keys, rows),
    st.builds(Insert, keys, rows),
    st.builds(InsertAll, st.lists(st.tuples(keys, rows), max_size=4)),
    st.builds(PutOrFail, keys, rows),
    st.builds(Delete, keys),
    st.builds(Move, keys, keys),
    st.builds(Fail),
)


class TableMachine(RuleBasedStateMachine):
    """Batches of write functions, some of which raise, against a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.opened = open_store(self.directory)
        self.store = self.opened.__enter__()
        self.runner = asyncio.Runner()
        self.model: Model = {}

    def teardown(self) -> None:
        self.runner.close()
        self.opened.__exit__(None, None, None)
        shutil.rmtree(self.directory)

    @rule(functions=st.lists(st.lists(steps, max_size=5), min_size=1, max_size=4))
    def write_together(self, functions: list[list[Step]]) -> None:
        async def together() -> list[object]:
            return await asyncio.gather(
                *(self.store.write(partial(self.apply, todo)) for todo in functions),
                return_exceptions=True,
            )

        for outcome in self.runner.run(together()):
            assert outcome is None or isinstance(outcome, Interrupted | UniqueViolation), outcome

    def apply(self, todo: list[Step], txn: WriteTxn) -> None:
        """Runs in the writer thread, one at a time and in order; see test_writer."""
        model = dict(self.model)
        for step in todo:
            step(txn, model)
        self.model = model

    @invariant()
    def rows_are_the_models(self) -> None:
        with self.store.read() as txn:
            assert list(THINGS.scan(txn)) == sorted(self.model.items())
            assert THINGS.count(txn) == len(self.model)
            for key in [*self.model, (7, "absent")]:
                assert THINGS.get(txn, key) == self.model.get(key)

    @invariant()
    def indexes_are_those_of_the_rows(self) -> None:
        labels = {row.label: row for row in self.model.values() if row.label}
        places = {(row.shelf, row.place): row for row in self.model.values()}
        boxes = {row.box: row for row in self.model.values() if row.box is not None}
        with self.store.read() as txn:
            assert list(faults(txn)) == []
            assert list(BY_LABEL.keys(txn)) == sorted((label,) for label in labels)
            assert list(BY_PLACE.keys(txn)) == sorted(places)
            for label in ["x", "xy", "z", "absent"]:
                assert BY_LABEL.get(txn, (label,)) == labels.get(label)
                assert BY_LABEL.has(txn, (label,)) == (label in labels)
            for place, row in places.items():
                assert BY_PLACE.get(txn, place) == row
            for box in [*NUMBERS, 7]:
                assert BY_BOX.get(txn, (box,)) == boxes.get(box)
                assert BY_BOX.has(txn, (box,)) == (box in boxes)
            held = {key for key, _ in BY_BOX.entries(txn)}
            assert held == {
                BY_BOX.key.encode((row.box,))
                for key, row in self.model.items()
                if row.box is not None and (key != (row.box, "a") or row.box == 255)
            }

    @rule(after=st.none() | keys)
    def scan(self, after: ThingKey | None) -> None:
        with self.store.read() as txn:
            for prefix in [(), (0,), (1,), (255,), (2**32 - 1,), (3,)]:
                assert list(THINGS.scan(txn, prefix, after=after)) == [
                    (key, row)
                    for key, row in sorted(self.model.items())
                    if key[: len(prefix)] == prefix and (after is None or key > after)
                ]

    @rule(after=st.none() | st.tuples(st.sampled_from([*SHELVES, 4]), st.integers(0, 256)))
    def walk(self, after: tuple[int, int] | None) -> None:
        places = sorted((row.shelf, row.place) for row in self.model.values())
        with self.store.read() as txn:
            for prefix in [(), (0,), (-1,), (-(2**63),), (2**63 - 1,), (5,)]:
                within = [place for place in places if place[: len(prefix)] == prefix]
                assert list(BY_PLACE.keys(txn, prefix, after=after)) == [
                    place for place in within if after is None or place > after
                ]
                assert list(BY_PLACE.keys(txn, prefix, after=after, reverse=True)) == [
                    place for place in reversed(within) if after is None or place < after
                ]


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "data") as opened:
        yield opened


def test_a_scan_begins_wherever_it_is_told_to(store: Store) -> None:
    """Also before and behind the keys that its prefix allows."""
    places = [(shelf, place) for shelf in (-1, 0, 2) for place in (0, 5)]

    def put(txn: WriteTxn) -> None:
        for shelf, place in places:
            THINGS.put(txn, (shelf + 1, str(place)), Thing("", shelf, place))

    write(store, put)
    afters = [None, *((shelf, place) for shelf in range(-2, 4) for place in (0, 3, 5, 9))]
    with store.read() as txn:
        for prefix, after in product([(), (-1,), (0,), (1,), (2,)], afters):
            within = [place for place in places if place[: len(prefix)] == prefix]
            assert list(BY_PLACE.keys(txn, prefix, after=after)) == [
                place for place in within if after is None or place > after
            ]
            assert list(BY_PLACE.keys(txn, prefix, after=after, reverse=True)) == [
                place for place in reversed(within) if after is None or place < after
            ]


ONE = Thing("x", 1, 1)


def test_a_caught_violation_leaves_every_index_as_it_was(store: Store) -> None:
    def attempt(txn: WriteTxn) -> None:
        THINGS.put(txn, (1, "taken"), Thing("taken", 9, 9))
        THINGS.put(txn, (1, "a"), ONE)
        # Its label is free, its place is not.
        with pytest.raises(UniqueViolation) as violation:
            THINGS.put(txn, (1, "a"), Thing("new", 9, 9))
        assert violation.value.index == BY_PLACE.name

    write(store, attempt)
    with store.read() as txn:
        assert list(faults(txn)) == []
        assert THINGS.get(txn, (1, "a")) == BY_LABEL.get(txn, ("x",)) == ONE
        assert not BY_LABEL.has(txn, ("new",))


def test_a_key_that_is_implied_from_now_on_may_be_anothers(store: Store) -> None:
    """Neither before nor after has the row an entry, and yet its index key is a new one."""

    def fill(txn: WriteTxn) -> None:
        THINGS.put(txn, (1, "a"), Thing("", 0, 0))
        THINGS.put(txn, (1, "b"), Thing("", 0, 1, box=1))
        with pytest.raises(UniqueViolation):
            THINGS.put(txn, (1, "a"), Thing("", 0, 0, box=1))
        assert THINGS.get(txn, (1, "a")) == Thing("", 0, 0)
        THINGS.delete(txn, (1, "b"))
        THINGS.put(txn, (1, "a"), Thing("", 0, 0, box=1))
        THINGS.put(txn, (1, "a"), Thing("x", 0, 0, box=1))

    write(store, fill)
    with store.read() as txn:
        assert list(faults(txn)) == []


def test_a_row_that_cannot_be_encoded_leaves_every_index_as_it_was(store: Store) -> None:
    def attempt(txn: WriteTxn) -> None:
        THINGS.put(txn, (1, "a"), ONE)
        with pytest.raises(TypeError):
            THINGS.put(txn, (1, "a"), Thing("new", 2, 2j))  # type: ignore[arg-type]

    write(store, attempt)
    with store.read() as txn:
        assert list(faults(txn)) == []
        assert BY_LABEL.get(txn, ("x",)) == ONE


def test_two_rows_may_swap_an_index_key_by_way_of_a_third(store: Store) -> None:
    def swap(txn: WriteTxn) -> None:
        THINGS.put(txn, (1, "a"), Thing("x", 0, 0))
        THINGS.put(txn, (1, "b"), Thing("z", 1, 1))
        THINGS.put(txn, (1, "a"), Thing("", 0, 0))
        THINGS.put(txn, (1, "b"), Thing("x", 1, 1))
        THINGS.put(txn, (1, "a"), Thing("z", 0, 0))

    write(store, swap)
    with store.read() as txn:
        assert BY_LABEL.get(txn, ("x",)) == Thing("x", 1, 1)
        assert BY_LABEL.get(txn, ("z",)) == Thing("z", 0, 0)
        assert list(faults(txn)) == []


def test_a_read_sees_one_moment(store: Store) -> None:
    write(store, lambda txn: THINGS.put(txn, (1, "a"), ONE))
    with store.read() as txn:
        write(store, lambda txn: THINGS.delete(txn, (1, "a")))
        write(store, lambda txn: THINGS.put(txn, (2, "b"), ONE))
        assert [key for key, _ in THINGS.scan(txn)] == [(1, "a")]
        assert BY_LABEL.get(txn, ("x",)) == ONE
    with store.read() as txn:
        assert [key for key, _ in THINGS.scan(txn)] == [(2, "b")]
