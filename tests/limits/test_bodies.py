"""Shares of the memory for bodies: what each client, each account and all of them may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd import errors
from shortd.limits.bodies import BodyPool, HeldBody

KIB = 1 << 10
SHARE = 100 * KIB
POOL = 600 * KIB
ANN, BEN, CAT = "ann", "ben", "cat"


@pytest.fixture
def pool() -> BodyPool:
    return BodyPool(POOL, SHARE)


def held(pool: BodyPool, address: str, size: int, userid: str | None = None) -> HeldBody:
    body = HeldBody(pool, address)
    body.take(size, userid)
    return body


def refused(pool: BodyPool, address: str, size: int, userid: str | None = None) -> str:
    """The code of the refusal, by which nothing is taken."""
    before = pool.held
    with pytest.raises(errors.ShortdError) as refusal:
        held(pool, address, size, userid)
    assert pool.held == before
    return refusal.value.code


def test_a_stranger_has_a_share(pool: BodyPool) -> None:
    first = held(pool, "203.0.113.1", SHARE - 1)
    held(pool, "203.0.113.1", 1)
    assert refused(pool, "203.0.113.1", 1) == "busy"
    assert refused(pool, "::ffff:203.0.113.1", 1) == "busy"
    held(pool, "203.0.113.2", SHARE)
    first.close()
    held(pool, "203.0.113.1", SHARE - 1)


def test_what_no_share_can_hold_needs_credentials(pool: BodyPool) -> None:
    assert refused(pool, "203.0.113.1", SHARE + 1) == "credentials_first"
    body = held(pool, "203.0.113.1", SHARE)
    with pytest.raises(errors.ShortdError, match="credentials"):
        body.take(1)
    body.take(3 * SHARE, ANN)
    assert pool.held == 4 * SHARE
    # It is no longer in the share.
    held(pool, "203.0.113.1", SHARE)


def test_blocks_of_ipv6(pool: BodyPool) -> None:
    """A /64 is a client; a /56 has twice as much, a /48 four times."""
    held(pool, "2001:db8:0:0::1", SHARE)
    assert refused(pool, "2001:db8:0:0:ffff::2", 1) == "busy"
    held(pool, "2001:db8:0:1::1", SHARE)
    assert refused(pool, "2001:db8:0:2::1", 1) == "busy"
    held(pool, "2001:db8:0:100::1", SHARE)
    held(pool, "2001:db8:0:200::1", SHARE)
    assert refused(pool, "2001:db8:0:300::1", 1) == "busy"
    held(pool, "2001:db8:1::1", SHARE)


def test_one_at_a_time_of_an_account_and_two_of_a_block(pool: BodyPool) -> None:
    first = held(pool, "203.0.113.1", SHARE + 1, ANN)
    assert refused(pool, "203.0.113.2", SHARE + 1, ANN) == "busy"
    # What fits into the share is nobody's second.
    held(pool, "203.0.113.2", SHARE, ANN)
    held(pool, "203.0.113.1", SHARE + 1, BEN)
    assert refused(pool, "203.0.113.1", SHARE + 1, CAT) == "busy"
    first.close()
    held(pool, "203.0.113.1", SHARE + 1, CAT)


def test_the_last_of_the_pool_is_for_shares(pool: BodyPool) -> None:
    large = held(pool, "203.0.113.1", 5 * SHARE, ANN)
    assert refused(pool, "203.0.113.2", SHARE + 1, BEN) == "busy"
    with pytest.raises(errors.ShortdError, match="busy"):
        large.take(1, ANN)
    held(pool, "203.0.113.2", SHARE)
    assert refused(pool, "203.0.113.3", 1) == "busy"
    assert set(pool.refused) == {"pool"}


bodies = st.tuples(
    st.sampled_from(["203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8:0:1::1", ""]),
    st.sampled_from([None, ANN, BEN, CAT]),
    st.lists(st.integers(0, 2 * SHARE), max_size=4),
)


@given(st.lists(bodies, max_size=20))
def test_nothing_is_left_of_what_was_given_back(
    requests: list[tuple[str, str | None, list[int]]],
) -> None:
    pool, taken = BodyPool(POOL, SHARE), []
    for address, userid, sizes in requests:
        taken.append(HeldBody(pool, address))
        for size in sizes:
            try:
                taken[-1].take(size, userid)
            except errors.ShortdError:
                taken.pop().close()
                break
            assert pool.held <= POOL
    for body in reversed(taken):
        body.close()
        body.close()
    assert pool.held == 0
    assert not pool.shares
    assert not pool.beyond
