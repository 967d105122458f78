"""The last of the room is for what removes and counts: how it is shared where all is full."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
import structlog
from structlog.testing import capture_logs

from shortd import errors
from shortd.store import Store
from shortd.store.portions import in_portions
from shortd.store.room import AMPLE_BYTES, Reserve
from shortd.store.schema import META
from shortd.store.txn import WriteTxn
from tests.store.things import open_store, write

MIB = 1 << 20
ROW = 3000
"""Bytes of a row: it takes a page."""


def put(number: int, size: int = ROW) -> Callable[[WriteTxn], None]:
    def function(txn: WriteTxn) -> None:
        txn.raw.put(b"row %06d" % number, b"x" * size, db=txn.databases["positions"])

    return function


def drop(number: int) -> Callable[[WriteTxn], None]:
    def function(txn: WriteTxn) -> None:
        txn.raw.delete(b"row %06d" % number, db=txn.databases["positions"])

    return function


def with_reserve(store: Store, function: Callable[[WriteTxn], None], reserve: Reserve) -> None:
    asyncio.run(store.write(function, reserve))


def fill(store: Store, reserve: Reserve = Reserve.NONE, start: int = 0) -> int:
    """Adds rows until one is refused: the number of the next."""
    for number in range(start, start + 10_000):
        try:
            with_reserve(store, put(number), reserve)
        except errors.ShortdError as refusal:
            assert refusal.kind is errors.STORAGE_FULL
            return number
    raise AssertionError("the storage never fills")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A map of a mebibyte, and as much in reserve."""
    with small(tmp_path) as opened:
        yield opened


@contextmanager
def small(folder: Path) -> Iterator[Store]:
    with open_store(folder, map_bytes=MIB, reserve_bytes=MIB) as opened:
        yield opened


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can be allocated any further; what is, can be written to."""

    def refuse(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with patch.object(os, "posix_fallocate", refuse):
        yield


def test_rows_end_at_the_map_and_the_reserve_is_shared_out(store: Store) -> None:
    last = fill(store)
    assert 100 < last < MIB // 4096
    quarter = fill(store, Reserve.QUARTER, last)
    half = fill(store, Reserve.HALF, quarter)
    assert 0.2 * MIB < (quarter - last) * 4096 <= MIB / 4
    assert 0.2 * MIB < (half - quarter) * 4096 <= MIB / 4
    # What removes has as much again, and its own pages to write on.
    for number in range(half):
        with_reserve(store, drop(number), Reserve.ALL)
    assert fill(store) == last


def test_what_was_freed_can_be_used_at_once_whatever_was_counted_meanwhile(store: Store) -> None:
    last = fill(store)
    fill(store, Reserve.QUARTER, last)
    with pytest.raises(errors.ShortdError):
        write(store, put(100_000))
    for number in range(20):
        with_reserve(store, drop(number), Reserve.ALL)
        write(store, put(200_000 + number))


def test_nobody_gets_beyond_the_map_by_deleting_and_adding(store: Store) -> None:
    last = fill(store)
    for number in range(last):
        with_reserve(store, drop(number), Reserve.ALL)
        with pytest.raises(errors.ShortdError):
            for more in range(10):
                write(store, put(1_000_000 + number * 10 + more))
    # The reserve is still there for all who may use it.
    fill(store, Reserve.HALF, 2_000_000)
    with_reserve(store, put(3_000_000, 100_000), Reserve.ALL)


def test_what_adds_no_page_is_taken_though_the_map_is_full(store: Store) -> None:
    last = fill(store)
    fill(store, Reserve.HALF, last)
    write(store, lambda txn: META.put(txn, ("small",), 1))
    write(store, put(0))


def test_a_map_that_was_full_before_there_was_a_reserve(tmp_path: Path) -> None:
    """Written by a version that filled it to the last page."""
    with (
        open_store(tmp_path, map_bytes=MIB, reserve_bytes=0) as store,
        patch("shortd.store.room.Room.check"),
    ):
        fill(store)
    with small(tmp_path) as store:
        assert fill(store, start=100_000) < 100_020
        for number in range(20):
            with_reserve(store, drop(number), Reserve.ALL)
        write(store, put(200_000))


def test_the_reserve_lies_on_the_disk_before_it_is_needed(tmp_path: Path) -> None:
    with small(tmp_path) as store:
        write(store, put(0))
        file = tmp_path / "db" / "data.mdb"
        status = file.stat()
        assert status.st_blocks * 512 >= store.used_bytes() + MIB
        with full_disk():
            last = fill(store)
            assert last < 100
            for number in range(last):
                with_reserve(store, drop(number), Reserve.ALL)
        assert fill(store) > 100


def test_a_disk_that_allocates_nothing_ahead(tmp_path: Path) -> None:
    unsupported = OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    with small(tmp_path) as store, patch.object(os, "posix_fallocate", side_effect=unsupported):
        assert fill(store) > 100


def test_a_small_disk_is_not_all_reserve(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    tiny = os.statvfs_result(
        (disk.f_bsize, 4096, 1024, *disk[3:5], 1024, *disk[6:])  # 4 MiB, all of them free
    )
    with patch.object(os, "statvfs", return_value=tiny), open_store(tmp_path) as store:
        write(store, put(0))
        assert (tmp_path / "db" / "data.mdb").stat().st_size < MIB + MIB // 2


def test_a_commit_that_fails_is_tried_again_for_what_may_use_the_reserve(store: Store) -> None:
    """Whoever adds rows in the same commit does not keep others from removing some."""
    last = fill(store)

    def too_much(txn: WriteTxn) -> None:
        for number in range(1000):
            put(last + number)(txn)

    async def work() -> list[object]:
        writes = [store.write(too_much)]
        writes += [store.write(drop(number), Reserve.ALL) for number in range(5)]
        return await asyncio.gather(*writes, return_exceptions=True)

    first, *rest = asyncio.run(work())
    assert isinstance(first, errors.ShortdError)
    assert first.kind is errors.STORAGE_FULL
    assert rest == [None] * 5
    with store.read() as txn:
        assert txn.raw.get(b"row 000004", db=txn.databases["positions"]) is None


def test_work_gets_smaller_portions_where_room_is_short(store: Store) -> None:
    asked: list[int] = []

    def work(txn: WriteTxn, rows: int) -> bool:
        asked.append(rows)
        if rows > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(asked) > 5

    asyncio.run(in_portions(store, work))
    assert asked[0] > asked[2] > asked[-1] == 1

    def hopeless(txn: WriteTxn, rows: int) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(errors.ShortdError) as refusal:
        asyncio.run(in_portions(store, hopeless))
    assert refusal.value.kind is errors.STORAGE_FULL


# What is shown and logged


def fault_of(store: Store) -> str | None:
    return store._writer.shortage.fault


def test_a_shortage_lasts_until_a_write_that_adds_something_finds_room(store: Store) -> None:
    last = fill(store)
    assert "has reached [storage] map_bytes" in str(fault_of(store))
    assert store._writer.shortage.refused == 1
    # What may use the reserve, changes nothing, or was not asked for, tells nothing.
    with_reserve(store, drop(0), Reserve.ALL)
    write(store, lambda txn: None)
    asyncio.run(store.write(lambda txn: META.put(txn, ("quiet",), 1), is_quiet=True))
    assert fault_of(store)
    write(store, put(0))
    assert fault_of(store) is None
    with pytest.raises(errors.ShortdError):
        write(store, put(last + 1, 100_000))
    assert fault_of(store)
    assert store._writer.shortage.refused == 2


def test_asking_finds_out_that_there_is_room_again(store: Store) -> None:
    last = fill(store)

    async def ask() -> str | None:
        fault = store.status().fault
        await store.write(lambda txn: None, Reserve.ALL)  # behind what asking tries
        return fault

    assert asyncio.run(ask()) is not None
    assert asyncio.run(ask()) is not None, "there is none"
    for number in range(last - AMPLE_BYTES // 4096 - 2, last):
        with_reserve(store, drop(number), Reserve.ALL)
    assert asyncio.run(ask()) is not None
    assert asyncio.run(ask()) is None


def test_a_shortage_is_told_once_a_minute(store: Store) -> None:
    structlog.reset_defaults()
    with capture_logs() as lines:
        fill(store)
        for number in range(50):
            with pytest.raises(errors.ShortdError):
                write(store, put(100_000, 200_000))
            write(store, lambda txn, n=number: META.put(txn, ("small",), n))  # type: ignore[misc]
    assert [line["event"] for line in lines] == ["no_room", "room_again"]
    with (
        capture_logs() as lines,
        patch("shortd.store.shortage.time.monotonic", return_value=1e12),
        pytest.raises(errors.ShortdError),
    ):
        write(store, put(100_000, 200_000))
    assert [(line["event"], line["refused"]) for line in lines] == [("no_room", 50)]


# What is owed


def test_what_is_owed_comes_before_all_that_adds_rows(tmp_path: Path) -> None:
    blocked = True

    def owed(txn: WriteTxn) -> None:
        if blocked:
            raise OSError(errno.ENOSPC, "No space left on device")
        META.put(txn, ("owed",), 1)

    def look(txn: WriteTxn) -> int | None:
        return META.get(txn, ("owed",))

    with small(tmp_path) as store:
        asyncio.run(store.write_or_owe(owed))
        with pytest.raises(errors.ShortdError) as refusal:
            write(store, look)
        assert refusal.value.kind is errors.STORAGE_FULL
        asyncio.run(store.write(lambda txn: None, Reserve.ALL))
        blocked = False
        assert write(store, look) == 1


def test_what_is_owed_and_wrong_is_told(store: Store) -> None:
    def wrong(txn: WriteTxn) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(store.write_or_owe(wrong))
    write(store, put(0))
