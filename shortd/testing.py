"""What tests of shortd and of its plugins use: a clock that only moves when told."""

from __future__ import annotations

from shortd.clock import SECOND


class FakeClock:
    """A `Clock` that stands still until `advance`."""

    def __init__(self, utime: int = 1_700_000_000 * SECOND) -> None:
        self.utime = utime

    def now(self) -> int:
        return self.utime

    def advance(self, seconds: float) -> None:
        """Moves the time forward (or back, with a negative number)."""
        self.utime += round(seconds * SECOND)
