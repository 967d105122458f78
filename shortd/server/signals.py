"""Signals, from the first line to the last: whatever comes when, the process ends in order or not
at all.

To the first process of a container the kernel delivers no signal that it has no handler for, so
handlers come before anything that takes time. Before there is something to drain, a stop is an
exit.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
IGNORED = (signal.SIGUSR1, signal.SIGUSR2)
"""Tools send them to have log files opened anew and the like; their default would be the end."""


class Signals:
    """The handlers of this process, in place from the moment it is made."""

    def __init__(self) -> None:
        self.stop: Callable[[int], None] | None = None
        """What a signal calls, in the main thread, once there is something to stop."""
        for number in STOPS:
            # nohup and its like have a reason.
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            signal.signal(number, self._handle)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.stop is None:
            sys.exit(0)
        self.stop(number)
