"""Delays after failed logins: who is slowed, how much, and who never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.clock import DAY, SECOND
from shortd.testing import FakeClock
from shortd.throttle import TRUST, LoginThrottle

OWNER = "192.0.2.1"
STRANGER = "203.0.113.7"
EXPECTED = [0, 0, 0, 0, 0, 0.25, 0.5, 1, 2, 4, 4, 4]
"""By number of failures."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def throttle() -> LoginThrottle:
    return LoginThrottle()


def fail(
    throttle: LoginThrottle, clock: FakeClock, account: str, address: str, times: int = 100
) -> None:
    for _ in range(times):
        throttle.failed(account, address, clock.now())


@pytest.mark.parametrize(("failures", "delay"), list(enumerate(EXPECTED)))
def test_four_failures_are_free_then_the_delay_doubles(
    throttle: LoginThrottle, clock: FakeClock, failures: int, delay: float
) -> None:
    fail(throttle, clock, "ada", STRANGER, failures)
    assert throttle.delay("ada", STRANGER, clock.now()) == delay


def test_an_account_is_slow_from_every_address(throttle: LoginThrottle, clock: FakeClock) -> None:
    for number in range(9):
        throttle.failed("ada", f"198.51.100.{number}", clock.now())
    assert throttle.delay("ada", STRANGER, clock.now()) == 4
    assert throttle.delay("ben", STRANGER, clock.now()) == 0


def test_an_address_is_slow_at_every_account(throttle: LoginThrottle, clock: FakeClock) -> None:
    for number in range(9):
        throttle.failed(f"account {number}", STRANGER, clock.now())
    assert throttle.delay("ada", STRANGER, clock.now()) == 4
    assert throttle.delay("ada", OWNER, clock.now()) == 0


def test_accounts_and_addresses_of_one_spelling_are_kept_apart(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    fail(throttle, clock, STRANGER, OWNER)
    assert throttle.delay("ada", STRANGER, clock.now()) == 0


def test_failures_are_forgotten_over_fifteen_minutes(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    fail(throttle, clock, "ada", STRANGER)
    seen = []
    for _ in range(10):
        seen.append(throttle.delay("ada", STRANGER, clock.now()))
        clock.advance(100)
    assert seen == [4, 2, 1, 0.5, 0.25, 0, 0, 0, 0, 0]
    fail(throttle, clock, "ada", STRANGER, 4)
    assert throttle.delay("ada", STRANGER, clock.now()) == 0
    fail(throttle, clock, "ada", STRANGER, 1)
    assert throttle.delay("ada", STRANGER, clock.now()) == 0.25


def test_the_worst_record_fades_from_the_last_failure_on(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    fail(throttle, clock, "ada", STRANGER)
    clock.advance(100)
    assert throttle.delay("ada", STRANGER, clock.now()) == 2


def test_a_known_address_is_not_slowed_by_strangers(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    throttle.succeeded("ada", OWNER, clock.now())
    fail(throttle, clock, "ada", STRANGER)
    assert throttle.delay("ada", OWNER, clock.now()) == 0
    assert throttle.delay("ada", STRANGER, clock.now()) == 4
    fail(throttle, clock, "ben", "198.51.100.1")
    assert throttle.delay("ben", OWNER, clock.now()) == 4


def test_a_known_address_is_slowed_by_its_own_failures(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    throttle.succeeded("ada", OWNER, clock.now())
    fail(throttle, clock, "ada", OWNER)
    assert throttle.delay("ada", OWNER, clock.now()) == 4


def test_an_address_is_known_for_thirty_days(throttle: LoginThrottle, clock: FakeClock) -> None:
    throttle.succeeded("ada", OWNER, clock.now())
    clock.advance(TRUST / SECOND - 1)
    fail(throttle, clock, "ada", STRANGER)
    assert throttle.delay("ada", OWNER, clock.now()) == 0
    clock.advance(1)
    assert throttle.delay("ada", OWNER, clock.now()) == 4


def test_a_guesser_cannot_clear_his_record_with_a_login_of_his_own(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    fail(throttle, clock, "ada", STRANGER)
    throttle.succeeded("his own", STRANGER, clock.now())
    assert throttle.delay("ada", STRANGER, clock.now()) == 4


@pytest.mark.parametrize("back", [60, 365 * DAY // SECOND])
def test_a_clock_set_back_keeps_nobody_slow(
    throttle: LoginThrottle, clock: FakeClock, back: int
) -> None:
    fail(throttle, clock, "ada", STRANGER)
    clock.advance(-back)
    assert throttle.delay("ada", STRANGER, clock.now()) == 4
    clock.advance(900)
    assert throttle.delay("ada", STRANGER, clock.now()) == 0


def test_names_of_any_length_cost_little(throttle: LoginThrottle, clock: FakeClock) -> None:
    name = "a" * 1_000_000
    fail(throttle, clock, name, STRANGER)
    throttle.succeeded(name, OWNER, clock.now())
    assert throttle.delay(name, OWNER, clock.now()) == 0
    assert throttle.delay(name, "198.51.100.1", clock.now()) == 4
    for ledger in (throttle._accounts, throttle._logins):
        assert [len(key[0]) for key in ledger._until] == [256]


def test_memory_is_bounded_and_the_oldest_go(clock: FakeClock) -> None:
    throttle = LoginThrottle(max_entries=100)
    fail(throttle, clock, "ada", STRANGER)
    fail(throttle, clock, "ben", OWNER)
    for number in range(98):
        throttle.failed("ben", f"flood {number}", clock.now())
        throttle.succeeded(f"flood {number}", OWNER, clock.now())
    throttle.failed("ada", STRANGER, clock.now())
    throttle.failed("ben", "one more", clock.now())
    assert throttle.delay("new", STRANGER, clock.now()) == 4
    assert throttle.delay("new", OWNER, clock.now()) == 0
    for number in range(1000):
        throttle.failed(f"flood {number}", f"flood {number}", clock.now())
        throttle.succeeded(f"flood {number}", OWNER, clock.now())
    for ledger in (throttle._accounts, throttle._addresses, throttle._logins):
        assert len(ledger._until) == 100


def test_what_is_forgotten_leaves_memory(throttle: LoginThrottle, clock: FakeClock) -> None:
    for number in range(1000):
        throttle.failed(f"account {number}", f"address {number}", clock.now())
    clock.advance(901)
    for number in range(500):
        throttle.failed("ada", f"new {number}", clock.now())
    assert len(throttle._accounts._until) == 1
    assert len(throttle._addresses._until) == 500


events = st.lists(
    st.tuples(
        st.sampled_from(["failed", "succeeded", "time"]),
        st.sampled_from(["ada", "ben"]),
        st.sampled_from([STRANGER, "198.51.100.1", "198.51.100.2"]),
        st.integers(0, 120),
    ),
    max_size=60,
)


@given(events)
def test_whatever_strangers_do_the_owner_gets_in(events: list[tuple[str, str, str, int]]) -> None:
    throttle = LoginThrottle(max_entries=50)
    clock = FakeClock()
    throttle.succeeded("ada", OWNER, clock.now())
    for event, account, address, seconds in events:
        if event == "time":
            clock.advance(seconds)
        else:
            getattr(throttle, event)(account, address, clock.now())
        assert throttle.delay("ada", OWNER, clock.now()) == 0
        assert 0 <= throttle.delay("ada", "a new address of hers", clock.now()) <= 4
