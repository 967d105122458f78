"""What a parcel holds: the bytes of one open file, or those of several, one behind the other.

Any bytes can be read at any time and again, so that parts can be sent again. Nothing may change
meanwhile, which is checked.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from shortd.client.crypto import FRAME_BYTES
from shortd.client.failures import ClientFailure
from shortd.client.names import sendable_name
from shortd.zips import MOST_FILES, ZipMember, ZipWriter, zip_paths

ZIP_TYPE = "application/zip"
Version = tuple[object, ...]
"""When two are alike, so are the bytes."""


class Content(Protocol):
    """Bytes to be sent."""

    size: int
    version: Version

    def read(self, size: int, at: int) -> bytes:
        """So many bytes from there on, at most. Blocking."""
        ...

    def changed(self) -> bool:
        """Whether it is no longer what it was when it was looked at first."""
        ...


class OpenFile:
    """An open file with a size."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        self.version: Version = _version(os.fstat(self._descriptor))
        self.size = os.fstat(self._descriptor).st_size

    def read(self, size: int, at: int) -> bytes:
        return os.pread(self._descriptor, size, at)

    def changed(self) -> bool:
        return _version(os.fstat(self._descriptor)) != self.version


class Member(NamedTuple):
    """One of several files."""

    path: str
    """As others see it, with folders: safe everywhere, and unlike all others."""
    place: Path
    size: int
    time: int
    """When it was changed (ns)."""

    @property
    def utime(self) -> int:
        """The same in µs."""
        return max(0, self.time // 1000)


class SeveralFiles:
    """Several files, and maybe bytes of our own between them."""

    def __init__(self, pieces: Sequence[bytes | Member]) -> None:
        self._pieces = pieces
        sizes = (piece.size if isinstance(piece, Member) else len(piece) for piece in pieces)
        self._starts = list(accumulate(sizes, initial=0))
        self.size = self._starts[-1]
        members = (piece for piece in pieces if isinstance(piece, Member))
        self.version: Version = tuple((one.path, one.size, one.time) for one in members)

    def read(self, size: int, at: int) -> bytes:
        found, stop = bytearray(), min(at + size, self.size)
        number = bisect_right(self._starts, at) - 1
        while at < stop:
            piece, start = self._pieces[number], self._starts[number]
            end = min(stop, self._starts[number + 1])
            if end > at:
                inside = slice(at - start, end - start)
                found += piece[inside] if isinstance(piece, bytes) else _bytes_of(piece, inside)
                at = end
            number += 1
        return bytes(found)

    def changed(self) -> bool:
        # That is seen whenever bytes of a file are read.
        return False


def gathered(arguments: Sequence[Path], note: Callable[[str], None]) -> list[Member]:
    """The files that are named, and all that are in the folders among them, with those folders.

    Links inside a folder are left out, and `note` is told. ClientFailure for what cannot be read,
    for no files, and for too many.
    """
    found: list[tuple[str, Path]] = []
    for argument in arguments:
        if argument.is_dir():
            top = sendable_name(argument.resolve().name)
            for place in _inside(argument, note):
                below = map(sendable_name, place.relative_to(argument).parts)
                found.append(("/".join((top, *below)), place))
        else:
            found.append((sendable_name(argument.name), argument))
        if len(found) > MOST_FILES:
            raise ClientFailure(
                f"These are more than {MOST_FILES} files: make an archive of them first."
            )
    if not found:
        raise ClientFailure("There is no file to send.")
    members = []
    for path, (_, place) in zip(zip_paths(path for path, _ in found), found, strict=True):
        try:
            if not place.is_file():
                raise ClientFailure(f"{place} is no plain file.")
            size, time = _version(place.stat())
            os.close(os.open(place, os.O_RDONLY | os.O_NONBLOCK))
        except OSError as fault:
            raise ClientFailure(f"{place}: {fault.strerror}") from None
        members.append(Member(path, place, size, time))
    return members


def zipped(members: Sequence[Member], advance: Callable[[int], None]) -> SeveralFiles:
    """The files as one zip, of which only what stands between them is kept. They are read once for
    that, of which `advance` is told. Blocking. ClientFailure.
    """
    pieces: list[bytes | Member] = []
    with ZipWriter() as writer:
        for member in members:
            writer.begin(ZipMember(member.path, member.size, member.utime))
            pieces += [writer.take(), member]
            for at in range(0, member.size, FRAME_BYTES):
                data = _bytes_of(member, slice(at, min(at + FRAME_BYTES, member.size)))
                writer.write(data)
                writer.take()
                advance(len(data))
            writer.end()
            pieces.append(writer.take())
        writer.finish()
        pieces.append(writer.take())
    return SeveralFiles(pieces)


def name_of(arguments: Sequence[Path]) -> str:
    """What several files are called together."""
    first = sendable_name(arguments[0].resolve().name)
    more = len(arguments) - 1
    return f"{first} and {more} more" if more else first


def _inside(folder: Path, note: Callable[[str], None]) -> Iterator[Path]:
    def fail(fault: OSError) -> None:
        raise ClientFailure(f"{fault.filename}: {fault.strerror}") from None

    for place, folders, files in os.walk(folder, onerror=fail):
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                note(f"{path} is no plain file, and is left out.")
            else:
                yield path


def _bytes_of(member: Member, inside: slice) -> bytes:
    """Bytes of a file that is as it was. ClientFailure."""
    try:
        with member.place.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), inside.stop - inside.start, inside.start)
            status = os.fstat(file.fileno())
    except OSError as fault:
        raise ClientFailure(f"{member.place}: {fault.strerror}") from None
    if _version(status) != (member.size, member.time) or len(data) < inside.stop - inside.start:
        raise ClientFailure(f"{member.place} has changed while it was being sent.")
    return data


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
