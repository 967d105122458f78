"""What was put aside before something else took its place: old databases, and data directories from
before a restore. It takes room, and holds what was deleted since.

Here it is only found and told of; most of it is an operator's to delete.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from shortd.clock import SECOND
from shortd.store.copies import BEFORE_SCHEMA
from shortd.store.data_directory import DATABASE
from shortd.upkeep.backup import time_of
from shortd.upkeep.mending import BEFORE_MENDING
from shortd.upkeep.restore import BEFORE_RESTORE

MOST = 50
"""Of one kind that are told."""
MOST_READ = 20_000
"""Files whose sizes are added up."""


class Kind(StrEnum):
    """Before what it was put aside."""

    UPGRADE = "upgrade"
    MENDING = "mending"
    RESTORE = "restore"
    """The whole data directory, or the database alone."""


class KeptAside(NamedTuple):
    """A database or data directory of before."""

    kind: Kind
    path: Path
    size: int
    """Bytes of its files, shared ones too; of the first 20,000."""
    is_all: bool
    """Whether there are no more."""
    utime: int
    """When it was put aside, in µs."""
    is_database: bool
    """Whether it is a database alone."""


def kept_aside(directory: Path) -> list[KeptAside]:
    """Of a data directory, in it and beside it, the newest first, but for what cannot be read."""
    directory = directory.resolve()
    inside, beside = _folders(directory), _folders(directory.parent)
    found = [
        *_those(Kind.UPGRADE, inside, BEFORE_SCHEMA),
        *_those(Kind.MENDING, inside, BEFORE_MENDING),
        *_those(Kind.RESTORE, inside, f"db.{BEFORE_RESTORE}"),
        # A mount point keeps within itself what it was.
        *_those(Kind.RESTORE, inside, f"data.{BEFORE_RESTORE}"),
        *_those(Kind.RESTORE, beside, f"{directory.name}.{BEFORE_RESTORE}"),
    ]
    return sorted(found, key=lambda one: -one.utime)


def _folders(directory: Path) -> list[Path]:
    with suppress(OSError), os.scandir(directory) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _those(kind: Kind, folders: list[Path], prefix: str) -> Iterator[KeptAside]:
    named = sorted((path for path in folders if path.name.startswith(prefix)), reverse=True)
    for path in named[:MOST]:
        is_database = path.name.startswith("db")
        with suppress(OSError):
            # A whole directory of before may have a damaged database, or none.
            changed = (path / DATABASE.name if is_database else path).stat().st_mtime
            size, is_all = _size(path)
            utime = time_of(path.name.removeprefix(prefix)) or round(changed * SECOND)
            yield KeptAside(kind, path, size, is_all, utime, is_database)


def _size(folder: Path) -> tuple[int, bool]:
    files = [*islice(_sizes(folder), MOST_READ + 1)]
    return sum(files[:MOST_READ]), len(files) <= MOST_READ


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = Path(parent, name).lstat()
                if stat.S_ISREG(status.st_mode):
                    yield status.st_size
