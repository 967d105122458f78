"""Blobs: written once and whole, or not at all."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd.errors import ShortdError
from shortd.files import blobs as subject
from shortd.files.blobs import CHUNK_BYTES, Blobs, stored_blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Blobs]:
    opened = Blobs(tmp_path / "files")
    yield opened
    opened.close()


def on_disk(blobs: Blobs) -> list[str]:
    return sorted(path.name for path in blobs.directory.rglob("*") if path.is_file())


async def write(blobs: Blobs, *pieces: bytes) -> subject.Blob:
    writer = blobs.create()
    for piece in pieces:
        await writer.write(piece)
    return await writer.finish()


async def read(blobs: Blobs, name: str) -> bytes:
    with await blobs.open(name) as file:
        return await blobs.run(file.read)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b""],
        [b"a"],
        [b"a", b"", b"bc"],
        [bytes(CHUNK_BYTES)],
        [b"x" * (CHUNK_BYTES - 1), b"yz"],
        [b"x" * 300_000] * 9,
        [b"ab"] * 5000,
    ],
    ids=len,
)
def test_what_was_written_is_read(blobs: Blobs, pieces: list[bytes]) -> None:
    async def scenario() -> None:
        blob = await write(blobs, *pieces)
        data = b"".join(pieces)
        assert await read(blobs, blob.name) == data
        assert (blob.size, blob.sha256) == (len(data), hashlib.sha256(data).digest())
        assert on_disk(blobs) == [blob.name]
        assert [name for name, _ in stored_blobs(blobs.directory)] == [blob.name]
        await blobs.delete(blob.name)
        await blobs.delete(blob.name)
        assert on_disk(blobs) == []

    asyncio.run(scenario())


def test_only_the_owner_can_read_them(blobs: Blobs) -> None:
    blob = asyncio.run(write(blobs, b"data"))
    path = blobs.path(blob.name)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "name", ["", "x", "../../etc/passwd", "0" * 31, "0" * 33, "A" * 32, "0" * 32 + "\n", "/" * 32]
)
def test_no_other_names(blobs: Blobs, name: str) -> None:
    with pytest.raises(ValueError, match="not a blob's name"):
        blobs.path(name)


def test_strange_files_are_not_ours(blobs: Blobs) -> None:
    folder = blobs.directory / "ab"
    folder.mkdir()
    for name in ("notes.txt", "0" * 31, "lost+found"):
        (folder / name).touch()
    assert list(stored_blobs(blobs.directory)) == []


@pytest.mark.parametrize("size", [0, 10, CHUNK_BYTES, 3 * CHUNK_BYTES + 1])
def test_discarded(blobs: Blobs, size: int) -> None:
    async def scenario() -> None:
        writer = blobs.create()
        await writer.write(bytes(size))
        await writer.discard()
        await writer.discard()

    asyncio.run(scenario())
    assert on_disk(blobs) == []


def test_a_start_removes_what_was_not_finished(blobs: Blobs, tmp_path: Path) -> None:
    async def scenario() -> str:
        writer = blobs.create()
        await writer.write(bytes(2 * CHUNK_BYTES))
        await writer.write(bytes(2 * CHUNK_BYTES))
        return writer.name

    unfinished = asyncio.run(scenario())
    assert on_disk(blobs) == [unfinished]
    blob = asyncio.run(write(blobs, b"data"))
    Blobs(tmp_path / "files").close()
    assert on_disk(blobs) == [blob.name]


FAULTS = {
    "full": (errno.ENOSPC, ShortdError),
    "over quota": (errno.EDQUOT, ShortdError),
    "too large for the file system": (errno.EFBIG, ShortdError),
    "broken": (errno.EIO, OSError),
}


@pytest.mark.parametrize(("number", "raised"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("call", ["open", "writev", "fsync", "mkdir"])
def test_a_disk_that_fails(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, call: str, number: int, raised: type[Exception]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path if call == "mkdir" else os, call, fail)
    with pytest.raises(raised) as caught:
        asyncio.run(write(blobs, bytes(CHUNK_BYTES), b"more"))
    if isinstance(caught.value, ShortdError):
        assert caught.value.code == "storage_full"
    monkeypatch.undo()
    assert on_disk(blobs) == []


def test_short_writes(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take less than it is given, and stop anywhere."""
    real = os.writev

    def some(descriptor: int, pieces: Any) -> int:
        return real(descriptor, [bytes(pieces[0])[:333]])

    monkeypatch.setattr(os, "writev", some)

    async def scenario() -> None:
        pieces = [os.urandom(size) for size in (1, 332, 333, 334, 1000, 0, 5000)]
        blob = await write(blobs, *pieces)
        assert await read(blobs, blob.name) == b"".join(pieces)

    asyncio.run(scenario())


def test_a_reserve_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by uploads that nobody could refuse in advance, and by many at once."""
    free = 3 * CHUNK_BYTES

    class Status:
        f_frsize = 1

        @property
        def f_bavail(self) -> int:
            return free

    monkeypatch.setattr(os, "statvfs", lambda path: Status())
    blobs = Blobs(tmp_path / "files", reserve=CHUNK_BYTES)
    try:
        assert blobs.has_room(2 * CHUNK_BYTES)
        assert not blobs.has_room(2 * CHUNK_BYTES + 1)
        asyncio.run(write(blobs, bytes(2 * CHUNK_BYTES)))
        with pytest.raises(ShortdError, match="no storage left"):
            asyncio.run(write(blobs, bytes(2 * CHUNK_BYTES + 1)))
        free = CHUNK_BYTES
        with pytest.raises(ShortdError, match="no storage left"):
            asyncio.run(write(blobs, b"x"))
        assert len(on_disk(blobs)) == 1
    finally:
        blobs.close()


class Gate:
    """Holds a disk thread up until it is opened."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.entered = asyncio.Event()
        self._opened: asyncio.Future[None] = loop.create_future()
        self.left = False

    def pass_through(self) -> None:
        self._loop.call_soon_threadsafe(self.entered.set)
        asyncio.run_coroutine_threadsafe(self._wait(), self._loop).result()
        self.left = True

    def open(self) -> None:
        self._opened.set_result(None)

    async def _wait(self) -> None:
        await self._opened


def test_cancelled_work_is_waited_for(blobs: Blobs) -> None:
    """However often: its descriptors are closed next, and their numbers used again."""

    async def scenario() -> None:
        gate = Gate(asyncio.get_running_loop())
        task = asyncio.ensure_future(blobs.run(gate.pass_through))
        await gate.entered.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gate.left

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["_put", "_publish"])
def test_an_upload_that_is_cancelled_leaves_nothing(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    async def scenario() -> None:
        gate = Gate(asyncio.get_running_loop())
        writer = blobs.create()
        real: Callable[..., None] = getattr(writer, stage)

        def held(*arguments: Any) -> None:
            gate.pass_through()
            real(*arguments)

        monkeypatch.setattr(writer, stage, held)

        async def upload() -> None:
            try:
                await writer.write(bytes(CHUNK_BYTES))
                await writer.finish()
            except asyncio.CancelledError:
                await writer.discard()
                raise

        task = asyncio.ensure_future(upload())
        await gate.entered.wait()
        task.cancel()
        await asyncio.sleep(0)
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Published in the meantime, it is an orphan for the undertaker; never half a blob.
        left = on_disk(blobs)
        assert left == ([writer.name] if stage == "_publish" else [])

    asyncio.run(scenario())


def test_many_at_once(blobs: Blobs) -> None:
    async def scenario() -> None:
        async def one(number: int) -> None:
            data = bytes([number]) * (CHUNK_BYTES + number)
            blob = await write(blobs, data[:70_000], data[70_000:])
            assert await read(blobs, blob.name) == data

        tasks: list[Awaitable[None]] = [one(number) for number in range(24)]
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert len(on_disk(blobs)) == 24
