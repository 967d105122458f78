"""Zips of stored files, read and written piece by piece while they are sent.

Reading, and adding up what a zip checks its files by, is done on disk threads. A piece is made when
the one before it has been taken, so that a client who reads slowly holds no more than that.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from io import FileIO
from itertools import groupby
from typing import NamedTuple

from shortd.files.blobs import Blobs
from shortd.zips import ZipMember, ZipWriter, zip_paths, zip_size

PIECE_BYTES = 1 << 16
"""Read at a time: so much may be with a client who does not read."""
FILE_BYTES = 2048
"""What a zip on its way keeps of each file in it, at most, but for its path."""


class BlobRange(NamedTuple):
    """Bytes of a blob."""

    blob: str
    start: int
    length: int


class ZippedFile(NamedTuple):
    """A file that goes into a zip."""

    path: str
    """As its owner has it; `members` makes it safe."""
    size: int
    """Bytes, which is what the ranges have together."""
    utime: int
    """When it was changed, Unix time in µs."""
    ranges: Sequence[BlobRange]


class ZipStream(NamedTuple):
    """A zip that is to be sent."""

    files: Sequence[ZippedFile]
    members: Sequence[ZipMember]
    size: int
    """Bytes of the whole zip."""

    @property
    def kept_bytes(self) -> int:
        """What it keeps in memory while it is sent, roughly, but for pieces."""
        return sum(FILE_BYTES + 2 * len(member.path) for member in self.members)


async def zip_of(blobs: Blobs, files: Sequence[ZippedFile]) -> ZipStream:
    """Puts a zip together, of which no byte is made yet."""
    return await blobs.run(partial(_layout, files))


def _layout(files: Sequence[ZippedFile]) -> ZipStream:
    paths = zip_paths(file.path for file in files)
    members = [
        ZipMember(path, file.size, file.utime) for path, file in zip(paths, files, strict=True)
    ]
    return ZipStream(files, members, zip_size(members))


async def zipped(blobs: Blobs, stream: ZipStream) -> AsyncGenerator[bytes, None]:
    """The bytes of a zip. OSError where a blob is gone, or shorter than its ranges; close it then
    or whenever it is given up (`contextlib.aclosing`).
    """
    with ZipWriter() as writer:
        for file, member in zip(stream.files, stream.members, strict=True):
            writer.begin(member)
            async with AsyncExitStack() as stack:
                for name, ranges in groupby(file.ranges, lambda one: one.blob):
                    opened = stack.enter_context(await blobs.open(name))
                    for _, start, length in ranges:
                        while length:
                            size = min(length, PIECE_BYTES)
                            await blobs.run(partial(_copy, opened, start, size, writer))
                            yield writer.take()
                            start, length = start + size, length - size
            writer.end()
        await blobs.run(writer.finish)
        rest = memoryview(writer.take())
        for start in range(0, len(rest), PIECE_BYTES):
            yield bytes(rest[start : start + PIECE_BYTES])


def _copy(opened: FileIO, start: int, size: int, writer: ZipWriter) -> None:
    data = os.pread(opened.fileno(), size, start)
    if len(data) < size:
        raise OSError("the file is shorter than it was")
    writer.write(data)
