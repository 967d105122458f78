"""Copies of a database: of the one before an upgrade or a repair, and a smaller one in its place.

A copy has its name once it is whole and on disk. It must never be begun where there is no room for
it: a disk that is full half-way takes the server down with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import structlog

from shortd.store.data_directory import (
    DATABASE,
    StoreError,
    check_no_backup,
    check_there,
    reason_of,
    unused,
)
from shortd.syncing import sync

BEFORE_SCHEMA = "db-before-schema-"
_PARTIAL = ".partial"
_SPARE_BYTES = 1 << 24
"""Left for everybody else, and for what grows meanwhile."""

log = structlog.get_logger(__name__)


def used_bytes(environment: lmdb.Environment) -> int:
    """Bytes of a database that hold something: what a copy without free pages takes."""
    main = environment.stat()
    pages = sum(
        one["branch_pages"] + one["leaf_pages"] + one["overflow_pages"]
        for one in (main, *_stats(environment).values())
    )
    # Two pages tell where everything is.
    return int((pages + 2) * main["psize"])


def check_room(directory: Path, wanted: int, purpose: str) -> None:
    """Raises StoreError if the disk of a directory has no room for so many bytes."""
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    if free < wanted + _SPARE_BYTES:
        raise StoreError(
            f"{purpose} takes {_mib(wanted + _SPARE_BYTES)} MiB free on the disk of {directory},"
            f" which has {_mib(free)}: make room, and try again; nothing was changed"
        )


def keep_copy(environment: lmdb.Environment, copy: Path) -> None:
    """Makes a folder with a copy of the database. One of that name is replaced.

    Raises StoreError, OSError; then there is the older one, or none.
    """
    partial = copy.with_name(copy.name + _PARTIAL)
    _remove(partial)
    try:
        partial.mkdir(mode=0o700)
        write_copy(environment, partial)
        (partial / DATABASE.name).chmod(0o600)
        sync(partial / DATABASE.name)
        sync(partial)
        _remove(copy)
        partial.rename(copy)
        sync(copy.parent)
    except lmdb.Error as fault:
        _remove(partial)
        raise StoreError(f"cannot copy the database to {copy}: {fault}") from fault
    except OSError:
        _remove(partial)
        raise


def write_copy(
    environment: lmdb.Environment, folder: Path, txn: lmdb.Transaction | None = None
) -> None:
    """Makes `data.mdb` in a folder, without what is free; as a transaction has it, if one is given.
    It is not synced. lmdb.Error."""
    # As bytes, which every path is; the library's types know text alone.
    path: Any = os.fsencode(folder)
    environment.copy(path, compact=True, txn=txn)


def forget_old_schemas(directory: Path, before: float) -> list[Path]:
    """Removes databases of older schemas that were kept before a moment (Unix seconds): they hold
    what was deleted since. Returns them. An OSError is logged."""
    gone = []
    for copy in sorted(directory.glob(f"{BEFORE_SCHEMA}*")):
        try:
            if (copy / DATABASE.name).stat().st_mtime < before:
                shutil.rmtree(copy)
                gone.append(copy)
        except OSError as fault:
            log.warning("old_database_stays", copy=str(copy), fault=reason_of(fault))
    return gone


def compact(directory: Path) -> tuple[int, int]:
    """Replaces the database of a directory that no server has by a copy without what is free.

    Returns the bytes of its file before and after. Raises StoreError, OSError; then nothing has
    changed. Whenever it is interrupted there is the old one or the new one, whole.
    """
    check_there(directory)
    check_no_backup(directory)
    file = directory / DATABASE
    copy = directory / "db-compact"
    with unused(directory):
        before = file.stat().st_size
        with _read(directory) as environment:
            check_room(directory, used_bytes(environment), "a compacted copy of the database")
            rows = _rows(environment)
            keep_copy(environment, copy)
        try:
            with _read(directory, copy) as made:
                if _rows(made) != rows:
                    raise StoreError(f"the copy of {file} lacks rows: run shortd doctor")
            (copy / DATABASE.name).replace(file)
            sync(file.parent)
        finally:
            _remove(copy)
        return before, file.stat().st_size


@contextmanager
def _read(directory: Path, folder: Path | None = None) -> Iterator[lmdb.Environment]:
    try:
        environment = lmdb.open(
            os.fsencode(folder or directory / "db"), readonly=True, lock=False, max_dbs=128
        )
    except lmdb.Error as fault:
        raise StoreError(f"cannot read the database in {directory}: {fault}") from fault
    try:
        yield environment
    finally:
        environment.close()


def _rows(environment: lmdb.Environment) -> dict[bytes, int]:
    """How many rows each table has."""
    return {name: one["entries"] for name, one in _stats(environment).items()}


def _stats(environment: lmdb.Environment) -> dict[bytes, Mapping[str, Any]]:
    """What LMDB knows of each table, by its name."""
    with environment.begin() as txn:
        names = [bytes(name) for name, _ in txn.cursor()]
    stats: dict[bytes, Mapping[str, Any]] = {}
    for name in names:
        table = environment.open_db(name, create=False)
        with environment.begin() as txn:
            stats[name] = txn.stat(table)
    return stats


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _mib(size: int) -> int:
    return -(-size >> 20)
