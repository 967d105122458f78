"""A clock for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shortd.clock import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """A `Clock` that stands still until `advance` or `set`. It begins on 14 November 2023."""

    def __init__(self, utime: int = 1_700_000_000 * SECOND) -> None:
        self.utime = utime
        self._wrong = 0

    def now(self) -> int:
        return self.utime

    def elapsed(self) -> int:
        return self.utime - self._wrong

    def jump(self, seconds: float) -> None:
        """Sets the clock wrong (or right again): it shows another time, and none has passed."""
        wrong = round(seconds * SECOND)
        self.utime += wrong
        self._wrong += wrong

    def advance(self, seconds: float) -> None:
        """Moves the time forward (or back, with a negative number)."""
        self.utime += round(seconds * SECOND)

    def set(self, moment: datetime) -> None:
        """Moves the time to a moment, which must have a time zone (ValueError)."""
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        self.utime = (moment - _EPOCH) // timedelta(microseconds=1)
