"""Immutable files on disk: written once under a temporary name, then renamed, never changed.

A blob is safe (data and directory entry fsynced) when `BlobWriter.finish` returns. All disk
work happens on a few threads, a mebibyte at a time, so that memory stays flat and the event
loop free. This module must never know what a blob means, or take a name from a request.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from shortd import errors

T = TypeVar("T")

CHUNK_BYTES = 1 << 20
"""Bytes handed to a disk thread at a time; an upload holds two of these at most."""
_NAME = re.compile(r"[0-9a-f]{32}")


class Blob(NamedTuple):
    """A finished blob."""

    name: str
    size: int
    """Bytes."""
    sha256: bytes


class Blobs:
    """The blobs of a data directory, spread over 256 folders by the first byte of their name."""

    def __init__(self, directory: Path, *, threads: int = 4) -> None:
        self._directory = directory
        self._unfinished = directory / "unfinished"
        for folder in (directory, self._unfinished):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._unfinished.iterdir():
            leftover.unlink()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="shortd-disk")

    def create(self) -> BlobWriter:
        """Begins a blob; `finish` or `discard` it."""
        return BlobWriter(self, secrets.token_hex(16))

    def path(self, name: str) -> Path:
        """Where a blob is. ValueError for anything that `create` cannot have named."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a blob's name: {name!r}")
        return self._directory / name[:2] / name

    async def read(self, name: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Bytes [start, start + length) of a blob, in chunks. OSError if it cannot be read."""
        descriptor = await self.run(lambda: os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC))
        try:
            while length:
                size = min(length, CHUNK_BYTES)
                chunk = await self.run(partial(os.pread, descriptor, size, start))
                if not chunk:
                    raise OSError(f"blob {name} is shorter than it was")
                yield chunk
                start += len(chunk)
                length -= len(chunk)
        finally:
            os.close(descriptor)

    async def delete(self, name: str) -> None:
        """Removes a blob; one that is gone already is fine. OSError if it cannot be."""
        await self.run(lambda: self.path(name).unlink(missing_ok=True))

    def names(self) -> Iterator[tuple[str, float]]:
        """Every finished blob with its time of change (Unix seconds)."""
        for folder in self._directory.glob("[0-9a-f][0-9a-f]"):
            for entry in os.scandir(folder):
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat().st_mtime

    def free_bytes(self) -> int:
        """What the file system has left for us."""
        status = os.statvfs(self._directory)
        return status.f_bavail * status.f_frsize

    async def run(self, work: Callable[[], T]) -> T:
        """Runs blocking disk work on a disk thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Waits for the disk threads to end."""
        self._threads.shutdown(cancel_futures=True)

    def unfinished_path(self, name: str) -> Path:
        return self._unfinished / name


class BlobWriter:
    """A blob being written. STORAGE_FULL from any method when the disk takes no more."""

    def __init__(self, blobs: Blobs, name: str) -> None:
        self.name = name
        self.size = 0
        """Bytes given to `write` so far."""
        self._blobs = blobs
        self._path = blobs.unfinished_path(name)
        self._descriptor = -1
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._writing: asyncio.Future[None] | None = None

    async def write(self, data: bytes | bytearray) -> None:
        """Takes bytes in; returns when it wants more."""
        self.size += len(data)
        self._buffer += data
        if len(self._buffer) >= CHUNK_BYTES:
            await self._submit()

    async def finish(self) -> Blob:
        """Makes the blob safe and gives it its name."""
        try:
            await self._submit()
            await self._settle()
            await self._blobs.run(self._publish)
        except OSError:
            await self.discard()
            raise errors.STORAGE_FULL() from None
        return Blob(self.name, self.size, self._hash.digest())

    async def discard(self) -> None:
        """Leaves nothing of an unfinished blob."""
        with suppress(OSError, errors.ShortdError):
            await self._settle()
        await self._blobs.run(self._remove)

    async def _submit(self) -> None:
        """Hands the buffer over while the one before it is being written."""
        await self._settle()
        chunk, self._buffer = self._buffer, bytearray()
        self._writing = asyncio.ensure_future(self._blobs.run(lambda: self._put(chunk)))

    async def _settle(self) -> None:
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        try:
            await writing
        except OSError:
            raise errors.STORAGE_FULL() from None

    def _put(self, chunk: bytearray) -> None:
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        self._hash.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _publish(self) -> None:
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        path = self._blobs.path(self.name)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_directory(path.parent.parent)
        self._path.rename(path)
        _sync_directory(path.parent)

    def _remove(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._path.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
