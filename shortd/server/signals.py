"""Signals, from the first line to the last: whatever comes when, the process ends in order or not
at all.

To the first process of a container the kernel delivers no signal that it has no handler for, so
handlers come before anything that takes time, imports among it. Before there is something to drain,
a stop is an exit. This module must import nothing but what Python has at hand.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
RELOADS = signal.SIGHUP
IGNORED = (signal.SIGUSR1, signal.SIGUSR2)
"""Tools send them to have log files opened anew and the like; their default would be the end."""


class Signals:
    """The handlers of this process, in place from the moment it is made."""

    def __init__(self) -> None:
        self._stop: Callable[[int], None] | None = None
        self._reload: Callable[[], None] | None = None
        self._is_stale = False
        """The settings were to be read anew before anybody could."""
        self._asked = 0
        """The last one that asked for the end before there was something to stop."""
        for number in STOPS:
            signal.signal(number, self._handle_stop)
        # nohup and its like have a reason.
        if signal.getsignal(RELOADS) is not signal.SIG_IGN:
            signal.signal(RELOADS, self._handle_reload)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)

    def attend(self, stop: Callable[[int], None], reload: Callable[[], None]) -> None:
        """What signals call from now on, in the main thread."""
        self._stop, self._reload = stop, reload
        if self._asked:
            # Whatever ran then has kept the exit to itself.
            stop(self._asked)
        if self._is_stale:
            self._is_stale = False
            reload()

    def _handle_stop(self, number: int, _frame: FrameType | None) -> None:
        if self._stop is None:
            self._asked = number
            sys.exit(0)
        self._stop(number)

    def _handle_reload(self, _number: int, _frame: FrameType | None) -> None:
        if self._reload is None:
            self._is_stale = True
        else:
            self._reload()
