"""What is wrong with a journal: one place that both threads tell, and that health asks.

A fault is present trouble with writing or syncing and ends; damage is records that were found
unreadable and stays known until the process ends. Each is logged once, not once per attempt;
a log that cannot be written must never stop the journal.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

import msgspec
import structlog

from shortd.journal.frames import Flaw

log = structlog.get_logger(__name__)


class JournalStatus(msgspec.Struct, frozen=True):
    """The journal's health, for people and metrics."""

    segments: int
    """Files, the current one included."""
    buffered_bytes: int
    """Framed records not yet written."""
    dropped: int
    """Records refused because the buffer was full."""
    fault: str | None
    """What keeps records from being written or synced now; None while all is well."""
    faults: int
    """How many faults there were; a short one may show here alone."""
    torn: int
    """Places where a segment could not be read to its end."""
    damage: str | None
    """The last such place that an interrupted write does not explain: clicks were lost."""


class Troubles:
    """The faults and the damage noted so far; safe to use from both threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: set[tuple[int, int]] = set()
        self.fault: str | None = None
        self.faults = 0
        self.damage: str | None = None

    @property
    def torn(self) -> int:
        return len(self._places)

    def fail(self, fault: str) -> None:
        """Notes a fault, unless it is the present one again."""
        with self._lock:
            if fault == self.fault:
                return
            self.fault = fault
            self.faults += 1
        with suppress(OSError):  # the log may be on the same full disk
            log.error("journal fault", fault=fault)

    def recover(self) -> None:
        """Notes that records are written again."""
        with self._lock:
            self.fault = None
        with suppress(OSError):
            log.info("journal fault over")

    def lose(self, size: int) -> None:
        """Notes that the journal closes with `size` bytes of records unwritten."""
        with suppress(OSError):
            log.error("journal closed with records unwritten", bytes=size)

    def skip(self, segment: int, offset: int, size: int, flaw: Flaw) -> None:
        """Notes that `size` bytes from `offset` on were skipped, unless that is known."""
        place = (segment, offset)
        if place in self._places:
            return
        self._places.add(place)
        if flaw is not Flaw.TORN:
            self.damage = f"segment {segment}: {flaw} from byte {offset} on, {size} bytes skipped"
        with suppress(OSError):
            log.warning(
                "journal records skipped", flaw=flaw, segment=segment, offset=offset, bytes=size
            )
