"""What is sent: a file, or several, cut into parts, each encrypted only when it is about to leave.

A part that has to be sent again is encrypted again, so nothing secret need be kept between
runs. Parts are whole frames; the file must not change meanwhile, which is checked.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from shortd.client.contents import Content, Member, Version
from shortd.client.crypto import FRAME_BYTES, FRAME_OVERHEAD, FileKey, Secret
from shortd.client.failures import ClientFailure

SMALLEST_PART = 8 << 20
LARGEST_PART = 32 << 20
"""Bytes; two of these are in memory at once."""
FEW_PARTS = 64
"""Parts grow beyond so many, since each has its price at the server's limiter."""


class Lock(NamedTuple):
    """How a file is encrypted."""

    secret: Secret
    is_bound: bool
    """Whether its frames cannot be moved; the document's own form has no such thing."""


class Parcel:
    """Something to be sent. All sizes are plain bytes unless they are called stored."""

    def __init__(
        self,
        content: Content,
        name: str,
        filetype: str,
        lock: Lock | None,
        members: Sequence[Member] = (),
        *,
        is_sealed: bool = False,
    ) -> None:
        self.name = name
        self.filetype = filetype
        self.lock = lock
        """How to encrypt it; None for a plain file, or for one with a key of its own."""
        self.is_sealed = is_sealed or lock is not None
        self.members = members
        """The files that it is, where they are several under one link."""
        self._content = content
        self.size = content.size

    @property
    def version(self) -> Version:
        """When two are alike, so are the bytes."""
        return self._content.version

    def part_bytes(self) -> int:
        """How large parts should be."""
        wanted = -(-self.size // (FEW_PARTS * FRAME_BYTES)) * FRAME_BYTES
        return min(max(wanted, SMALLEST_PART), LARGEST_PART)

    def part_count(self, part_bytes: int) -> int:
        """An encrypted file has one part at least, with a frame in it that proves the key."""
        return max(-(-self.size // part_bytes), int(self.is_sealed))

    def stored_bytes(self, number: int, part_bytes: int) -> int:
        """What the part of this number, from 0, is on its way."""
        size = min(part_bytes, self.size - number * part_bytes)
        return size + _frame_count(size) * FRAME_OVERHEAD if self.is_sealed else size

    def part(self, number: int, part_bytes: int, key: FileKey | None) -> bytes:
        """The part as it is sent. Blocking. ClientFailure if the file has changed."""
        start = number * part_bytes
        stop = min(start + part_bytes, self.size)
        frame = number * _frame_count(part_bytes)
        body = io.BytesIO()
        for at in range(start, stop, FRAME_BYTES) or (start,):
            plain = self._content.read(min(FRAME_BYTES, stop - at), at)
            is_last = at + FRAME_BYTES >= stop == self.size
            body.write(plain if key is None else key.seal_frame(plain, frame, is_last=is_last))
            frame += 1
        if self._content.changed():
            raise ClientFailure(f"{self.name} has changed while it was being sent.")
        return body.getvalue()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file that has a size: the one at `path`, or a copy of what comes through a pipe."""
    is_file = path.is_file()
    with path.open("rb") as file:
        if is_file:
            yield file
        else:
            with spooled(file) as copy:
                yield copy


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[BinaryIO]:
    """A copy without a name, on disk, of a stream whose size nobody knows yet."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(stream, file, FRAME_BYTES)
        file.flush()
        yield file


def _frame_count(size: int) -> int:
    return max(1, -(-size // FRAME_BYTES))
