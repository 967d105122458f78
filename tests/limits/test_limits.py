"""Token buckets against a model that knows only fractions and has no memory to save."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.clock import DAY, SECOND
from shortd.limits.buckets import MAX_CAPACITY, MAX_SKEW, Buckets, Limit
from shortd.models.limits import Balance

NOW = 1_700_000_000 * SECOND
LIMIT = Limit(capacity=10, refill_rate=2)
LINKS = Limit(capacity=129_600_000_000, refill_rate=50_000)


class Database:
    """The table a caller would keep, and what he does with a take."""

    def __init__(self) -> None:
        self.rows: dict[str, Balance] = {}
        self.loads = 0

    def load(self, key: str) -> Balance | None:
        self.loads += 1
        return self.rows.get(key)

    def commit(self, taken: dict[str, Balance | None]) -> None:
        for key, balance in taken.items():
            if balance is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = balance


def no_rows(key: str) -> None:
    """Nothing is stored: every bucket starts full."""


def resident(buckets: Buckets, database: Database, limit: Limit) -> set[str]:
    """The stored keys that are answered from memory."""
    found = set()
    for key in list(database.rows):
        loads = database.loads
        buckets.balance(key, limit, NOW + SECOND)
        if database.loads == loads:
            found.add(key)
    return found


class Model:
    """One bucket, in fractions of a weight unit; without an entry it is full."""

    def __init__(self) -> None:
        self.last: tuple[Fraction, int] | None = None

    def level(self, limit: Limit, now: int) -> Fraction:
        full = Fraction(limit.capacity)
        if self.last is None:
            return full
        level, since = self.last
        if since - now > MAX_SKEW:
            self.last = level, now
        elapsed = Fraction(max(0, now - since), SECOND)
        return min(full, level + elapsed * limit.refill_rate)

    def set(self, level: Fraction, now: int) -> None:
        self.last = level, max(now, self.last[1] if self.last else now)


keys = st.sampled_from(["a", "b", "c", "d"])
weights = st.integers(0, 14)
seconds = st.one_of(
    st.integers(-200 * SECOND, 200 * SECOND), st.integers(-3, 3), st.integers(0, 2 * SECOND)
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), keys, weights),
        st.tuples(st.just("refund"), keys, weights),
        st.tuples(st.just("balance"), keys, st.just(0)),
        st.tuples(st.just("time"), st.just(""), seconds),
        st.tuples(st.sampled_from(["persist", "fail", "restart"]), st.just(""), st.just(0)),
    ),
    max_size=60,
)
limits = st.builds(Limit, capacity=st.integers(0, 12), refill_rate=st.integers(0, 7))


@given(steps, st.fixed_dictionaries(dict.fromkeys("abcd", limits)), st.integers(0, 5))
def test_every_step_agrees_with_the_model(
    steps: list[tuple[str, str, int]], limits: dict[str, Limit], max_entries: int
) -> None:
    database = Database()
    buckets = Buckets(database.load, max_entries)
    models = {key: Model() for key in limits}
    now = NOW
    for step, key, amount in steps:
        match step:
            case "time":
                now += amount
            case "persist":
                database.commit(buckets.take_dirty())
            case "fail":
                buckets.restore_dirty(buckets.take_dirty())
            case "restart":
                database.commit(buckets.take_dirty())
                buckets = Buckets(database.load, max_entries)
            case "charge":
                level = models[key].level(limits[key], now)
                wait = buckets.charge(key, limits[key], amount, now)
                assert (wait == 0) == (amount <= level)
                if not wait:
                    models[key].set(level - amount, now)
            case "refund":
                level = models[key].level(limits[key], now)
                buckets.refund(key, limits[key], amount, now)
                if level < limits[key].capacity:
                    models[key].set(min(level + amount, Fraction(limits[key].capacity)), now)
            case "balance":
                level = models[key].level(limits[key], now)
                assert buckets.balance(key, limits[key], now) == int(level)
    for key, limit in limits.items():
        assert buckets.balance(key, limit, now) == int(models[key].level(limit, now))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["charge", "refund", "persist", "restart"]),
            weights,
            limits,
            st.integers(0, 20 * SECOND),
        ),
        max_size=40,
    )
)
def test_changing_limits_never_leave_a_balance_out_of_bounds(
    steps: list[tuple[str, int, Limit, int]],
) -> None:
    database = Database()
    buckets = Buckets(database.load)
    now = NOW
    for step, weight, limit, elapsed in steps:
        now += elapsed
        before = buckets.balance("a", limit, now)
        assert 0 <= before <= limit.capacity
        match step:
            case "charge":
                taken = buckets.charge("a", limit, weight, now) == 0
                assert taken == (weight <= before)
                assert buckets.balance("a", limit, now) == before - weight * taken
            case "refund":
                buckets.refund("a", limit, weight, now)
                assert buckets.balance("a", limit, now) == min(limit.capacity, before + weight)
            case _:
                database.commit(buckets.take_dirty())
                buckets = Buckets(database.load) if step == "restart" else buckets
                assert before <= buckets.balance("a", limit, now) <= limit.capacity


@given(
    st.builds(Limit, capacity=st.integers(0, 50), refill_rate=st.integers(1, 9)),
    st.lists(st.tuples(st.integers(0, 20), st.integers(-SECOND, SECOND)), max_size=20),
    st.integers(1, 60),
)
def test_the_wait_is_exact(limit: Limit, spent: list[tuple[int, int]], weight: int) -> None:
    buckets = Buckets(no_rows)
    now = NOW
    for amount, elapsed in spent:
        now += elapsed
        buckets.charge("a", limit, amount, now)
    wait = buckets.charge("a", limit, weight, now)
    if wait and weight > limit.capacity:
        assert buckets.balance("a", limit, now + wait) == limit.capacity
        assert wait == 1 or buckets.balance("a", limit, now + wait - 1) < limit.capacity
    elif wait:
        assert buckets.charge("a", limit, weight, now + wait - 1) > 0
        assert buckets.charge("a", limit, weight, now + wait) == 0


def test_no_drift_over_many_odd_steps() -> None:
    buckets = Buckets(no_rows)
    limit = Limit(capacity=1_000_000, refill_rate=7)
    assert buckets.charge("a", limit, 1_000_000, NOW) == 0
    now = NOW
    taken = 0
    for _ in range(100_000):
        now += 333_333
        taken += buckets.charge("a", limit, 1, now) == 0
    assert taken == 100_000
    assert buckets.balance("a", limit, now) == 100_000 * 333_333 * 7 // SECOND - taken


def test_the_largest_buckets_fit_their_row() -> None:
    buckets = Buckets(no_rows)
    limit = Limit(capacity=MAX_CAPACITY, refill_rate=1)
    buckets.charge("a", limit, 1, NOW)
    balance = buckets.take_dirty()["a"]
    assert balance == Balance((MAX_CAPACITY - 1) * 1_000_000, NOW)
    assert balance.level < 2**63


def test_the_samples_link_bucket_is_thirty_days() -> None:
    buckets = Buckets(no_rows)
    assert buckets.charge("a", LINKS, LINKS.capacity, NOW) == 0
    assert buckets.charge("a", LINKS, LINKS.capacity, NOW) == 30 * DAY
    assert buckets.charge("a", LINKS, 1000, NOW) == SECOND // 50


def test_a_bucket_without_refill_says_a_day() -> None:
    buckets = Buckets(no_rows)
    limit = Limit(capacity=5, refill_rate=0)
    assert buckets.charge("a", limit, 5, NOW) == 0
    assert buckets.charge("a", limit, 1, NOW + DAY) == DAY
    buckets.refund("a", limit, 1, NOW + DAY)
    assert buckets.charge("a", limit, 1, NOW + DAY) == 0


@pytest.mark.parametrize(("capacity", "refill_rate"), [(-1, 1), (MAX_CAPACITY + 1, 1), (1, -1)])
def test_limits_no_bucket_can_have_are_refused(capacity: int, refill_rate: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Limit(capacity=capacity, refill_rate=refill_rate)


def test_a_lowered_capacity_caps_the_level_and_a_raised_one_keeps_it() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("a", LIMIT, 2, NOW)
    assert buckets.balance("a", Limit(capacity=5, refill_rate=2), NOW) == 5
    assert buckets.balance("a", Limit(capacity=50, refill_rate=2), NOW) == 8


def test_a_clock_set_back_holds_a_bucket_up_for_a_minute_at_most() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("a", LIMIT, 10, NOW)
    earlier = NOW - 365 * DAY
    assert buckets.charge("a", LIMIT, 2, earlier) == SECOND
    assert buckets.charge("a", LIMIT, 2, earlier + SECOND) == 0
    buckets.charge("b", LIMIT, 10, NOW)
    assert buckets.charge("b", LIMIT, 2, NOW - MAX_SKEW) == MAX_SKEW + SECOND


def test_a_weight_above_the_capacity_waits_for_a_full_bucket() -> None:
    buckets = Buckets(no_rows)
    assert buckets.charge("a", LIMIT, 11, NOW) == 1
    buckets.charge("a", LIMIT, 4, NOW)
    assert buckets.charge("a", LIMIT, 11, NOW) == 2 * SECOND
    buckets.refund("a", LIMIT, 4, NOW)
    assert buckets.charge("a", LIMIT, 11, NOW - SECOND) == 1


def test_a_stored_time_in_the_future_does_not_freeze_a_bucket() -> None:
    database = Database()
    database.rows["a"] = Balance(0, NOW + 365 * DAY)
    buckets = Buckets(database.load)
    assert buckets.charge("a", LIMIT, 2, NOW) == SECOND
    assert buckets.charge("a", LIMIT, 2, NOW + SECOND) == 0


def test_late_requests_do_not_refill_the_same_seconds_twice() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("a", LIMIT, 10, NOW)
    for _ in range(10):
        assert buckets.charge("a", LIMIT, 1, NOW - 30 * SECOND) > 0
        assert buckets.charge("a", LIMIT, 1, NOW) > 0


def test_a_refund_ends_at_the_capacity_of_its_limit() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("a", LIMIT, 2, NOW)
    buckets.refund("a", LIMIT, 100, NOW)
    assert buckets.balance("a", Limit(capacity=50, refill_rate=2), NOW) == 10


def test_a_late_refund_brings_no_refill_with_it() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("a", LIMIT, 10, NOW)
    buckets.refund("a", LIMIT, 1, NOW - 2 * SECOND)
    assert buckets.balance("a", LIMIT, NOW) == 1


def test_a_take_holds_what_changed_once() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("spent", LIMIT, 4, NOW)
    buckets.charge("refused", LIMIT, 11, NOW)
    buckets.balance("asked", LIMIT, NOW)
    assert buckets.take_dirty() == {"spent": Balance(6_000_000, NOW)}
    assert buckets.take_dirty() == {}


def test_a_bucket_full_again_loses_its_row() -> None:
    database = Database()
    buckets = Buckets(database.load)
    buckets.charge("a", LIMIT, 4, NOW)
    database.commit(buckets.take_dirty())
    assert database.rows == {"a": Balance(6_000_000, NOW)}
    buckets.charge("a", LIMIT, 1, NOW + SECOND)
    buckets.balance("a", LIMIT, NOW + 3 * SECOND)
    assert buckets.take_dirty() == {"a": None}


def test_a_failed_transaction_is_taken_again_with_what_came_since() -> None:
    buckets = Buckets(no_rows)
    buckets.charge("a", LIMIT, 4, NOW)
    buckets.charge("b", LIMIT, 4, NOW)
    taken = buckets.take_dirty()
    buckets.charge("a", LIMIT, 1, NOW)
    buckets.restore_dirty(taken)
    assert buckets.take_dirty() == {"a": Balance(5_000_000, NOW), "b": Balance(6_000_000, NOW)}


def test_rows_that_were_swept_are_restored_too() -> None:
    database = Database()
    buckets = Buckets(database.load, max_entries=1)
    for key in "ab":
        buckets.charge(key, LIMIT, 4, NOW)
    taken = buckets.take_dirty()
    database.commit(taken)
    buckets.balance("a", LIMIT, NOW + 2 * SECOND)
    swept = buckets.take_dirty()
    assert swept == {"a": None, "b": None}
    buckets.restore_dirty(swept)
    assert buckets.take_dirty() == {"a": None, "b": None}


def test_what_a_take_holds_is_not_evicted_before_the_next() -> None:
    buckets = Buckets(no_rows, max_entries=0)
    for key in "abc":
        buckets.charge(key, LIMIT, 4, NOW)
    buckets.take_dirty()
    assert [buckets.balance(key, LIMIT, NOW) for key in "abc"] == [6, 6, 6]


def test_full_buckets_go_first_then_those_that_rested_longest() -> None:
    database = Database()
    buckets = Buckets(database.load, max_entries=4)
    slow = Limit(capacity=10, refill_rate=0)
    for key, limit in [("old", slow), ("full", LIMIT), ("busy", slow), ("young", slow)]:
        buckets.charge(key, limit, 1, NOW)
        database.commit(buckets.take_dirty())
    buckets.charge("busy", slow, 1, NOW + SECOND)
    buckets.charge("new", slow, 1, NOW + SECOND)
    database.commit(buckets.take_dirty())
    assert set(database.rows) == {"old", "busy", "young", "new"}
    assert resident(buckets, database, slow) == {"old", "busy", "young", "new"}
    buckets.charge("newer", slow, 1, NOW + SECOND)
    database.commit(buckets.take_dirty())
    assert resident(buckets, database, slow) == {"busy", "young", "new", "newer"}
    assert buckets.balance("old", slow, NOW + SECOND) == 9


@pytest.mark.parametrize("refill_rate", [0, 1000])
def test_a_flood_of_addresses_leaves_memory_bounded(refill_rate: int) -> None:
    database = Database()
    buckets = Buckets(database.load, max_entries=4000)
    limit = Limit(capacity=1000, refill_rate=refill_rate)
    now = NOW
    for number in range(30_000):
        now += 1000
        assert buckets.charge(f"{number}", limit, 100, now) == 0
        if number % 100 == 99:
            database.commit(buckets.take_dirty())
            assert len(buckets._cells) <= 4000 + 4000 // 8 + 200
    if refill_rate:
        assert len(database.rows) <= 4000
    else:
        assert {buckets.balance(f"{number}", limit, now) for number in range(30_000)} == {900}
    assert len(buckets._cells) <= 4000 + 4000 // 8 + 200
