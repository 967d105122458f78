"""Where fetched bytes go: a file that gets its name when it is whole, or a stream.

Bytes are written first and kept once they are proven: what was not kept is taken back when a
transfer is interrupted. Others may be able to write to the folder: nothing is ever written
through what is no file of our own, and nothing is replaced unless that is asked for.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from shortd.client.crypto import Damaged
from shortd.client.failures import ClientFailure
from shortd.client.offer import Offer
from shortd.client.state import Ledger

NOTE_BYTES = 1 << 20
"""The ledger is told of progress in steps of this size."""
UNPROVEN_IN_MEMORY = 16 << 20
"""Bytes of a frame that wait in memory until it is proven, and not on disk, where they cannot be
taken back."""
ROOM_BYTES = 4096
"""Written to see whether the disk is full."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Part(msgspec.Struct, frozen=True, tag="part"):
    """Where the bytes are before the file has its name; a row of a fetch's ledger."""

    name: str


class Kept(msgspec.Struct, frozen=True, tag="kept"):
    """How far a transfer came; a row of its ledger."""

    etag: str = ""
    """What the server calls the bytes."""
    received: int = 0
    """Bytes of the download's body."""
    written: int = 0
    """Bytes of the file."""
    frames: int = 0
    """Of an encrypted file."""
    has_ended: bool = False
    """Whether the last of them is there, where files have such a thing."""


_rows: msgspec.json.Decoder[Part | Offer | Kept] = msgspec.json.Decoder(Part | Offer | Kept)


class Sink(ABC):
    """Takes the bytes of one file."""

    kept = Kept()
    offer: Offer | None = None
    """What the bytes are of."""
    goes_on = False
    """Whether a later run would find what is there, or was paid for."""

    @abstractmethod
    def __enter__(self) -> Sink: ...

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def expect(self, offer: Offer) -> None:
        """What comes from now on is of this offer; if that is another file, from its beginning.
        ClientFailure if that is no longer possible.
        """
        if self.offer is None or not self.offer.is_of_same_bytes(offer):
            self.restart()
        self.offer = offer

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Takes bytes that are not proven yet."""

    @abstractmethod
    def keep(self, etag: str, received: int, frames: int = 0, *, has_ended: bool = False) -> None:
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
        # Closed with the sink.
        self._unproven = tempfile.SpooledTemporaryFile(UNPROVEN_IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> StreamSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._unproven.close()

    def write(self, data: bytes) -> None:
        self._unproven.write(data)

    def keep(self, etag: str, received: int, frames: int = 0, *, has_ended: bool = False) -> None:
        size = self._unproven.tell()
        self._unproven.seek(0)
        while data := self._unproven.read(NOTE_BYTES):
            self._stream.write(data)
        self._stream.flush()
        self.kept = Kept(etag, received, self.kept.written + size, frames, has_ended)
        self.rewind()

    def rewind(self) -> None:
        self._unproven.seek(0)
        self._unproven.truncate()

    def restart(self) -> None:
        self.rewind()
        if self.kept.written:
            raise ClientFailure("The transfer broke, and the rest alone cannot be had.")


class PartialFile(Sink):
    """A file under a temporary name, which a later run goes on with. A context manager.

    OSError if there can be none in the folder.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        self._is_published = False
        self.goes_on = ledger.is_kept
        part = None
        for row in ledger.rows(_rows):
            if isinstance(row, Part):
                part = row.name
            elif isinstance(row, Offer):
                self.offer = row
            else:
                self.kept = row
        # Unbuffered: when the ledger is told of bytes, they must survive this process.
        file = _open_own(folder / part) if part is not None else None
        if file is None or part is None:
            part = f".shortd-{secrets.token_hex(16)}.part"
            file = os.open(folder / part, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
            self.kept = Kept()
            self._begin_ledger(Part(part))
        self._path = folder / part
        self._file = os.fdopen(file, "r+b", buffering=0)
        if os.fstat(file).st_size < self.kept.written:
            self.kept = Kept()
        self._noted = self.kept.received
        self.rewind()

    def expect(self, offer: Offer) -> None:
        super().expect(offer)
        self._ledger.append(offer)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as fault:
            if fault.errno not in _FULL:
                raise
            hint = " The same command goes on from here." if self.goes_on else ""
            message = f"There is no room for the file in {self._folder}: {fault.strerror}.{hint}"
            raise ClientFailure(message) from None

    def keep(self, etag: str, received: int, frames: int = 0, *, has_ended: bool = False) -> None:
        self.kept = Kept(etag, received, self._file.tell(), frames, has_ended)
        if received >= self._noted + NOTE_BYTES:
            self._note()

    def rewind(self) -> None:
        self._file.seek(self.kept.written)
        self._file.truncate()

    def restart(self) -> None:
        if self.kept.received:
            self.kept = Kept()
            self._note()
        self.rewind()

    def publish(self, target: Path, *, force: bool) -> None:
        """Gives the whole file its name. FileExistsError if that is taken, unless `force`; OSError
        if it can be no name. The file can be given another one then.
        """
        os.fsync(self._file.fileno())
        if not os.path.samestat(os.fstat(self._file.fileno()), self._path.lstat()):
            raise ClientFailure(f"Somebody has put something else at {self._path}.")
        if not force or target.is_dir():
            # Empty for a moment, and nobody else's.
            target.touch(exist_ok=False)
        self._path.replace(target)
        self._is_published = True
        self._ledger.forget()

    def discard(self) -> None:
        """Leaves nothing of a file that is of no use."""
        self._remove()
        self._ledger.forget()

    def __enter__(self) -> PartialFile:
        """ClientFailure if the disk is full already."""
        try:
            self.write(bytes(ROOM_BYTES))
            self.rewind()
        except BaseException as fault:
            self.__exit__(type(fault), fault, fault.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._file:
            if isinstance(error, Damaged):
                self.discard()
            elif not self._is_published:
                self._leave()

    def _leave(self) -> None:
        """What was kept stays for a later run, if there can be one, and so does what a click
        was paid for.
        """
        if self.goes_on and self.kept.received and self.kept.etag:
            # The disk may be full.
            with suppress(OSError):
                self.rewind()
            self._note()
        elif self.goes_on and self.offer is not None:
            self._remove()
        else:
            self.discard()

    def _begin_ledger(self, part: Part) -> None:
        self._ledger.clear()
        self._ledger.append(part)
        if self.offer is not None:
            self._ledger.append(self.offer)

    def _remove(self) -> None:
        with suppress(OSError):
            self._path.unlink()

    def _note(self) -> None:
        self._ledger.append(self.kept)
        self._noted = self.kept.received


def _open_own(path: Path) -> int | None:
    """A descriptor of a file that is ours alone; None for whatever else is there, or not."""
    try:
        # A pipe must not make us wait for its other end.
        descriptor = os.open(path, _FLAGS | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (status.st_nlink, status.st_uid) == (1, os.geteuid()):
        return descriptor
    os.close(descriptor)
    return None
