"""Time as a parameter: nothing below the app reads the system clock by itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000_000
"""One second in µs, the unit of every `utime`."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 86_400 * SECOND


class Clock(Protocol):
    """Where the time comes from; `shortd.testing.FakeClock` in tests."""

    def now(self) -> int:
        """Unix time in µs."""
        ...

    def elapsed(self) -> int:
        """µs since some moment, counted by themselves: however `now` is set meanwhile."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def elapsed(self) -> int:
        # Unlike the monotonic clock it goes on while a laptop sleeps.
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def moment(utime: int) -> datetime:
    """A time in the calendar, in UTC, to the second. What is beyond it, such as the end of what was
    to last, is its last or first day."""
    try:
        return datetime.fromtimestamp(utime // SECOND, UTC)
    except (ValueError, OverflowError, OSError):
        return (datetime.max if utime > 0 else datetime.min).replace(microsecond=0, tzinfo=UTC)


def utc_text(utime: int) -> str:
    """A time as people read it, to the minute: "2026-11-22 03:53 UTC"."""
    return moment(utime).strftime("%Y-%m-%d %H:%M UTC")
