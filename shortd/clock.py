"""Time as a parameter: nothing below the app reads the system clock by itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000_000
"""One second in µs, the unit of every `utime`."""
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


class Clock(Protocol):
    """Where the time comes from; `shortd.testing.FakeClock` in tests."""

    def now(self) -> int:
        """Unix time in µs."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000


def utc_text(utime: int) -> str:
    """A time as people read it, to the minute: "2026-11-22 03:53 UTC"."""
    return datetime.fromtimestamp(utime // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")
