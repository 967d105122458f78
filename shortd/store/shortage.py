"""Want of room: since when, why, and how often something was refused for it.

One place for the database and one for files. It is told in the log when it begins, once a minute
while it lasts, and when it is over.
"""

from __future__ import annotations

import errno
import time
from contextlib import suppress

import lmdb
import structlog

REPEAT_SECONDS = 60.0
NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""What the system says when a file cannot grow: no space, a quota, a limit."""
_SHORT_WRITE = errno.EIO
"""What LMDB makes of a write that the disk took only a part of."""

log = structlog.get_logger(__name__)


class NoRoom(Exception):
    """A write would take more than it may have; says what is full, in words for an operator."""


class Shortage:
    """What ails a disk or a map now. Told from any thread, one at a time."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told_at = -REPEAT_SECONDS
        self._told = 0
        self._is_told = False
        self.fault: str | None = None
        """Why the last thing that needed room was refused; None once one had room again."""
        self.refused = 0
        """Since the start."""

    def refuse(self, reason: str) -> None:
        """Something was refused."""
        self.refused += 1
        self.fault = reason
        now = time.monotonic()
        if now - self._told_at < REPEAT_SECONDS:
            return
        self._told_at, self._is_told = now, True
        with suppress(OSError):  # the log may be on the same full disk
            log.error("no_room", what=self._what, reason=reason, refused=self.refused - self._told)
        self._told = self.refused

    def end(self) -> None:
        """Something had room."""
        if self.fault is None:
            return
        self.fault = None
        if self._is_told:
            self._is_told = False
            with suppress(OSError):
                log.info("room_again", what=self._what, refused=self.refused - self._told)
            self._told = self.refused


def shortage_in(fault: BaseException) -> str | None:
    """What a fault of LMDB or of the system says of room; None if that is not what it is about."""
    if isinstance(fault, NoRoom):
        return str(fault)
    if isinstance(fault, lmdb.MapFullError | lmdb.TxnFullError):
        return "the database has reached [storage] map_bytes"
    if isinstance(fault, lmdb.PanicError):
        return f"{fault}: nothing can be written before a restart"
    if isinstance(fault, lmdb.Error):
        # Only those that LMDB itself raised have one.
        code = getattr(fault, "code", 0)
        if code == _SHORT_WRITE:
            return f"{fault} (the disk took only a part)"
        is_full = isinstance(fault, lmdb.DiskError) or code in NO_ROOM
        return str(fault) if is_full or "No space left" in str(fault) else None
    if isinstance(fault, OSError) and fault.errno in NO_ROOM:
        return fault.strerror or str(fault)
    return None
