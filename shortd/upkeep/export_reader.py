"""Reads what `upkeep.export` has written: here, or by anybody who wants something of us.

Nothing of it is believed. Sums are compared before a row is looked at, a row that is not what its
type says is told and left out, and of files nothing is opened but what has a blob's name. In memory
is one group of rows at a time, which is bounded.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from shortd.files.blobs import place_of
from shortd.models.clicks import Counts, DayStats, Visit
from shortd.models.files import Bundle, File, FilePart
from shortd.store.data_directory import StoreError, reason_of
from shortd.upkeep import link_rows
from shortd.upkeep.backup_manifest import MANIFEST
from shortd.upkeep.export import FORMAT, FORMAT_VERSION, LINE_BYTES, ROWS, ExportManifest
from shortd.upkeep.plain_rows import BadRow, Row
from shortd.upkeep.plugin_folders import FILE, read_file_row
from shortd.upkeep.row_types import ALONE, BUNDLE

MANIFEST_BYTES = 1 << 30
PORTION_BYTES = 1 << 20
PORTION_FILE_BYTES = 64 << 20
GROUP_BYTES = 64 << 20
"""Most of what belongs to one head, but for visits, of which no more are kept than the server
keeps."""
_PIECE = 1 << 20
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNSEEN_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TEXTS = frozenset({"note", "reason", "detail", "user_agent", "subject"})
"""Fields that may have several lines, or whatever a stranger has sent."""
_ANY_TEXT = {"plugin_row": "key", FILE: "path"}
"""The field, by type, that has whatever a plugin has chosen."""
_MOST = 2**63 - 1

BEHIND = {
    "account": ("preferences", "identity", "passkey", "second_factor", "api_key"),
    "team": ("member", "invitation"),
    "link": ("link_tracker", "imported", "file", "bundle", "box", "counts", "day", "visit"),
    "box_item": ("file", "bundle"),
}
"""The types that stand behind a head, and belong to it."""
HEADS = frozenset({*BEHIND, "host", "campaign", "tracker", "domain", "blocked_pattern"}) | {
    "report",
    "operation",
    "plugin_row",
    FILE,
}


@dataclass
class Group:
    """A head and what belongs to it, which come over together or not at all."""

    number: int
    """Of the head's line, from 1."""
    type: str
    head: Row
    """As it was read, without its type."""
    rows: list[tuple[int, str, tuple[Any, ...], Any]] = field(default_factory=list)
    """Others: number, type, key, row."""
    file: tuple[str, File, dict[int, FilePart]] | None = None
    bundle: Bundle | None = None
    counts: Counts | None = None
    days: dict[int, DayStats] = field(default_factory=dict)
    visits: deque[Visit] = field(default_factory=deque)
    dropped_visits: int = 0
    size: int = 0
    """Bytes of its lines."""
    flaw: str = ""
    """Why it cannot come over as it is."""

    @property
    def weight(self) -> int:
        """How many rows it comes to."""
        return 1 + len(self.rows) + len(self.days) + len(self.visits)


@dataclass(frozen=True)
class BadLine:
    """A line that is left out."""

    number: int
    type: str
    flaw: str


@dataclass(frozen=True)
class Portion:
    """Groups that stand one behind the other, for whoever hands them on."""

    line: int
    """How many lines stand before them."""
    rows: bytes
    parts: tuple[FilePart, ...]
    """Of their files."""


class Export:
    """An export that was opened, and whose rows are whole; or a portion of one."""

    def __init__(self, folder: Path, lines: Sequence[int] = ()) -> None:
        """`lines` are the numbers that a portion's lines have; else they are counted."""
        self.folder = folder
        self._lines = lines

    def groups(
        self, most_visits: int, told: Callable[[int], None] = lambda _: None
    ) -> Iterator[Group | BadLine]:
        """Everything, in the order of the file. StoreError, OSError."""
        group: Group | None = None
        for number, line in self._numbered():
            told(len(line))
            try:
                kind, row = _read(line)
            except BadRow as fault:
                yield BadLine(number, "", str(fault))
                continue
            if kind in HEADS:
                if group is not None:
                    yield group
                group = Group(number, kind, row, visits=deque(maxlen=most_visits))
                group.size = len(line)
                continue
            try:
                if group is None or kind not in BEHIND.get(group.type, ()):
                    raise BadRow("it does not stand behind what it belongs to")
                _add(group, number, kind, row, len(line))
            except BadRow as fault:
                yield BadLine(number, kind, str(fault))
                if group is not None and kind in ("file", "bundle", "box"):
                    group.flaw = f"line {number}: {fault}"
        if group is not None:
            yield group

    def portions(self) -> Iterator[Portion]:
        """Everything, whole groups at a time: about `PORTION_BYTES` of rows and
        `PORTION_FILE_BYTES` of files, or one group. StoreError, OSError."""
        rows, parts = bytearray(), list[FilePart]()
        start = size = 0
        for number, line in self._numbered():
            kind = _type_of(line)
            is_enough = len(rows) >= PORTION_BYTES or size >= PORTION_FILE_BYTES
            if is_enough and (kind in HEADS or len(rows) >= LINE_BYTES):
                yield Portion(start, bytes(rows), tuple(parts))
                rows, parts, start, size = bytearray(), [], number - 1, 0
            rows += line
            if kind in ("file", FILE):
                try:
                    found = _parts_of(kind, _read(line)[1])
                except BadRow:
                    continue
                parts += found
                size += sum(part.size for part in found)
        yield Portion(start, bytes(rows), tuple(parts))

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        with _opened(self.folder / ROWS) as file:
            number = 0
            while line := file.readline(LINE_BYTES + 1):
                if len(line) > LINE_BYTES:
                    raise StoreError(f"{self.folder / ROWS}: line {number + 1} has no end")
                number += 1
                yield (self._lines[number - 1] if self._lines else number), line

    def blob(self, part: FilePart) -> BinaryIO:
        """A blob to be read. OSError, also for what is no file."""
        return _opened(self.folder / "files" / place_of(part.blob))


def _parts_of(kind: str, row: Row) -> list[FilePart]:
    """What a row names of the export's files. BadRow."""
    if kind == FILE:
        return [read_file_row(row).part]
    return [*link_rows.read_file(row)[2].values()]


def open_export(folder: Path, told: Callable[[int], None] = lambda _: None) -> Export:
    """Looks at an export, and compares the sum of its rows. StoreError."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MANIFEST_BYTES:
            raise StoreError(f"{path} is too large")
        manifest = msgspec.json.decode(path.read_bytes(), type=ExportManifest)
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{folder} is no export of shortd: there is no {MANIFEST}") from None
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise StoreError(f"{path} is no manifest of an export: {fault}") from None
    if manifest.format != FORMAT:
        raise StoreError(f"{path} is of another format: {manifest.format[:40]!r}")
    if manifest.format_version > FORMAT_VERSION:
        raise StoreError(
            f"{folder} was made by a newer shortd ({manifest.version[:40]}); update this one first"
        )
    if manifest.account:
        raise StoreError(f"{folder} is what one person took along, without what opens his account")
    size, sha256 = 0, hashlib.sha256()
    try:
        with _opened(folder / ROWS) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                sha256.update(piece)
                told(len(piece))
    except OSError as fault:
        raise StoreError(f"{folder} is damaged: {reason_of(fault)}") from fault
    if (size, sha256.hexdigest()) != (manifest.rows.size, manifest.rows.sha256):
        raise StoreError(f"{folder / ROWS} is not what was exported: its sum differs")
    return Export(folder)


def _opened(path: Path) -> BinaryIO:
    """A file that is one itself. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "is no file", str(path))
    return os.fdopen(descriptor, "rb", buffering=_PIECE)


class _Typed(msgspec.Struct):
    type: str


_typed = msgspec.json.Decoder(_Typed)


def _type_of(line: bytes) -> str:
    """The type that a line says it has; empty if it says nothing."""
    try:
        return _typed.decode(line).type
    except (ValueError, RecursionError):
        return ""


def _read(line: bytes) -> tuple[str, Row]:
    """The type of a line and the rest of its object. BadRow."""
    try:
        row = msgspec.json.decode(line)
    except (ValueError, RecursionError) as fault:
        raise BadRow(f"it is no JSON: {fault}") from None
    if not isinstance(row, dict):
        raise BadRow("it is no object")
    kind = row.pop("type", None)
    if not isinstance(kind, str) or kind not in ALONE.keys() | link_rows.NAMES.keys() | {FILE}:
        raise BadRow(f"there is no type {str(kind)[:40]!r}")
    for name, value in row.items():
        unseen = _UNSEEN_IN_TEXT if name in _TEXTS else _UNSEEN
        is_any = name == _ANY_TEXT.get(kind)
        if isinstance(value, str) and not is_any and unseen.search(value):
            raise BadRow(f"{name} has control characters")
        if isinstance(value, int) and not -_MOST - 1 <= value <= _MOST:
            raise BadRow(f"{name} is out of bounds")
    return kind, row


def _add(group: Group, number: int, kind: str, row: Row, size: int) -> None:
    """Adds a line to the group it belongs to. BadRow."""
    if group.type == "link" and kind in ("counts", "day", "visit"):
        if row.pop("link", None) != group.head.get("id"):
            raise BadRow("it is of another link")
        if kind == "visit":
            group.dropped_visits += len(group.visits) == group.visits.maxlen
            group.visits.append(link_rows.read_visit(row))
            return
    group.size += size
    if group.size > GROUP_BYTES:
        raise BadRow("too much belongs together")
    if kind == "counts":
        group.counts = link_rows.read_counts(row)
    elif kind == "day":
        day, stats = link_rows.read_day(row)
        group.days[day] = stats
    elif kind == "file":
        group.file = link_rows.read_file(row)
    elif kind == "bundle":
        (filekey,), group.bundle = BUNDLE.read_alone(row)
        if group.file is None or group.file[0] != filekey:
            raise BadRow("it is of another file")
    else:
        key, found = ALONE[kind].read_alone(row)
        group.rows.append((number, kind, key, found))
