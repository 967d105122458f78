"""Room for the database: how much there is, and who may have the last of it.

What adds rows ends at `[storage] map_bytes`, and where the disk takes no more. Behind that lies a
reserve, for writes that make room again and for those that count: even a delete needs pages
to write on, and finds none once everything is full. On the disk the reserve is the end of the
database's file, allocated ahead, so that nobody else can take it.

Pages are counted only when room is short; while there is plenty, a commit asks for two numbers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any

import lmdb

from shortd.store.shortage import NoRoom

DEFAULT_RESERVE_BYTES = 1 << 24
AMPLE_BYTES = 1 << 17
FAR_BYTES = 1 << 26
"""Below so much room in the map or on the disk, each write is measured."""
_SHARE_OF_DISK = 8
"""The reserve takes at most one part in so many of a small disk."""
_STEP_PAGES = 16
"""Allocated ahead of what is wanted: not each commit that grows the file need ask for more."""
_MAIN_PAGES = 4
"""What LMDB's list of databases takes."""
_FREE_PER_PAGE = 400
"""Free pages that a page of LMDB's list of them names at least."""


class Reserve(IntEnum):
    """How much of the reserve a write may use."""

    NONE = 0
    """What adds rows."""
    QUARTER = 1
    """What counts, and keeps what it can."""
    HALF = 2
    """What counts, and adds little."""
    ALL = 3
    """What ends, switches off or removes something."""


_KEPT = {Reserve.QUARTER: 3, Reserve.HALF: 2}
"""Quarters of the reserve that have to be left."""


class Room:
    """How much of the map and of the disk is taken. Belongs to the writer thread.

    `map_bytes` are for everybody; the environment's map is larger by `reserve_bytes`.
    """

    def __init__(
        self,
        environment: lmdb.Environment,
        file: Path,
        databases: Iterable[Any],
        *,
        map_bytes: int,
        reserve_bytes: int,
    ) -> None:
        self._environment = environment
        self._file = file
        self._databases = tuple(databases)
        self._page_bytes: int = environment.stat()["psize"]
        disk = os.statvfs(file.parent)
        share = disk.f_blocks * disk.f_frsize // _SHARE_OF_DISK
        self._reserve = min(reserve_bytes, share or reserve_bytes) // self._page_bytes
        self._map = map_bytes // self._page_bytes + self._reserve
        self._file_pages = self._stored_pages()
        self._allocates = True
        self._measures = False
        self._used = self._entries = 0
        self._credit = 0
        """Pages that new rows may take although the map is full."""
        self._last = 0
        self._commit = 0

    def prepare(self) -> None:
        """Before a commit: restores the reserve on the disk, and sees whether room is short."""
        info = self._environment.info()
        self._last, self._commit = info["last_pgno"] + 1, info["last_txnid"]
        if self._last > self._file_pages:
            self._file_pages = self._stored_pages()
        wanted = min(self._last + self._reserve, self._map)
        is_whole = self._file_pages >= wanted or (
            self._extend(min(wanted + _STEP_PAGES, self._map)) or self._extend(wanted)
        )
        far = FAR_BYTES // self._page_bytes
        self._measures = (
            not is_whole
            or self._last + far > self._map - self._reserve
            or self._left_on_disk() < far
        )

    @property
    def measures(self) -> bool:
        """Whether room is so short that each write is measured."""
        return self._measures

    def begin(self, raw: lmdb.Transaction) -> None:
        """At the start of a transaction."""
        if self._measures:
            self._used, self._entries = self._count(raw)

    def check(self, raw: lmdb.Transaction, reserve: Reserve) -> None:
        """After a function, in its own transaction. NoRoom if it took what it may not have."""
        if not self._measures:
            return
        used, entries = self._count(raw)
        grown = used - self._used
        if reserve is Reserve.NONE:
            # What was freed can be used at once, whatever was counted meanwhile.
            if grown > self._credit:
                self._need(used + self._reserve)
            self._credit = max(0, self._credit - max(0, grown))
        elif reserve is Reserve.ALL:
            # A page a delete, though it seldom frees a whole one: but who deletes may add.
            self._credit += max(-grown, int(entries < self._entries))
        elif grown > 0:
            self._need(used + self._reserve * _KEPT[reserve] // 4)
        is_over = used + self._reserve > min(self._map, self._file_pages)
        self._credit = min(self._credit, self._reserve // 4) if is_over else 0
        self._used, self._entries = used, entries

    def _need(self, pages: int) -> None:
        if pages > self._map:
            raise NoRoom("the database has reached [storage] map_bytes")
        if pages > self._file_pages and not self._extend(pages):
            raise NoRoom("the disk is full")

    @property
    def is_ample(self) -> bool:
        """Whether much more would have had room in the last commit."""
        if not self._measures:
            return True
        wanted = self._used + self._reserve + AMPLE_BYTES // self._page_bytes
        return wanted <= self._map and (wanted <= self._file_pages or self._extend(wanted))

    def has_written(self) -> bool:
        """Whether the commit since `prepare` changed anything."""
        commit: int = self._environment.info()["last_txnid"]
        return commit != self._commit

    def used_bytes(self, raw: lmdb.Transaction) -> int:
        """Bytes of the database that hold something, as a transaction sees it."""
        return self._count(raw)[0] * self._page_bytes

    def _count(self, raw: lmdb.Transaction) -> tuple[int, int]:
        """Pages that hold something, and entries in them."""
        pages, entries = _MAIN_PAGES, 0
        for database in self._databases:
            stat = raw.stat(database)
            pages += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
            entries += stat["entries"]
        return pages + max(0, self._last - pages) // _FREE_PER_PAGE, entries

    def _extend(self, pages: int) -> bool:
        """Allocates the file up to so many pages; False if the disk does not have them."""
        wanted = pages - self._file_pages
        # First, as some file systems would take what little there is.
        if self._left_on_disk() < wanted:
            return False
        if not self._allocates:
            return True
        start = self._file_pages * self._page_bytes
        descriptor = os.open(self._file, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_fallocate(descriptor, start, wanted * self._page_bytes)
        except OSError as fault:
            # Where it is not to be had, what the disk says it has must do.
            self._allocates = fault.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
            return not self._allocates
        finally:
            os.close(descriptor)
            self._file_pages = self._stored_pages()
        return True

    def _stored_pages(self) -> int:
        return self._file.stat().st_size // self._page_bytes

    def _left_on_disk(self) -> int:
        """Pages."""
        status = os.statvfs(self._file.parent)
        return status.f_bavail * status.f_frsize // self._page_bytes
