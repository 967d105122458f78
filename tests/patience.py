"""Times that a machine with much to do must not make fail: those of libraries and of plugins."""

from __future__ import annotations

import time

from httpx._config import DEFAULT_TIMEOUT_CONFIG

from shortd.plugin_runtime import guard

SECONDS = 60.0
"""Whatever is waited for comes; how soon says more about the machine."""
FAR = guard.FAR
"""As servers have it."""


def be_patient() -> None:
    """From here on, in this process, no call by httpx gives up within seconds, and no hook of a
    plugin is paused for a call that the machine held up for 0.1 s."""
    for step in ("connect", "read", "write", "pool"):
        setattr(DEFAULT_TIMEOUT_CONFIG, step, SECONDS)
    guard.FAR = 50 * FAR


def begin_a_day() -> None:
    """Has what is asked of a real server begin and end on one day (UTC): waits for the next one if
    it is about to begin."""
    left = 86_400 - time.time() % 86_400
    if left < SECONDS:
        time.sleep(left)
