"""Where fetched bytes go: a file that gets its name when it is whole, or a stream.

Bytes are written first and kept when they are proven: what was not kept is taken back when a
transfer is interrupted. A target is never replaced unless that is asked for.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from shortd.client.failures import ClientFailure
from shortd.client.state import Ledger

NOTE_BYTES = 1 << 20
"""The ledger is told of progress in steps of this size."""
LARGEST_UNPROVEN = 64 << 20
"""Bytes of a frame that are held back until it is proven, where they cannot be taken back."""


class Progressed(msgspec.Struct, frozen=True):
    """A row of a ledger: how far a transfer came."""

    etag: str = ""
    received: int = 0
    """Bytes of the body of the download."""
    written: int = 0
    """Bytes of the file."""


_rows = msgspec.json.Decoder(Progressed)


class Sink(ABC):
    """Takes the bytes of one file."""

    def __init__(self) -> None:
        self.kept = Progressed()

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Takes bytes that are not proven yet."""

    @abstractmethod
    def keep(self, received: int) -> None:
        """All that was written is proven; it came in the first `received` bytes of the body."""

    @abstractmethod
    def rewind(self) -> None:
        """Takes back what was not kept."""

    @abstractmethod
    def restart(self) -> None:
        """Takes back everything. ClientFailure if that is no longer possible."""

    def identify(self, etag: str) -> None:
        """What the server calls the bytes that come now."""
        self.kept = msgspec.structs.replace(self.kept, etag=etag)


class StreamSink(Sink):
    """Standard output: gets nothing that is not proven."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._unproven = bytearray()

    def write(self, data: bytes) -> None:
        self._unproven += data
        if len(self._unproven) > LARGEST_UNPROVEN:
            raise ClientFailure("This file can only be fetched into a file: it is one large frame.")

    def keep(self, received: int) -> None:
        self._stream.write(self._unproven)
        self._stream.flush()
        written = self.kept.written + len(self._unproven)
        self.kept = Progressed(self.kept.etag, received, written)
        self._unproven = bytearray()

    def rewind(self) -> None:
        self._unproven = bytearray()

    def restart(self) -> None:
        self.rewind()
        if self.kept.written:
            raise ClientFailure("The file changed while it was being fetched.")
        self.kept = Progressed()


class PartialFile(Sink):
    """A file under a temporary name, which a later run goes on with. A context manager."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        super().__init__()
        self._path = path
        self._ledger = ledger
        rows = ledger.rows(_rows)
        self._file = path.open("r+b" if rows and path.is_file() else "w+b")
        if rows and path.stat().st_size >= rows[-1].written:
            self.kept = rows[-1]
        self._noted = self.kept.received
        self.rewind()

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def keep(self, received: int) -> None:
        self.kept = Progressed(self.kept.etag, received, self._file.tell())
        if received >= self._noted + NOTE_BYTES:
            self._note()

    def rewind(self) -> None:
        self._file.seek(self.kept.written)
        self._file.truncate()

    def restart(self) -> None:
        self._ledger.clear()
        self.kept = Progressed()
        self._noted = 0
        self.rewind()

    def publish(self, target: Path, *, force: bool) -> None:
        """Gives the whole file its name. ClientFailure if that is taken, unless `force`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if not force:
            reserve(target)
        self._path.replace(target)
        self._ledger.forget()

    def discard(self) -> None:
        """Leaves nothing of a file that is of no use."""
        self._path.unlink(missing_ok=True)
        self._ledger.forget()

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._path.exists():
            self.rewind()
            if self.kept.received and self._ledger.is_kept:
                self._note()
            else:
                self.discard()
        self._file.close()

    def _note(self) -> None:
        # The rows must not be ahead of the bytes, should this process be killed.
        self._file.flush()
        self._ledger.append(self.kept)
        self._noted = self.kept.received


def reserve(target: Path) -> None:
    """Makes an empty file, for a moment, to be replaced: nobody else's can be in its place."""
    try:
        target.touch(exist_ok=False)
    except FileExistsError:
        raise ClientFailure(f"{target} exists already; --force replaces it.") from None
