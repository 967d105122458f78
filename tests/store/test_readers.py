"""Reading costs a slot only while it is done, whoever keeps the transaction meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.models.teams import Host
from shortd.store import MAX_READERS, Store
from shortd.store.schema import HOSTS
from tests.store.things import write

WAITING = 2 * MAX_READERS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    for name in ("a.example", "b.example"):
        write(opened, lambda txn, name=name: HOSTS.put(txn, (name,), Host(1, name)))  # type: ignore[misc]
    yield opened
    opened.close()


def test_whoever_waits_after_reading_keeps_nobody_from_it(store: Store) -> None:
    async def look_and_wait(over: asyncio.Event) -> int:
        with store.read() as txn:
            row = HOSTS.get(txn, ("a.example",))
        await over.wait()
        assert row is not None
        return row.number

    async def work() -> list[int]:
        over = asyncio.Event()
        tasks = [asyncio.create_task(look_and_wait(over)) for _ in range(WAITING)]
        await asyncio.sleep(0)
        assert store.get(HOSTS, ("b.example",)) == Host(1, "b.example")
        over.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(work()) == [1] * WAITING


def test_nor_does_a_walk_that_was_left_in_the_middle(store: Store) -> None:
    walks = []
    for _ in range(WAITING):
        with store.read() as txn:
            walk = HOSTS.scan(txn)
            assert next(walk)[0] == ("a.example",)
            walks.append(walk)
    assert store.get(HOSTS, ("b.example",)) is not None


@pytest.mark.parametrize("whole", [True, False])
def test_nor_does_an_exception_that_somebody_keeps(store: Store, whole: bool) -> None:
    kept = []
    for _ in range(WAITING):
        with pytest.raises(ValueError, match="NUL") as raised:
            if whole:
                with store.read() as txn:
                    HOSTS.get(txn, ("s\0",))
            else:
                store.get(HOSTS, ("s\0",))
        kept.append(raised.value)
    assert store.get(HOSTS, ("b.example",)) is not None


def test_a_transaction_that_is_over_reads_nothing(store: Store) -> None:
    with store.read() as txn:
        pass
    with pytest.raises(AttributeError):
        HOSTS.get(txn, ("a.example",))
