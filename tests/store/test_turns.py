"""Long reads of many at once: the event loop goes on behind each stretch of one of them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.store import turns as turns_module
from shortd.store.turns import Turns

READERS, STRETCHES = 30, 20


def test_others_wait_for_one_stretch_however_many_read() -> None:
    async def reading() -> tuple[list[int], list[int]]:
        turns, read, waits, done = Turns(), [0], list[int](), list[int]()

        async def reader(number: int) -> None:
            for _ in range(STRETCHES):
                read[0] += 1
                await turns.next()
            done.append(read[0])

        async def visitor() -> None:
            # The first stretches come with the requests.
            await asyncio.sleep(0)
            while len(done) < READERS:
                before = read[0]
                await asyncio.sleep(0)
                waits.append(read[0] - before)

        readers = [asyncio.create_task(reader(number)) for number in range(READERS)]
        await asyncio.gather(visitor(), *readers)
        return waits, done

    waits, done = asyncio.run(reading())
    assert max(waits) <= 1
    # They come to their ends together, none behind all stretches of another.
    assert min(done) > READERS * (STRETCHES - 1)


def test_one_that_goes_away_leaves_its_turn_to_the_next() -> None:
    async def reading() -> int:
        turns, read = Turns(), 0

        async def reader() -> None:
            nonlocal read
            for _ in range(STRETCHES):
                read += 1
                await turns.next()

        readers = [asyncio.create_task(reader()) for _ in range(READERS)]
        await asyncio.sleep(0)
        for gone in readers[::2]:
            gone.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        return read

    assert asyncio.run(reading()) == READERS // 2 * (STRETCHES + 1)


@given(st.lists(st.integers(), max_size=60), st.integers(2, 7))
def test_items_are_in_order_after_stretches_of_few(items: list[int], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns_module, "SORTED", size)
        assert asyncio.run(Turns().ordered(items, key=lambda n: -n)) == sorted(items, reverse=True)
