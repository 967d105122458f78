"""The work of `shortd doctor`: what in a data directory contradicts itself, and mending what
follows from the rest.

What is mended is copied first. Nothing here migrates a database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shortd.files.blobs import place_of, stored_blobs
from shortd.models.audit import Action
from shortd.store import Store
from shortd.store.check import FileNames, faults, unreadable
from shortd.store.mending import mend
from shortd.store.room import Reserve
from shortd.store.schema import FILE_PARTS
from shortd.upkeep.audit import COMMAND, AuditLog
from shortd.upkeep.backup import name_of
from shortd.upkeep.backup_manifest import SHARED, Told, kept_file

BEFORE_MENDING = "db-before-fix-"


class Mended(NamedTuple):
    """What became of a database."""

    before: list[str]
    """A line for each fault there was."""
    left: list[str]
    """For each that nothing can mend but a person."""
    copy: Path | None
    """The database as it was; None if nothing was changed."""


def found(store: Store, directory: Path) -> list[str]:
    """A line for each contradiction in a data directory, its shared files among them. The store
    may be a copy of its database.
    """
    blobs = {name: status.st_size for name, status in stored_blobs(directory / "files")}
    with store.read() as txn:
        return list(faults(txn, blobs))


def damaged(store: Store, directory: Path, told: Told = lambda _: None) -> Iterator[str]:
    """A line for each part of a shared file that is whole by its size and not by its sum: all are
    read, and `told` of their bytes. None where rows cannot be read."""
    with store.read() as txn:
        if any(unreadable(txn)):
            return
        named = FileNames(txn)
        for (filekey, number), part in FILE_PARTS.scan(txn):
            path = directory / SHARED / place_of(part.blob)
            try:
                kept = kept_file(path)
            except FileNotFoundError:
                continue
            except OSError as fault:
                yield f"part {number} of {named[filekey]} cannot be read: {fault.strerror}"
                continue
            told(kept.size)
            if kept.size == part.size and kept.sha256 != part.sha256.hex():
                yield f"part {number} of {named[filekey]} is not what was stored: its sum differs"


def mended(directory: Path, now: int) -> Mended:
    """Mends what can be mended in a directory that no server has. `now` is Unix time in µs.

    Raises StoreError, OSError; then nothing has changed.
    """
    store = Store(directory, make=False)
    try:
        before = found(store, directory)
        if not before:
            return Mended(before, [], None)
        with store.read() as txn:
            if any(unreadable(txn)):
                # What cannot be read cannot be added up, either.
                return Mended(before, before, None)
        copy = directory / f"{BEFORE_MENDING}{name_of(time.time())}"
        store.keep_copy(copy)

        async def write() -> None:
            detail = f"{len(before)} faults; before: {copy.name}"
            noting = AuditLog(store).noting(
                COMMAND, Action.MEND_DATABASE, now, str(directory), detail=detail
            )
            async with noting:
                await store.write(mend, Reserve.ALL)

        asyncio.run(write())
        return Mended(before, found(store, directory), copy)
    finally:
        store.close()
