"""Isolation: every call of a plugin goes through here, guarded, timed and counted.

What a plugin raises never gets past this module (an exception that is meant to end the process,
such as KeyboardInterrupt, does). Five failures within a minute switch the plugin off until the
server restarts; so do five overruns, if they are more than one call in ten: a busy
machine may hold up any call now and then.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns as _timer
from typing import Any

import structlog

from shortd.clock import SECOND
from shortd.plugin.hookspecs import CHECK, DECIDE, OBSERVE
from shortd.plugin_runtime.flaws import one_line

STRIKES = 5
WITHIN = 60 * SECOND
"""So many failures in so short a time (µs) switch a plugin off."""
BREAKING = frozenset((*DECIDE, *OBSERVE, *CHECK))
"""Hooks whose failures switch a plugin off. The others are called because somebody asks for
them, and a stranger who asks for trouble is not to switch anything off for visitors."""
CALLS_PER_OVERRUN = 10
"""Overruns rarer than this are put down to the machine: with three times as much to do as it has
cores, a hook of 0.1 ms takes more than 5 ms once in 400 calls."""
DECIDE_NANOSECONDS = 5_000_000
"""What a decide hook may take: visitors wait for it."""
OTHER_NANOSECONDS = 5_000_000_000
"""What any other hook may take: only other plugins wait for it."""
QUIET = 60 * SECOND
"""One failure of a hook is logged in this time (µs); all are counted."""

log = structlog.get_logger(__name__)


class Overrun(Exception):
    """A call took longer than it may; told to a witness, never raised."""


class Guard:
    """The switch of one plugin, and what led to it."""

    def __init__(self, name: str, now: Callable[[], int]) -> None:
        self.name = name
        self.off = ""
        """Why the plugin is switched off, in words that may be shown to anybody; empty while it
        is on. What it raised is in the log alone."""
        self.bad_data = 0
        """Links that were decided without it, as it does not accept the data they carry."""
        self.witness: Callable[[str, Exception], None] | None = None
        """A test's: hears of each failure and overrun, in whatever thread it happens."""
        self.calls: dict[str, GuardedCall] = {}
        """By hook."""
        self._now = now
        self._failures: deque[int] = deque(maxlen=STRIKES)
        self._overruns: dict[str, deque[tuple[int, int]]] = {}
        self._logged: dict[str, int] = {}
        # Decide hooks run on the event loop, observe hooks in a thread of their own.
        self._lock = threading.Lock()

    def call(self, hook: str, function: Callable[..., Any]) -> GuardedCall:
        """The function of a hook, guarded."""
        call = self.calls[hook] = GuardedCall(self, hook, function)
        return call

    def failed(self, hook: str, fault: Exception) -> None:
        """Takes note of a failure that the visit or the call went on without."""
        now = self._now()
        if self.witness is not None:
            self.witness(hook, fault)
        with self._lock:
            if hook in BREAKING:
                self._failures.append(now)
                if len(self._failures) == STRIKES and now - self._failures[0] <= WITHIN:
                    self._switch_off(f"{hook} failed {STRIKES} times in a minute")
            self._tell("plugin_failed", hook, now, exc_info=fault)

    def overran(self, hook: str, calls: int, nanoseconds: int) -> None:
        """Takes note of a call that took too long; `calls` were made of this hook so far."""
        now = self._now()
        if self.witness is not None:
            self.witness(hook, Overrun(f"took {nanoseconds / 1e6:.1f} ms"))
        with self._lock:
            overruns = self._overruns.setdefault(hook, deque(maxlen=STRIKES))
            overruns.append((now, calls))
            first, calls_then = overruns[0]
            if (
                hook in BREAKING
                and len(overruns) == STRIKES
                and now - first <= WITHIN
                and calls - calls_then < STRIKES * CALLS_PER_OVERRUN
            ):
                self._switch_off(f"{hook} was too slow {STRIKES} times in a minute")
            self._tell("plugin_slow", hook, now, milliseconds=nanoseconds // 1_000_000)

    def cannot_read(self, fault: Exception) -> None:
        """Takes note of a link whose data the plugin does not accept (any more)."""
        if self.witness is not None:
            self.witness("data", fault)
        with self._lock:
            self.bad_data += 1
            self._tell("plugin_data_unreadable", "data", self._now(), error=one_line(fault))

    def _switch_off(self, reason: str) -> None:
        if not self.off:
            self.off = reason
            log.error("plugin_switched_off", plugin=self.name, reason=reason)

    def _tell(self, event: str, hook: str, now: int, **details: object) -> None:
        last = self._logged.get(f"{event} {hook}")
        if last is None or not 0 <= now - last < QUIET:
            self._logged[f"{event} {hook}"] = now
            log.warning(event, plugin=self.name, hook=hook, **details)


class GuardedCall:
    """A hook of a plugin: called like the function itself, it answers None when that fails."""

    __slots__ = (
        "calls",
        "failures",
        "function",
        "guard",
        "hook",
        "limit",
        "nanoseconds",
        "overruns",
    )

    def __init__(self, guard: Guard, hook: str, function: Callable[..., Any]) -> None:
        self.guard = guard
        self.hook = hook
        self.function = function
        self.limit = DECIDE_NANOSECONDS if hook in DECIDE else OTHER_NANOSECONDS
        self.calls = 0
        self.failures = 0
        self.overruns = 0
        self.nanoseconds = 0
        """Of all calls together."""

    def __call__(self, *arguments: Any) -> Any:
        if self.guard.off:
            return None
        self.calls += 1
        start = _timer()
        try:
            answer = self.function(*arguments)
        except Exception as fault:
            self.fail(fault)
            return None
        took = _timer() - start
        self.nanoseconds += took
        if took > self.limit:
            self.overruns += 1
            self.guard.overran(self.hook, self.calls, took)
        return answer

    def fail(self, fault: Exception) -> None:
        """Counts a failure: of the call, or of its answer."""
        self.failures += 1
        self.guard.failed(self.hook, fault)

    def takes(self, *kinds: type, answer: object) -> bool:
        """Whether there is an answer of one of these types; one of another type is a failure."""
        if answer is None or isinstance(answer, kinds):
            return answer is not None
        expected = " or ".join(kind.__name__ for kind in kinds)
        self.fail(TypeError(f"{self.hook} answered {type(answer).__name__}, not {expected}"))
        return False
