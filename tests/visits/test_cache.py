"""The cache: what it finds, what it forgets, and what it holds in memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from shortd.visits.cache import Cache, Doorkeeper

GENERATION = 4
KEYS = st.integers(0, 30)


class Value:
    """Something whose end can be watched."""


@given(st.lists(st.tuples(st.sampled_from(["put", "get", "drop", "clear"]), KEYS), max_size=200))
def test_what_is_found_is_what_was_put_last(steps: list[tuple[str, int]]) -> None:
    cache: Cache[int, Value] = Cache(GENERATION)
    put: dict[int, Value] = {}
    used: list[int] = []
    for step, key in steps:
        if step == "put":
            put[key] = Value()
            cache.put(key, put[key])
        elif step == "get":
            value = cache.get(key)
            assert value is None or value is put[key]
            # The last ones that were put or found are always there.
            assert value is not None or key not in used[-GENERATION:]
        elif step == "drop":
            cache.drop(key)
            assert cache.get(key) is None
            put.pop(key, None)
        else:
            cache.clear()
            put.clear()
        if step == "put" or (step == "get" and value is not None):
            used = [*(one for one in used if one != key), key]
        else:
            used = [one for one in used if one in put]


def fill(cache: Cache[int, Value], count: int) -> Iterator[int]:
    """Puts values one by one, and says how many of them are in memory."""
    alive: weakref.WeakSet[Value] = weakref.WeakSet()
    for key in range(count):
        value = Value()
        alive.add(value)
        cache.put(key, value)
        del value
        yield len(alive)
    cache.clear()
    yield len(alive)


def test_at_most_two_generations_are_in_memory() -> None:
    cache: Cache[int, Value] = Cache(GENERATION)
    *while_filled, cleared = fill(cache, 20 * GENERATION)
    assert max(while_filled) == 2 * GENERATION
    assert cleared == 0


def test_a_doorkeeper_knows_what_came_lately() -> None:
    door = Doorkeeper(1 << 10)
    first = [door.has_seen(f"code {number}") for number in range(100)]
    again = [door.has_seen(f"code {number}") for number in range(100)]
    assert sum(first) < 10
    assert sum(again) > 60, "one in ten shares a slot with another"


def test_a_doorkeeper_forgets_what_is_long_gone() -> None:
    door = Doorkeeper(1 << 10)
    once = [door.has_seen(f"code {number}") for number in range(100_000)]
    again = [door.has_seen(f"code {number}") for number in range(100)]
    assert sum(once) < 1000, "of 255 new things, one counts as seen"
    assert sum(again) < 10


def test_a_doorkeeper_takes_negative_digests_and_empty_slots() -> None:
    for digest in (0, -1, -4, 4, 1 << 60):
        door = Doorkeeper(4)
        assert not door.has_seen(digest)
        assert door.has_seen(digest)
