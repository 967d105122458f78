"""Zips of blobs: whole, in bounded pieces, and given up in the middle."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from contextlib import aclosing
from pathlib import Path

import pytest

from shortd.files.blobs import Blobs
from shortd.files.zip_streams import PIECE_BYTES, BlobRange, ZippedFile, zip_of, zipped
from tests.open_files import open_files

DATA = os.urandom(3 * PIECE_BYTES + 17)


async def store(blobs: Blobs, data: bytes) -> str:
    writer = blobs.create()
    await writer.write(data)
    return (await writer.finish()).name


async def files_of(blobs: Blobs) -> list[ZippedFile]:
    """One in two blobs, two in one, and an empty one."""
    first, second = await store(blobs, DATA[: PIECE_BYTES + 5]), await store(blobs, DATA)
    return [
        ZippedFile(
            "up/../two.bin",
            PIECE_BYTES + 5 + 100,
            0,
            [BlobRange(first, 0, PIECE_BYTES + 5), BlobRange(second, 50, 100)],
        ),
        ZippedFile("a", 40, 0, [BlobRange(second, 0, 40)]),
        ZippedFile("A", len(DATA) - 40, 0, [BlobRange(second, 40, len(DATA) - 40)]),
        ZippedFile("empty", 0, 0, []),
    ]


def test_a_zip(tmp_path: Path) -> None:
    async def read(blobs: Blobs) -> tuple[int, list[bytes]]:
        stream = await zip_of(blobs, await files_of(blobs))
        async with aclosing(zipped(blobs, stream)) as pieces:
            return stream.size, [piece async for piece in pieces]

    blobs = Blobs(tmp_path)
    size, pieces = asyncio.run(read(blobs))
    blobs.close()
    assert max(map(len, pieces)) < PIECE_BYTES + 1000
    assert sum(map(len, pieces)) == size
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["up/two.bin", "a", "A (2)", "empty"]
        assert opened.read("up/two.bin") == DATA[: PIECE_BYTES + 5] + DATA[50:150]
        assert opened.read("a") + opened.read("A (2)") == DATA
        assert opened.read("empty") == b""


def test_given_up_it_leaves_nothing_open(tmp_path: Path) -> None:
    async def begin(blobs: Blobs) -> None:
        stream = await zip_of(blobs, await files_of(blobs))
        async with aclosing(zipped(blobs, stream)) as pieces:
            await anext(pieces)
            assert blobs_open(tmp_path)

    blobs = Blobs(tmp_path)
    asyncio.run(begin(blobs))
    blobs.close()
    assert not blobs_open(tmp_path)


def blobs_open(folder: Path) -> bool:
    return any(folder in place.parents for place in open_files())


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_blob_that_is_not_whole(tmp_path: Path, is_gone: bool) -> None:
    async def read(blobs: Blobs) -> None:
        files = await files_of(blobs)
        path = blobs.path(files[0].ranges[1].blob)
        if is_gone:
            path.unlink()
        else:
            os.truncate(path, 60)
        stream = await zip_of(blobs, files)
        async with aclosing(zipped(blobs, stream)) as pieces:
            async for _ in pieces:
                pass

    blobs = Blobs(tmp_path)
    with pytest.raises(OSError):
        asyncio.run(read(blobs))
    blobs.close()
