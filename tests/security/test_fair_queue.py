"""Turns and places in the queue of password hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.security.fair_queue import FairQueue, Full, Purpose, Turn

LOGIN, SIGN_UP = Purpose.LOGIN, Purpose.SIGN_UP


def put(queue: FairQueue[str], purpose: Purpose, block: str, *jobs: str) -> None:
    for job in jobs:
        assert queue.put(Turn(purpose, block), job) is None


def taken(queue: FairQueue[str]) -> list[str]:
    jobs = []
    while (job := queue.take()) is not None:
        jobs.append(job)
    return jobs


def test_purposes_take_turns_and_clients_within_them() -> None:
    queue = FairQueue[str](10)
    put(queue, SIGN_UP, "a", "s1", "s2", "s3", "s4")
    put(queue, SIGN_UP, "b", "t1")
    put(queue, LOGIN, "c", "l1", "l2")
    assert taken(queue) == ["s1", "l1", "t1", "l2", "s2", "s3", "s4"]
    assert queue.take() is None


def test_who_has_most_gives_his_last_place_to_a_newcomer() -> None:
    queue = FairQueue[str](4)
    put(queue, LOGIN, "a", "a1", "a2", "a3")
    put(queue, LOGIN, "b", "b1")
    assert queue.put(Turn(LOGIN, "c"), "c1") == "a3"
    with pytest.raises(Full):
        queue.put(Turn(LOGIN, "a"), "a4")
    with pytest.raises(Full):
        # Two each is no less than he would have.
        queue.put(Turn(LOGIN, "b"), "b2")
    put(queue, SIGN_UP, "a", "s1", "s2", "s3", "s4")
    assert taken(queue) == ["a1", "s1", "b1", "s2", "c1", "s3", "a2", "s4"]


def test_what_nobody_wants_any_more_leaves() -> None:
    queue = FairQueue[str](2)
    put(queue, LOGIN, "a", "a1", "a2")
    queue.remove(Turn(LOGIN, "a"), "a1")
    queue.remove(Turn(LOGIN, "a"), "a1")
    queue.remove(Turn(SIGN_UP, "a"), "a2")
    put(queue, LOGIN, "b", "b1")
    assert taken(queue) == ["a2", "b1"]


def test_without_places_nothing_waits() -> None:
    with pytest.raises(Full):
        FairQueue[str](0).put(Turn(), "job")


turns = st.builds(Turn, st.sampled_from(Purpose), st.sampled_from("abc"))


@given(st.lists(st.one_of(turns, st.none()), max_size=80), st.integers(1, 6))
def test_every_job_is_taken_or_lost_once(steps: list[Turn | None], places: int) -> None:
    queue, waiting = FairQueue[int](places), dict[int, Turn]()
    for job, turn in enumerate(steps):
        if turn is None:
            taken = queue.take()
            assert (taken is None) == (not waiting)
            if taken is not None:
                del waiting[taken]
            continue
        same = [one for one in waiting.values() if one.purpose is turn.purpose]
        try:
            lost = queue.put(turn, job)
        except Full:
            assert len(same) == places
            most = max(same.count(one) for one in same)
            assert same.count(turn) + 1 >= most
            continue
        waiting[job] = turn
        if lost is not None:
            assert waiting.pop(lost).purpose is turn.purpose
        assert sum(one.purpose is turn.purpose for one in waiting.values()) <= places
    assert sorted(iter(queue.take, None)) == sorted(waiting)
