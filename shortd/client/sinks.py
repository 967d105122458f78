"""Where fetched bytes go: a file that gets its name when it is whole, or a stream.

Bytes are written first and kept once they are proven: what was not kept is taken back when a
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


class Kept(msgspec.Struct, frozen=True):
    """How far a transfer came; a row of its ledger."""

    etag: str = ""
    """What the server calls the bytes."""
    received: int = 0
    """Bytes of the download's body."""
    written: int = 0
    """Bytes of the file."""


_rows = msgspec.json.Decoder(Kept)


class Sink(ABC):
    """Takes the bytes of one file."""

    kept = Kept()

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Takes bytes that are not proven yet."""

    @abstractmethod
    def keep(self, etag: str, received: int) -> None:
        """All that was written is proven; it came in the first `received` bytes of the body."""

    @abstractmethod
    def rewind(self) -> None:
        """Takes back what was not kept."""

    @abstractmethod
    def restart(self) -> None:
        """Takes back everything. ClientFailure if that is no longer possible."""


class StreamSink(Sink):
    """Standard output: gets nothing that is not proven."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._unproven = bytearray()

    def write(self, data: bytes) -> None:
        self._unproven += data
        if len(self._unproven) > LARGEST_UNPROVEN:
            raise ClientFailure("This file is one large frame: it must be fetched into a file.")

    def keep(self, etag: str, received: int) -> None:
        self._stream.write(self._unproven)
        self._stream.flush()
        self.kept = Kept(etag, received, self.kept.written + len(self._unproven))
        self._unproven = bytearray()

    def rewind(self) -> None:
        self._unproven = bytearray()

    def restart(self) -> None:
        self.rewind()
        if self.kept.written:
            raise ClientFailure("The transfer broke, and the rest alone cannot be had.")


class PartialFile(Sink):
    """A file under a temporary name, which a later run goes on with. A context manager."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path = path
        self._ledger = ledger
        rows = ledger.rows(_rows)
        # Unbuffered: when the ledger is told of bytes, they must survive this process.
        self._file = path.open("r+b" if rows and path.is_file() else "w+b", buffering=0)
        if rows and path.stat().st_size >= rows[-1].written:
            self.kept = rows[-1]
        self._noted = self.kept.received
        self.rewind()

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def keep(self, etag: str, received: int) -> None:
        self.kept = Kept(etag, received, self._file.tell())
        if received >= self._noted + NOTE_BYTES:
            self._note()

    def rewind(self) -> None:
        self._file.seek(self.kept.written)
        self._file.truncate()

    def restart(self) -> None:
        self._ledger.clear()
        self._noted = 0
        self.kept = Kept()
        self.rewind()

    def publish(self, target: Path, *, force: bool) -> None:
        """Gives the whole file its name. ClientFailure if that is taken, unless `force`."""
        os.fsync(self._file.fileno())
        if not force:
            try:
                # Empty for a moment, and nobody else's.
                target.touch(exist_ok=False)
            except FileExistsError:
                raise taken(target) from None
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
        try:
            if self._path.exists():
                self._leave()
        finally:
            self._file.close()

    def _leave(self) -> None:
        """What was kept stays for a later run, if there can be one."""
        self.rewind()
        if self.kept.received and self._ledger.is_kept:
            self._note()
        else:
            self.discard()

    def _note(self) -> None:
        self._ledger.append(self.kept)
        self._noted = self.kept.received


def taken(target: Path) -> ClientFailure:
    return ClientFailure(f"{target} exists already; --force replaces it.")
