"""The bytes of a source: a file, a folder of pages, or standard input, each packed by gzip or not.

What is read is bounded: nothing is unpacked that grows beyond measure, and nothing is read of a
file but what a reader asks for. Files are never written or opened for that.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from shortd import errors

PIECE = 1 << 18
"""Bytes that are read at a time."""
HEAD = 1 << 12
"""Bytes that tell what a source is."""
MAGIC = 20
"""Bytes at the beginning that belong together."""
SMALL = 64 << 20
MOST_RATIO = 250
"""Dumps come to a fifth or a twentieth; what unpacks to more than `SMALL` bytes and more than so
many times its size is no source."""
PAGES = 100_000
"""Files in a folder."""

_GZIP = b"\x1f\x8b"
_SQLITE = b"SQLite format 3\x00"
_ZIPS = (b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"PGDMP")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SQL = re.compile(
    rb"(?:\A|\n)\s*(?:--[ \t\r\n]|/\*|(?:create|insert|replace|drop|set|begin|start|pragma|copy"
    rb"|lock|use|alter)\s)",
    re.IGNORECASE,
)


class _Counting(io.RawIOBase):
    """Passes reads on, and counts."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._inner.read(len(view))
        # Through a pipe the first bytes come one by one, if it pleases whoever writes.
        while self.position == 0 and 0 < len(data) < MAGIC:
            more = self._inner.read(min(MAGIC, len(view)) - len(data))
            if not more:
                break
            data += more
        view[: len(data)] = data
        self.position += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class Input:
    """One file being read. Raises SOURCE_UNREADABLE for all that goes wrong with it."""

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        size: int | None,
        most: int | None = None,
        pause: Callable[[], None] | None = None,
    ) -> None:
        self._pause = pause
        self.name = name
        """For messages."""
        self._most = most
        """Bytes that may be read of it, unpacked."""
        self._size = size
        self._counting = _Counting(stream)
        buffered = io.BufferedReader(self._counting, PIECE)
        self._buffered = buffered
        self._stream: gzip.GzipFile | io.BufferedReader[_Counting] = buffered
        self._read = 0
        self.is_packed = False
        self._ahead = b""
        try:
            self._begin(buffered)
        except BaseException:
            self.close()
            raise

    def _begin(self, buffered: io.BufferedReader[_Counting]) -> None:
        with _told(self.name):
            self.is_packed = buffered.peek(2)[:2] == _GZIP
        if self.is_packed:
            self._stream = gzip.GzipFile(fileobj=buffered)
        head = b""
        while len(head) < HEAD and (piece := self.read(HEAD - len(head))):
            head += piece
        self._ahead = head

    @property
    def head(self) -> bytes:
        """The first bytes, unpacked; of no use once more was read."""
        return self._ahead

    @property
    def progress(self) -> float | None:
        """From 0 to 1."""
        return min(self._counting.position / self._size, 1.0) if self._size else None

    def read(self, size: int = PIECE) -> bytes:
        """At least one and at most `size` bytes; none at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        if self._pause is not None:
            self._pause()
        with _told(self.name):
            data = self._stream.read1(size)
        self._read += len(data)
        if self.is_packed and self._read > max(SMALL, MOST_RATIO * self._counting.position):
            raise errors.SOURCE_UNREADABLE(
                "%(name)s unpacks to more than %(times)s times its size.",
                name=self.name,
                times=MOST_RATIO,
            )
        if self._most is not None and self._read > self._most:
            raise errors.SOURCE_UNREADABLE(
                "%(name)s has more than %(most)s million bytes, unpacked.",
                name=self.name,
                most=self._most // 1_000_000,
            )
        return data

    def pieces(self) -> Iterator[bytes]:
        """All of it."""
        while piece := self.read():
            yield piece

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()
            self._buffered.close()


class _told:
    """Turns what the system and gzip say into what a person is told."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, fault: BaseException | None, where: object) -> None:
        if isinstance(fault, EOFError):
            raise errors.SOURCE_UNREADABLE(
                "%(name)s ends too early: it is torn.", name=self._name
            ) from None
        if isinstance(fault, (gzip.BadGzipFile, zlib.error)):
            raise errors.SOURCE_UNREADABLE(
                "%(name)s cannot be unpacked: it is damaged.", name=self._name
            ) from None
        if isinstance(fault, OSError):
            raise errors.SOURCE_UNREADABLE(
                "%(name)s cannot be read: %(why)s.",
                name=self._name,
                why=fault.strerror or type(fault).__name__,
            ) from None


def open_path(
    path: Path,
    name: str = "",
    most: int | None = None,
    pause: Callable[[], None] | None = None,
) -> Input:
    """A file; a pipe, too. `name` is what messages call it, if not by its path; `most` bytes are
    read of it, unpacked. `pause` is called before each piece.
    """
    name = name or str(path)
    with _told(name):
        info = path.stat()
        if not (stat.S_ISREG(info.st_mode) or stat.S_ISFIFO(info.st_mode)):
            raise errors.SOURCE_UNREADABLE("%(name)s is no file.", name=name)
        stream = path.open("rb", buffering=0)
    return Input(stream, name, info.st_size if stat.S_ISREG(info.st_mode) else None, most, pause)


def open_standard_input() -> Input:
    """What is piped in."""
    return Input(os.fdopen(os.dup(sys.stdin.fileno()), "rb", 0), "standard input", None)


def pages_of(folder: Path) -> list[Path]:
    """The files of a folder, in the order of their names and the numbers in them."""
    with _told(str(folder)):
        found = []
        for path in folder.iterdir():
            if not path.name.startswith(".") and path.is_file():
                found.append(path)
            if len(found) > PAGES:
                raise errors.SOURCE_UNREADABLE(
                    "%(name)s has more than %(most)s files.", name=str(folder), most=PAGES
                )
    if not found:
        raise errors.SOURCE_UNREADABLE("%(name)s has no files.", name=str(folder))
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d{1,18})", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def form_of(head: bytes) -> str:
    """What a source is by its first bytes: "sqlite", "json", "html", "sql" or "csv", which is what
    else is text; empty: nothing that anybody reads here."""
    if head.startswith(_SQLITE):
        return "sqlite"
    if head.startswith(_ZIPS):
        return ""
    text = unmarked(head)
    start = text.lstrip()
    if b"\x00" in text[:HEAD] or not start:
        return ""
    if start[:1] in (b"{", b"["):
        return "json"
    if start[:1] == b"<":
        return "html"
    return "sql" if _SQL.search(text) else "csv"


def mark_of(head: bytes) -> tuple[int, str]:
    """Bytes of the mark at the beginning of a text, and the encoding that it stands for."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return len(mark), encoding
    return 0, "utf-8"


def unmarked(head: bytes) -> bytes:
    """The beginning of a text in UTF-8, without a mark."""
    size, encoding = mark_of(head)
    body = head[size:]
    return body if encoding == "utf-8" else body.decode(encoding, "ignore").encode()


def utf8_reader(source: Input) -> Callable[[int], bytes]:
    """Reads what is written in bytes of its own but may have a mark: without the mark, and in UTF-8
    where that said UTF-16, as some shells write what programs print. No bytes are the end."""
    size, encoding = mark_of(source.head)
    if encoding == "utf-8":
        if size:
            source.read(size)
        return source.read
    pieces = (text.encode() for text in text_pieces(source, "replace"))
    whole = filter(None, pieces)
    return lambda _: next(whole, b"")


def text_pieces(source: Input, on_errors: str) -> Iterator[str]:
    """All of a text, decoded by its mark, or as UTF-8."""
    size, encoding = mark_of(source.head)
    decoder = codecs.getincrementaldecoder(encoding)(on_errors)
    if size:
        source.read(size)
    for piece in source.pieces():
        yield decoder.decode(piece)
    yield decoder.decode(b"", True)
