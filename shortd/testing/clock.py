"""A clock for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shortd.clock import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """A `Clock` that stands still until `advance` or `set`. It begins on 14 November 2023."""

    def __init__(self, utime: int = 1_700_000_000 * SECOND) -> None:
        self.utime = utime

    def now(self) -> int:
        return self.utime

    def advance(self, seconds: float) -> None:
        """Moves the time forward (or back, with a negative number)."""
        self.utime += round(seconds * SECOND)

    def set(self, moment: datetime) -> None:
        """Moves the time to a moment, which must have a time zone (ValueError)."""
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        self.utime = (moment - _EPOCH) // timedelta(microseconds=1)
