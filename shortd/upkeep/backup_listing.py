"""Which backups there are in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from shortd.store.data_directory import StoreError
from shortd.upkeep.backup import time_of, whole_backups
from shortd.upkeep.backup_manifest import MANIFEST, read_manifest

NEWEST = 20
"""That are told of."""
MOST_BYTES = 1 << 18
"""Of a list of files that is read: some 2000. Its backup's size is not told otherwise."""


class Made(NamedTuple):
    """A backup."""

    path: str
    utime: int
    """µs."""
    size: int | None
    """Bytes, those that older backups have as well among them."""
    version: str
    """Of the shortd that made it; empty where that was not read."""
    fault: str
    """Why it cannot be restored, as far as that was seen."""


def backups_in(dest: Path) -> tuple[list[Made], int]:
    """The newest twenty, and how many there are. Raises OSError."""
    there = whole_backups(dest)
    return [_made(path) for path in reversed(there[-NEWEST:])], len(there)


def _made(path: Path) -> Made:
    size, version, fault = None, "", ""
    try:
        if (path / MANIFEST).stat().st_size <= MOST_BYTES:
            manifest = read_manifest(path)
            size, version = manifest.size(), manifest.version
    except StoreError as damaged:
        fault = str(damaged)
    except OSError as unreadable:
        fault = f"{MANIFEST}: {unreadable.strerror}"
    return Made(str(path), time_of(path.name), size, version, fault)
