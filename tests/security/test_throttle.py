"""Budgets of attempts: who may try how often, and who is never kept out by others."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.blocks import blocks
from shortd.clock import DAY, MINUTE, SECOND
from shortd.security.throttle import TRUST, Bill, Guess, Throttle

NOW = 1_700_000_000 * SECOND
OWNER = "192.0.2.1"


def guess(
    subject: str = "ada", address: str = "203.0.113.7", *, known: bool = False, first: bool = False
) -> Guess:
    return Guess(subject, blocks(address), known, first)


def wait(throttle: Throttle, wanted: Guess, now: int = NOW) -> int:
    return throttle.bill(wanted, now).wait(now)


def take(throttle: Throttle, wanted: Guess, now: int = NOW) -> Bill:
    bill = throttle.bill(wanted, now)
    bill.pay(now)
    return bill


def tries(throttle: Throttle, wanted: Guess, until: int = NOW, since: int = NOW) -> int:
    """How many attempts are let through in a time, by somebody who never stops."""
    done = 0
    for now in range(since, until + 1, SECOND):
        while not wait(throttle, wanted, now):
            take(throttle, wanted, now)
            throttle.fail(wanted, now)
            done += 1
    return done


def test_ten_at_once_then_six_a_minute_from_everywhere() -> None:
    throttle, done = Throttle(), []
    for now in range(NOW, NOW + 5 * MINUTE, SECOND):
        for number in range(16):
            wanted = guess(address=f"198.51.100.{number}")
            if not wait(throttle, wanted, now):
                take(throttle, wanted, now)
                done.append(now)
    assert sum(now == NOW for now in done) == 10
    assert sum(now < NOW + MINUTE for now in done) == 10 + 5
    assert len(done) == 10 + 5 * 6 - 1


def test_ten_at_once_then_twelve_a_minute_from_one_address() -> None:
    throttle, done = Throttle(), 0
    for second in range(5 * 60):
        for number in range(100):
            wanted = guess(f"account {second} {number}")
            if not wait(throttle, wanted, NOW + second * SECOND):
                take(throttle, wanted, NOW + second * SECOND)
                done += 1
    assert done == 10 + 5 * 12 - 1


@pytest.mark.parametrize(
    ("addresses", "most"),
    [
        ("2001:db8:1:2::{:x}", 10),
        ("2001:db8:1:2{:02x}::", 20),
        ("2001:db8:1:{:x}00::", 40),
        ("2001:db8:{:x}::", 100),
    ],
    ids=["/64", "/56", "/48", "others"],
)
def test_blocks_of_ipv6_are_clients(addresses: str, most: int) -> None:
    throttle, done = Throttle(), 0
    for number in range(100):
        wanted = guess(f"account {number}", addresses.format(number))
        if not wait(throttle, wanted, NOW):
            take(throttle, wanted, NOW)
            done += 1
    assert done == most


def test_what_is_given_back_can_be_tried_again() -> None:
    throttle = Throttle()
    for _ in range(1000):
        assert wait(throttle, guess(), NOW) == 0
        take(throttle, guess()).give_back(NOW)
    assert tries(throttle, guess()) == 10


def test_the_next_turn_is_told() -> None:
    throttle = Throttle()
    assert tries(throttle, guess()) == 10
    assert wait(throttle, guess(), NOW) == 10 * SECOND
    assert wait(throttle, guess("ben"), NOW) == 5 * SECOND
    # One that waits has its turn, and the next one waits longer.
    take(throttle, guess(), NOW)
    assert wait(throttle, guess(), NOW) == 20 * SECOND


def test_a_first_try_goes_ahead_of_those_who_have_failed() -> None:
    throttle = Throttle()
    tries(throttle, guess(), NOW + MINUTE)
    now = NOW + MINUTE
    newcomer = guess(address=OWNER, first=True)
    assert wait(throttle, newcomer, now) == 0
    take(throttle, newcomer, now)
    # It is out of the six: the others wait longer for it.
    assert wait(throttle, guess(), now) >= 10 * SECOND


def test_a_crowd_of_first_tries_leaves_some_to_who_comes_later() -> None:
    throttle, done = Throttle(), 0
    for number in range(60):
        wanted = guess(address=f"198.51.100.{number}", first=True)
        if not wait(throttle, wanted):
            take(throttle, wanted)
            done += 1
    assert done == 11
    assert wait(throttle, guess(address=OWNER, first=True)) == SECOND
    for second in range(11):
        now = NOW + second * SECOND
        wanted = guess(address=f"203.0.113.{second}", first=True)
        if not wait(throttle, wanted, now):
            take(throttle, wanted, now)
            done += 1
    assert done == 10 + 6 + 1
    # In the long run it is six a minute for everybody all the same.
    later = NOW + 10 * MINUTE
    for second in range(11, 600):
        now = NOW + second * SECOND
        wanted = guess(address=f"10.0.{second >> 8}.{second & 255}", first=True)
        if not wait(throttle, wanted, now):
            take(throttle, wanted, now)
            done += 1
    assert done <= 16 + 60 and wait(throttle, guess(first=True), later) <= 10 * SECOND


def test_a_known_address_is_not_slowed_by_strangers() -> None:
    throttle = Throttle()
    for number in range(100):
        tries(throttle, guess(address=f"198.51.100.{number}"), NOW)
    assert tries(throttle, guess(address=OWNER, known=True)) == 10
    assert wait(throttle, guess(address=OWNER, known=True), NOW) == 10 * SECOND


def test_a_known_address_has_a_reserve_where_strangers_share_it() -> None:
    """Behind one router, or a proxy that nobody told us of."""
    throttle = Throttle()
    for number in range(100):
        tries(throttle, guess(f"account {number}", OWNER), NOW)
    assert wait(throttle, guess("ben", OWNER), NOW) > 0
    assert tries(throttle, guess(address=OWNER, known=True)) == 6


def test_accounts_and_addresses_of_one_spelling_are_kept_apart() -> None:
    throttle = Throttle()
    tries(throttle, guess("203.0.113.7", OWNER))
    assert wait(throttle, guess("ben", "203.0.113.7"), NOW) == 0


def test_who_failed_is_remembered_for_a_day() -> None:
    throttle = Throttle()
    throttle.fail(guess(), NOW)
    assert throttle.has_failed(guess("ben"), NOW + DAY - 1)
    assert not throttle.has_failed(guess("ben"), NOW + DAY)
    assert not throttle.has_failed(guess(address=OWNER), NOW)
    throttle.refuse(guess(), NOW)
    assert throttle.has_failed(guess(), NOW + DAY - 1), "what he did counts longer"
    throttle.refuse(guess(address=OWNER), NOW)
    assert throttle.has_failed(guess(address=OWNER), NOW + MINUTE - 1)
    assert not throttle.has_failed(guess(address=OWNER), NOW + MINUTE)
    throttle.fail(guess(address="2001:db8:1:2::3"), NOW)
    assert throttle.has_failed(guess(address="2001:db8:1:ffff::"), NOW), "the /48 is one client"


def test_what_was_opened_is_remembered_for_thirty_days() -> None:
    throttle = Throttle()
    throttle.open(guess(address=OWNER), NOW)
    assert throttle.has_opened(guess(address=OWNER), NOW + TRUST - 1)
    assert not throttle.has_opened(guess(address=OWNER), NOW + TRUST)
    assert not throttle.has_opened(guess("ben", OWNER), NOW)
    assert not throttle.has_opened(guess(), NOW)


@pytest.mark.parametrize("back", [60, 365 * 86_400])
def test_a_clock_set_back_keeps_nobody_slow(back: int) -> None:
    throttle = Throttle()
    tries(throttle, guess(), NOW)
    now = NOW - back * SECOND
    assert wait(throttle, guess(), now) <= 2 * MINUTE
    assert wait(throttle, guess(), now + 2 * MINUTE) == 0


def test_memory_is_bounded_whatever_the_names() -> None:
    throttle = Throttle(max_entries=1000)
    victim = guess("victim", OWNER)
    tries(throttle, victim)
    tracemalloc.start()
    try:
        for number in range(5000):
            stranger = guess(f"{number}" * 1000, f"10.{number >> 8}.{number & 255}.1")
            take(throttle, stranger, NOW)
            throttle.fail(stranger, NOW)
            throttle.open(stranger, NOW)
            if number == 900:
                assert wait(throttle, victim, NOW) > 0, "nobody was pushed out yet"
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 4 * 1000 * 400


def test_what_is_over_leaves_memory() -> None:
    throttle = Throttle()
    for number in range(1000):
        take(throttle, guess(f"{number}", f"10.0.{number >> 8}.{number & 255}"), NOW)
    later = NOW + MINUTE
    for number in range(1000):
        take(throttle, guess("ada", f"10.1.{number >> 8}.{number & 255}"), later)
    assert len(throttle._subjects._until) == 1
    assert len(throttle._blocks._until) == 1000


events = st.lists(
    st.tuples(
        st.sampled_from(["ada", "ben"]),
        st.sampled_from(["203.0.113.7", "198.51.100.1", "2001:db8::1"]),
        st.integers(0, 30),
        st.booleans(),
    ),
    max_size=80,
)


@given(events)
def test_whatever_strangers_do_no_more_than_the_bounds_are_tried(
    events: list[tuple[str, str, int, bool]],
) -> None:
    """And the owner gets in from where he was before, and from a new address at once."""
    throttle, now, done = Throttle(), NOW, dict[str, list[int]]()
    for subject, address, seconds, gives_back in events:
        now += seconds * SECOND
        wanted = guess(subject, address)
        if not wait(throttle, wanted, now):
            bill = take(throttle, wanted, now)
            if gives_back:
                bill.give_back(now)
            else:
                throttle.fail(wanted, now)
                for key in (subject, address):
                    done.setdefault(key, []).append(now)
        assert wait(throttle, guess("ada", OWNER, known=True), now) == 0
        assert wait(throttle, guess("ada", OWNER, first=True), now) == 0
    for key, times in done.items():
        period = MINUTE // 6 if key in ("ada", "ben") else MINUTE // 12
        for index, begin in enumerate(times):
            for count, end in enumerate(times[index:], 1):
                assert count <= 10 + (end - begin) // period
