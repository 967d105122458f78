"""Zip files as they are written here: names that are safe everywhere, and bytes in their order.

Files are stored, not compressed, and nothing that was written is looked at again, so that a zip of
any size is made in flat memory. The format is the standard library's (`zipfile`); it must never be
given a name that has not been through `zip_paths`.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from shortd.file_names import parts, shortened

MOST_FILES = 2000
"""Under one link: what a zip of so many takes in memory is some megabytes."""
NAME_BYTES = 240
"""Of one name in a path, in UTF-8: file systems take 255."""
FOLDERS_BYTES = 1000
"""Of all folders in a path; of longer ones the last stay."""
FALLBACK = "file"
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    r'<>:"|?*]'
)
"""Controls, what turns the direction of text, halves of characters, and what Windows has no names
with: a drive's colon among them."""
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])[ ]*(\.|\Z)", re.I)
"""Names of devices on Windows, whatever suffix they have."""
_LONGEST_TIME = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 1980, 2107
"""What the format has room for."""
_UNIX_TIME = 0x5455
"""The extra field with a time of change in seconds since 1970, which the format itself keeps in
local time, whose ever that is."""


def zip_paths(paths: Iterable[str]) -> list[str]:
    """For each path one that no system reads as another place, and that no two of them share.

    They are relative, with "/" between names, without "..", controls, devices' names, and with
    bounded lengths. What could be the same to a file system that minds neither case nor the way in
    which characters are composed, or is a folder of another one, gets " (2)".
    """
    cleaned = [_cleaned(path) for path in paths]
    above = {names[:end] for names in cleaned for end in range(1, len(names))}
    taken = {_key(names) for names in above}
    numbers: dict[str, int] = defaultdict(lambda: 1)
    safe = []
    for *folders, name in cleaned:
        stem, suffix = parts(name)
        wanted, kept = _key((*folders, name)), name
        while (key := _key((*folders, kept))) in taken:
            numbers[wanted] += 1
            end = f" ({numbers[wanted]}){suffix}"
            kept = shortened(stem, NAME_BYTES - _utf8_bytes(end), _utf8_bytes) + end
        taken.add(key)
        safe.append("/".join((*folders, kept)))
    return safe


def _cleaned(path: str) -> tuple[str, ...]:
    """The names in a path, each safe; at least one."""
    names = [name for part in re.split(r"[/\\]", path) if (name := _safe_name(part))]
    size = 0
    for count, name in enumerate(reversed(names)):
        size += _utf8_bytes(name) + 1 if count else 0
        if size > FOLDERS_BYTES:
            return tuple(names[-count:])
    return tuple(names) or (FALLBACK,)


@lru_cache(maxsize=4096)
def _safe_name(part: str) -> str:
    """One name of a path; empty where it leads nowhere or up."""
    # Windows drops dots and spaces at the end, after which ".. ." climbs.
    name = unicodedata.normalize("NFC", _UNFIT.sub("_", part)).strip(" ").rstrip(". ")
    if _RESERVED.match(name):
        name = f"_{name}"
    return shortened(name, NAME_BYTES, _utf8_bytes).rstrip(". ")


def _utf8_bytes(name: str) -> int:
    return len(name.encode())


def _key(names: Sequence[str]) -> str:
    """The same for paths that some file system takes for one."""
    path = "/".join(names)
    if path.isascii():
        return path.casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", path).casefold())


class ZipMember(NamedTuple):
    """A file in a zip."""

    path: str
    """One of those that `zip_paths` gives."""
    size: int
    """Bytes."""
    utime: int
    """When it was changed, Unix time in µs."""


class _Sink:
    """What a `ZipFile` writes to: whatever it writes is taken away from here."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.offset = 0

    def write(self, data: bytes) -> int:
        self.pieces.append(data)
        self.offset += len(data)
        return len(data)

    def tell(self) -> int:
        return self.offset

    def flush(self) -> None:
        return


class ZipWriter:
    """A zip that is being written: `begin` a file, `write` its bytes, `end` it; `finish` at last.
    `take` what there is at any time. Used in a `with`, it may be given up at any time as well.
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        # It asks for nothing else of a file that it cannot move about in.
        self._zip = ZipFile(self._sink, "w", ZIP_STORED)  # type: ignore[call-overload]
        self._info: ZipInfo | None = None

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        if self._info is not None:
            self._file.close()
        self._zip.close()
        return False

    @property
    def offset(self) -> int:
        """Bytes of the zip so far."""
        return self._sink.offset

    def begin(self, member: ZipMember) -> None:
        """Begins a file."""
        info = ZipInfo(member.path, _date(member.utime))
        info.create_system = 3
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        info.file_size = member.size
        seconds = min(max(0, member.utime // 1_000_000), _LONGEST_TIME)
        info.extra = struct.pack("<HHBl", _UNIX_TIME, 5, 1, seconds)
        # By the size alone, so that `skip` comes to the same.
        self._file = self._zip.open(info, "w", force_zip64=member.size >= 1 << 31)
        self._info = info

    def write(self, data: bytes) -> None:
        """Goes on with the file."""
        self._file.write(data)

    def end(self) -> None:
        """Ends the file."""
        self._file.close()
        self._info = None

    def skip(self, size: int) -> None:
        """Ends the file as if so many bytes had been written, of a zip that nobody will have."""
        info = self._info
        assert info is not None, "it was begun"
        self._sink.offset += size
        self.end()
        info.file_size = info.compress_size = size

    def finish(self) -> None:
        """Writes the list of all files, which stands at the end."""
        self._zip.close()

    def take(self) -> bytes:
        """What was written since the last time."""
        pieces = self._sink.pieces
        self._sink.pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def zip_size(members: Iterable[ZipMember]) -> int:
    """Bytes of the zip of these files. It writes one without their bytes: some µs for each."""
    with ZipWriter() as writer:
        for member in members:
            writer.begin(member)
            writer.skip(member.size)
            writer.take()
        writer.finish()
        return writer.offset


def _date(utime: int) -> tuple[int, int, int, int, int, int]:
    """A time as the format has it, in UTC, moved into the years that it knows."""
    seconds = min(max(0, utime // 1_000_000), 2**33)
    date = datetime.fromtimestamp(seconds, UTC)
    if date.year < _FIRST_YEAR:
        return (_FIRST_YEAR, 1, 1, 0, 0, 0)
    if date.year > _LAST_YEAR:
        return (_LAST_YEAR, 12, 31, 23, 59, 58)
    return (date.year, date.month, date.day, date.hour, date.minute, date.second)
