"""What takes long on the event loop is done in stretches, with rests in proportion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from shortd.ids import token_digest
from shortd.models.accounts import Token
from shortd.store import Store
from shortd.store.pace import DUTY, STRETCH_ROWS, matching_keys
from shortd.store.schema import TOKENS
from shortd.store.txn import Txn

TICK = 0.001


def is_odd(txn: Txn, key: tuple[str, bytes], row: Token) -> bool:
    return bool(row.create_utime % 2)


class World:
    """A store with rows to look through, on a clock that ticks when it is read."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rests: list[float] = []
        self.while_resting: Callable[[], Any] = lambda: asyncio.sleep(0)

    async def put(self, rows: int) -> None:
        def write(txn: Any) -> None:
            for number in range(rows):
                key = (f"user{number:06}", token_digest(str(number)))
                TOKENS.put(txn, key, Token(key[0], number, 0))

        await self.store.write(write)

    async def looked_through(self) -> list[list[str]]:
        ticks = count()
        real_sleep = asyncio.sleep

        async def rest(seconds: float) -> None:
            self.rests.append(seconds)
            with patch("shortd.store.pace.asyncio.sleep", real_sleep):
                await self.while_resting()

        with (
            patch("shortd.store.pace.time.perf_counter", lambda: next(ticks) * TICK),
            patch("shortd.store.pace.asyncio.sleep", rest),
        ):
            return [
                [userid for userid, _ in keys]
                async for keys in matching_keys(self.store, TOKENS, is_odd)
            ]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = Store(tmp_path)
    yield World(store)
    store.close()


@pytest.mark.parametrize(
    "rows", [0, 1, STRETCH_ROWS - 1, STRETCH_ROWS, STRETCH_ROWS + 1, 5 * STRETCH_ROWS]
)
def test_every_row_is_looked_at_once(world: World, rows: int) -> None:
    asyncio.run(world.put(rows))
    found = asyncio.run(world.looked_through())
    expected = [f"user{number:06}" for number in range(1, rows, 2)]
    assert [userid for batch in found for userid in batch] == expected
    assert all(0 < len(batch) <= STRETCH_ROWS for batch in found)


def test_a_rest_is_as_long_as_the_work_before_it_asks_for(world: World) -> None:
    asyncio.run(world.put(3 * STRETCH_ROWS + 1))
    asyncio.run(world.looked_through())
    assert world.rests == pytest.approx([TICK * (1 / DUTY - 1)] * 3)


def test_what_changes_in_a_rest_is_seen(world: World) -> None:
    asyncio.run(world.put(STRETCH_ROWS + 2))
    last = STRETCH_ROWS + 1
    key = (f"user{last:06}", token_digest(str(last)))
    world.while_resting = lambda: world.store.write(lambda txn: TOKENS.delete(txn, key))
    found = asyncio.run(world.looked_through())
    assert key[0] not in [userid for batch in found for userid in batch]
