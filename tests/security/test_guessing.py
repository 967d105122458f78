"""The gate before everything that can be guessed: who waits, who is refused, what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from shortd import errors
from shortd.errors import ShortdError
from shortd.security import guessing as gate
from shortd.security.figures import GuessMetrics
from shortd.security.guessing import Guessing, Secret
from shortd.security.summed_log import SummedLog
from shortd.testing import FakeClock

OWNER = "192.0.2.1"
GUESSER = "203.0.113.7"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> list[float]:
    """In the place of sleep: how long attempts waited; the clock goes on meanwhile."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    monkeypatch.setattr("shortd.security.guessing.asyncio.sleep", sleep)
    return slept


class World:
    """A gate, and what becomes of attempts at it."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.guessing = Guessing(clock, SummedLog())
        self.compared = 0
        self.open = asyncio.Event()
        self.open.set()

    async def attempt(
        self, right: bool = False, address: str = GUESSER, subject: str = "ada", **options: Any
    ) -> str:
        """What came of it."""
        try:
            async with self.guessing.attempt(Secret.LOGIN, subject, address, **options) as attempt:
                self.compared += 1
                await self.open.wait()
                if not right:
                    raise errors.BAD_CREDENTIALS()
                attempt.succeed()
        except ShortdError as refusal:
            return refusal.code
        return "in"


def run(world: Coroutine[Any, Any, None]) -> None:
    asyncio.run(world)


def test_a_hundred_at_once_get_no_more_tries_than_one_after_the_other(clock: FakeClock) -> None:
    async def test() -> None:
        world = World(clock)
        world.open.clear()
        tasks = [asyncio.create_task(world.attempt()) for _ in range(100)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert world.compared == 10, "the others wait for what comes of these, or are refused"
        assert sum(task.done() for task in tasks) == 100 - 10 - gate.WAITING_PER_BLOCK
        world.open.set()
        outcomes = await asyncio.gather(*tasks)
        assert world.compared == 10
        assert outcomes.count("bad_credentials") == 10
        assert outcomes.count("login_limited") == 90

    run(test())


def test_right_ones_at_once_all_get_in(clock: FakeClock) -> None:
    async def test() -> None:
        world = World(clock)
        outcomes = await asyncio.gather(*(world.attempt(right=True) for _ in range(40)))
        assert outcomes == ["in"] * 40

    run(test())


def test_many_addresses_share_what_one_account_has(clock: FakeClock) -> None:
    async def test() -> None:
        world = World(clock)
        addresses = [f"198.51.100.{number % 20}" for number in range(60)]
        outcomes = await asyncio.gather(*(world.attempt(address=one) for one in addresses))
        assert world.compared == outcomes.count("bad_credentials") <= 12
        # And the owner is not kept out: from where he was before, and from a new address.
        assert await world.attempt(right=True, address=OWNER, known=True) == "in"
        clock.advance(1)
        assert await world.attempt(right=True, address="192.0.2.99") == "in"

    run(test())


def test_a_short_wait_is_waited_and_a_long_one_told(clock: FakeClock, waits: list[float]) -> None:
    async def test() -> None:
        world = World(clock)
        for _ in range(10):
            await world.attempt()
        with pytest.raises(ShortdError) as caught:
            async with world.guessing.attempt(Secret.LOGIN, "ada", GUESSER):
                raise AssertionError("it was let through")
        assert (caught.value.kind, caught.value.retry_after) == (errors.LOGIN_LIMITED, 10.0)
        clock.advance(7)
        assert await world.attempt(right=True) == "in"
        assert waits == [3.0]

    run(test())


def test_what_could_not_be_compared_costs_nothing(clock: FakeClock) -> None:
    async def test() -> None:
        world = World(clock)
        for _ in range(30):
            with pytest.raises(ShortdError):
                async with world.guessing.attempt(Secret.LOGIN, "ada", GUESSER):
                    raise errors.BUSY()
        assert world.guessing.outcomes == {(Secret.LOGIN, "busy"): 30}
        assert await world.attempt(right=True) == "in"

    run(test())


def test_whatever_else_happens_is_a_failure(clock: FakeClock) -> None:
    """So that nothing that was forgotten here can be guessed at for ever."""

    async def test() -> None:
        world = World(clock)
        for _ in range(10):
            with pytest.raises(ZeroDivisionError):
                async with world.guessing.attempt(Secret.LOGIN, "ada", GUESSER):
                    raise ZeroDivisionError
        assert await world.attempt(right=True) == "login_limited"

    run(test())


def test_a_success_does_not_undo_failures(clock: FakeClock) -> None:
    async def test() -> None:
        world = World(clock)
        for _ in range(9):
            await world.attempt()
            assert await world.attempt(right=True, subject="his own") == "in"
        await world.attempt()
        assert await world.attempt() == "login_limited"

    run(test())


def test_what_was_opened_from_an_address_is_remembered(
    clock: FakeClock, waits: list[float]
) -> None:
    """Where the caller does not know better."""

    async def test() -> None:
        world = World(clock)
        assert await world.attempt(right=True, address=OWNER) == "in"
        for number in range(30):
            await world.attempt(address=f"198.51.100.{number % 10}")
        assert await world.attempt(address=OWNER) == "bad_credentials"
        assert await world.attempt(right=True, address=OWNER) == "in"
        assert await world.attempt(right=True, address=GUESSER, known=False) == "in"
        assert await world.attempt(address="198.51.100.1") == "login_limited"

    run(test())


def test_who_only_waits_is_bounded_for_everybody_together(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "WAITING", 20)

    async def test() -> None:
        world = World(clock)
        world.open.clear()
        tasks = [
            asyncio.create_task(world.attempt(address=f"198.51.{number}.1"))
            for number in range(100)
        ]
        for _ in range(5):
            await asyncio.sleep(0)
        assert sum(not task.done() for task in tasks) <= 12 + 20
        world.open.set()
        await asyncio.gather(*tasks)
        assert not world.guessing._waiting and not world.guessing._under_way

    run(test())


def test_outcomes_are_in_the_metrics(clock: FakeClock) -> None:
    async def test() -> None:
        world = World(clock)
        for _ in range(12):
            await world.attempt()
        await world.attempt(right=True, address=OWNER)
        with world.guessing.attempt_now(Secret.API_KEY, "x", OWNER) as attempt:
            attempt.succeed()
        logins, others = GuessMetrics(world.guessing).collect()
        assert {sample.labels["outcome"]: sample.value for sample in logins.samples} == {
            "succeeded": 1,
            "failed": 10,
            "limited": 2,
            "busy": 0,
        }
        assert logins.samples[0].name == "shortd_logins_total"
        assert sum(sample.value for sample in others.samples) == 1

    run(test())


@pytest.mark.parametrize("secret", Secret)
def test_the_refusal_speaks_of_what_was_tried(clock: FakeClock, secret: Secret) -> None:
    guessing = Guessing(clock, SummedLog())
    for _ in range(10):
        with pytest.raises(ShortdError), guessing.attempt_now(secret, "x", GUESSER):
            raise errors.WRONG_CODE()
    with pytest.raises(ShortdError) as caught, guessing.attempt_now(secret, "x", GUESSER):
        raise AssertionError("it was let through")
    assert caught.value.kind is errors.LOGIN_LIMITED
    assert caught.value.message.startswith("Too many ")
