"""Immutable files on disk: written once under a temporary name, then renamed, never changed.

A blob is safe (data and directory entry fsynced) when `BlobWriter.finish` returns. All disk
work happens on a few threads, a mebibyte at a time, so that memory stays flat and the event
loop free. Writing stops while the disk still has its reserve, and `status` tells why. This module
must never know what a blob means, or take a name from a request.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeVar

from shortd import errors
from shortd.store import StorageStatus
from shortd.store.shortage import NO_ROOM, Shortage
from shortd.syncing import sync

T = TypeVar("T")

CHUNK_BYTES = 1 << 20
"""Bytes handed to a disk thread at a time; an upload holds two of these at most."""
WRITEBACK_BYTES = 8 << 20
"""Bytes that may gather in the page cache before the disk is told to begin."""
_CHUNK_PIECES = 512
"""Pieces of a chunk, at most: tiny ones weigh more than they hold, and `writev` takes 1024."""
_BELOW_RESERVE = "less than [files] min_free_bytes would be left"
_NAME = re.compile(r"[0-9a-f]{32}")


class Blob(NamedTuple):
    """A finished blob."""

    name: str
    size: int
    """Bytes."""
    sha256: bytes


class Blobs:
    """The blobs of a data directory, spread over 256 folders by the first byte of their name.

    `reserve` bytes of the disk are left to others.
    """

    def __init__(self, directory: Path, *, reserve: int = 0, threads: int = 8) -> None:
        self.directory = directory
        self._shortage = Shortage("files")
        self._wanted = 0
        """Bytes that found no room last."""
        self._reserve = reserve
        self._unfinished = directory / "unfinished"
        for folder in (directory, self._unfinished):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._unfinished.iterdir():
            leftover.unlink()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="shortd-disk")

    def create(self, name: str = "") -> BlobWriter:
        """Begins a blob; `finish` or `discard` it. A name is given to one that had it elsewhere."""
        return BlobWriter(self, name or secrets.token_hex(16))

    def path(self, name: str) -> Path:
        """Where a blob is. ValueError for anything that `create` cannot have named."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a blob's name: {name!r}")
        return self.directory / place_of(name)

    async def open(self, name: str) -> FileIO:
        """A blob to be read by `run`; close it. OSError if it cannot be."""
        return await self.run(lambda: self.path(name).open("rb", buffering=0))

    async def delete(self, name: str) -> None:
        """Removes a blob; one that is gone already is fine. OSError if it cannot be."""
        await self.run(lambda: self.path(name).unlink(missing_ok=True))

    def need_room(self, size: int) -> None:
        """STORAGE_FULL unless the disk could take so many bytes more without our reserve."""
        if not self.has_room(size):
            raise self.refusal(_BELOW_RESERVE, size)

    def refusal(self, reason: str, size: int) -> errors.ShortdError:
        """What to raise where so many bytes find no room; it is noted."""
        self._wanted = size
        self._shortage.refuse(reason)
        return errors.STORAGE_FULL()

    def status(self) -> StorageStatus:
        """Whether there is room for files: as long as there is none for what was refused last, or
        for any."""
        if self._shortage.fault is not None and self.has_room(self._wanted):
            self._shortage.end()
        fault = self._shortage.fault or (None if self.has_room(0) else _BELOW_RESERVE)
        return StorageStatus(fault, self._shortage.refused)

    def took(self) -> None:
        """Something found room."""
        self._shortage.end()

    def has_room(self, size: int) -> bool:
        """Whether the file system could take so many bytes more without our reserve."""
        status = os.statvfs(self.directory)
        return status.f_bavail * status.f_frsize >= size + self._reserve

    async def run(self, work: Callable[[], T]) -> T:
        """Runs blocking disk work on a disk thread.

        When cancelled, it ends no sooner than the work: what that uses may be closed then.
        """
        return await self.end(self.begin(work))

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Has a disk thread begin with work, which goes on whatever happens; `end` waits for it."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def end(self, future: asyncio.Future[T]) -> T:
        """What work comes to that was begun; see `run`."""
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.cancelled():
                # Nobody else asks for it, which would be logged.
                future.exception()
            raise

    def close(self) -> None:
        """Waits for the disk threads to end."""
        self._threads.shutdown(cancel_futures=True)

    def unfinished_path(self, name: str) -> Path:
        return self._unfinished / name


class Discarded:
    """A file that is read for its digest alone, in the place of a `BlobWriter`."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    async def write(self, data: bytes) -> None:
        """Takes bytes in."""
        self.size += len(data)
        self._hash.update(data)

    async def finish(self) -> Blob:
        """What it would be; it has no name."""
        return Blob("", self.size, self._hash.digest())

    async def discard(self) -> None:
        """There is nothing to leave."""


class BlobWriter:
    """A blob being written. STORAGE_FULL from any method when the disk takes no more.

    Bytes go to disk while the next ones come.
    """

    def __init__(self, blobs: Blobs, name: str) -> None:
        self.name = name
        self.size = 0
        """Bytes given to `write` so far."""
        self._blobs = blobs
        self._path = blobs.unfinished_path(name)
        self._descriptor = -1
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._held = 0
        self._written = 0
        self._begun = 0
        """Bytes on their way to disk: fsync has to wait for the rest alone."""
        self._work: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        """Takes bytes in; returns when it wants more."""
        self.size += len(data)
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= CHUNK_BYTES or len(self._pieces) == _CHUNK_PIECES:
            await self._submit()

    async def finish(self) -> Blob:
        """Makes the blob safe and gives it its name."""
        try:
            await self._submit()
            await self._settle()
            self._begin(self._publish)
            await self._settle()
        except Exception:
            await self.discard()
            raise
        self._blobs.took()
        return Blob(self.name, self.size, self._hash.digest())

    async def discard(self) -> None:
        """Leaves nothing of an unfinished blob."""
        with suppress(OSError, errors.ShortdError):
            await self._settle()
        await self._blobs.run(self._remove)

    async def _submit(self) -> None:
        """Hands the pieces over once those before them are written."""
        await self._settle()
        pieces, self._pieces, self._held = self._pieces, [], 0
        self._begin(lambda: self._put(pieces))

    def _begin(self, work: Callable[[], None]) -> None:
        self._work = self._blobs.begin(work)

    async def _settle(self) -> None:
        """Waits for the disk thread."""
        if self._work is None:
            return
        work, self._work = self._work, None
        try:
            await self._blobs.end(work)
        except OSError as fault:
            if fault.errno not in NO_ROOM:
                raise
            reason = fault.strerror or str(fault)
            raise self._blobs.refusal(reason, CHUNK_BYTES) from None

    def _put(self, pieces: list[bytes]) -> None:
        self._blobs.need_room(sum(map(len, pieces)))
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        for piece in pieces:
            self._hash.update(piece)
        rest = deque(memoryview(piece) for piece in pieces)
        while rest:
            written = os.writev(self._descriptor, rest)
            self._written += written
            while rest and written >= len(rest[0]):
                written -= len(rest.popleft())
            if written:
                rest[0] = rest[0][written:]
        if self._written - self._begun >= WRITEBACK_BYTES and hasattr(os, "posix_fadvise"):
            # Linux begins to write to disk what is dirty, so that fsync finds little left.
            ready = self._written - self._begun
            os.posix_fadvise(self._descriptor, self._begun, ready, os.POSIX_FADV_DONTNEED)
            self._begun = self._written

    def _publish(self) -> None:
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        path = self._blobs.path(self.name)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync(path.parent.parent)
        self._path.rename(path)
        sync(path.parent)

    def _remove(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._path.unlink(missing_ok=True)


def place_of(name: str) -> Path:
    """Where a blob is in a folder of `Blobs`."""
    return Path(name[:2], name)


def stored_blobs(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every finished blob in a folder of `Blobs`. Blocking."""
    for folder in directory.glob("[0-9a-f][0-9a-f]"):
        for entry in os.scandir(folder):
            # What has another name is not ours, and not for us to delete.
            if _NAME.fullmatch(entry.name):
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat()
