"""A plugin's own threads: what hangs or raises there is told to who asked, and keeps nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from typing import ParamSpec

import pytest

from shortd.plugin_runtime.workers import MOST_RUNNING, Worker
from tests.sharing.sharing import wait_for

P = ParamSpec("P")


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("some")
    yield worker
    worker.close()


def on_a_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Has a test run as a coroutine."""

    @wraps(test)
    def run(*args: P.args, **given: P.kwargs) -> None:
        asyncio.run(test(*args, **given))

    return run


async def until_begun(running: asyncio.Task[None], begun: Callable[[], bool]) -> None:
    """Waits, without giving the time of the call a chance to be over before it has begun."""
    await asyncio.sleep(0)
    wait_for(begun)
    await running


async def name_of_thread() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


@on_a_loop
async def test_a_coroutine_runs_on_the_loop_of_the_plugin(worker: Worker) -> None:
    assert await worker.run(name_of_thread()) == "shortd-plugin-some-loop"
    assert await worker.run(name_of_thread()) == "shortd-plugin-some-loop"


def test_a_thread_waits_for_one(worker: Worker) -> None:
    assert worker.wait(name_of_thread()) == "shortd-plugin-some-loop"


@on_a_loop
async def test_an_event_loop_does_not(worker: Worker) -> None:
    with pytest.raises(RuntimeError, match="await the coroutine"):
        worker.wait(name_of_thread())

    async def waits() -> str:
        return worker.wait(name_of_thread())

    with pytest.raises(RuntimeError, match="await the coroutine"):
        await worker.run(waits())


@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
@on_a_loop
async def test_what_it_raises_is_a_failure_whatever_it_is(
    worker: Worker, fault: type[BaseException]
) -> None:
    async def fails() -> None:
        raise fault

    with pytest.raises((OSError, RuntimeError)):
        await worker.run(fails())
    with pytest.raises((OSError, RuntimeError)):
        await asyncio.to_thread(worker.wait, fails())
    assert await worker.run(name_of_thread())


@on_a_loop
async def test_what_takes_too_long_is_cancelled(worker: Worker) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def sleeps() -> None:
        begun.set()
        try:
            await asyncio.sleep(1000)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await until_begun(asyncio.create_task(worker.run(sleeps(), 0.05)), begun.is_set)
    assert ended.wait(60)


@on_a_loop
async def test_a_loop_that_hangs_holds_up_nobody_else(worker: Worker) -> None:
    begun, may_go = threading.Event(), threading.Event()

    async def hangs() -> None:
        begun.set()
        may_go.wait(60)

    with pytest.raises(TimeoutError):
        await until_begun(asyncio.create_task(worker.run(hangs(), 0.05)), begun.is_set)
    with pytest.raises(TimeoutError):
        await worker.run(name_of_thread(), 0.05)
    other = Worker("other")
    assert await other.run(name_of_thread())
    may_go.set()
    assert await worker.run(name_of_thread())
    assert other.close()


@on_a_loop
async def test_calls_that_do_not_end_are_not_let_grow_for_ever(worker: Worker) -> None:
    begun, may_go = list[int](), asyncio.Event()

    async def stays() -> None:
        begun.append(1)
        while not may_go.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue

    async def all_of_them() -> None:
        for failure in await asyncio.gather(*stuck, return_exceptions=True):
            assert isinstance(failure, TimeoutError)

    stuck = [asyncio.create_task(worker.run(stays(), 0.01)) for _ in range(MOST_RUNNING)]
    together = asyncio.create_task(all_of_them())
    await until_begun(together, lambda: len(begun) == MOST_RUNNING)
    with pytest.raises(RuntimeError, match="have not ended"):
        await worker.run(name_of_thread())
    may_go.set()


@on_a_loop
async def test_plain_functions_are_called_in_their_order(worker: Worker) -> None:
    called: list[int] = []
    for number in range(50):
        worker.call(lambda number=number: called.append(number))  # type: ignore[misc]
    await worker.run_plain(lambda: None)
    assert called == list(range(50))


def test_one_that_is_closed_runs_nothing_more(worker: Worker) -> None:
    worker.wait(name_of_thread())
    assert worker.close()
    with pytest.raises(RuntimeError, match="has ended"):
        worker.wait(name_of_thread())
    worker.call(lambda: pytest.fail("is called"))


def test_a_thread_that_hangs_is_left_behind(worker: Worker) -> None:
    entered, may_go = threading.Event(), threading.Event()

    def hangs() -> None:
        entered.set()
        may_go.wait(60)

    worker.call(hangs)
    assert entered.wait(60)
    assert not worker.close(0.05)
    may_go.set()


@on_a_loop
async def test_what_was_begun_is_given_time_to_end(worker: Worker) -> None:
    began, ended, faults = threading.Event(), list[str](), list[Exception]()

    async def works() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.append("in its own time")

    async def fails() -> None:
        raise ValueError("tired")

    # In this order: the other has failed by then.
    worker.begin(fails(), faults.append)
    worker.begin(works(), faults.append)
    await asyncio.to_thread(began.wait, 60)
    await worker.end_begun(60)
    assert ended == ["in its own time"]
    assert [str(fault) for fault in faults] == ["tired"]
    # There is nothing left to wait for.
    await worker.end_begun(0.01)
