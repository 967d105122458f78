"""Isolation: every call of a plugin goes through here, guarded, timed and counted.

What a plugin raises never gets past this module, SystemExit included. Each hook has a breaker of
its own, so that one that fails never takes another along: five failures within a minute pause the
hook; so do five overruns, if they are more than one call in ten (a busy machine may hold up any
call now and then), and a single call that is far too long for whoever waits. When the pause is over
one call tries: if that goes well the hook is on again, else the next pause is twice as long.

Who fails may be the caller: a hook that stumbles over some user agents, or some addresses of links,
is not to be switched off for everybody by whoever sends five of them. So before failures pause a
hook that visitors or accounts can have called with what they like, it is asked once more what it
answered well before. If it still does, nothing is paused.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter_ns as _timer
from typing import Any

import structlog

from shortd.clock import HOUR, SECOND
from shortd.plugin.hookspecs import CHECK, DECIDE, JOBS, OBSERVE
from shortd.plugin_runtime.flaws import one_line
from shortd.plugin_runtime.workers import Worker, failure

STRIKES = 5
WITHIN = 60 * SECOND
"""So many failures in so short a time (µs) pause a hook."""
FIRST_PAUSE = 30 * SECOND
LONGEST_PAUSE = HOUR
"""How long a hook is left alone, in µs: the pause doubles with each trial that fails."""
BREAKING = frozenset((*DECIDE, *OBSERVE, *CHECK, "wants"))
"""Hooks whose failures pause them. The others are called because somebody asks for them, and a
stranger who asks for trouble is not to switch anything off."""
SHOWING = frozenset(("panel", "link_panels", "link_columns", "shares", "explain", "wants"))
"""Hooks that somebody waits for who looks at a page, or changes something, and all others with
him."""
CALLS_PER_OVERRUN = 10
"""Overruns rarer than this are put down to the machine: with three times as much to do as it has
cores, a hook of 0.1 ms takes more than 5 ms once in 400 calls."""
DECIDE_NANOSECONDS = 5_000_000
"""What a decide hook may take: visitors wait for it."""
SHOW_NANOSECONDS = 50_000_000
OTHER_NANOSECONDS = 5_000_000_000
"""What any other hook may take: only its own plugin waits for it."""
JOB_NANOSECONDS = 3_600_000_000_000
FAR = 20
"""A call on the event loop that takes so many times as long as it may pauses its hook at once."""
QUIET = 60 * SECOND
"""One failure of a hook is logged in this time (µs); all are counted."""

log = structlog.get_logger(__name__)


class Overrun(Exception):
    """A call took longer than it may; told to a witness, never raised."""


class Guard:
    """What one plugin's calls have in common."""

    def __init__(self, name: str, now: Callable[[], int]) -> None:
        self.name = name
        self.now = now
        self.bad_data = 0
        """Links that were decided without it, as it does not accept the data they carry."""
        self.witness: Callable[[str, Exception], None] | None = None
        """A test's: hears of each failure and overrun, in whatever thread it happens."""
        self.is_timed = True
        """Whether overruns pause hooks."""
        self.calls: dict[str, GuardedCall] = {}
        """By hook."""
        self._logged: dict[str, int] = {}
        # Decide hooks run on the event loop, observe hooks in threads of their own.
        self.lock = threading.RLock()

    def call(self, hook: str, function: Callable[..., Any]) -> GuardedCall:
        """The function of a hook, guarded. One that is `async def` is not called but awaited, by
        who says how that went.
        """
        call = self.calls[hook] = GuardedCall(self, hook, function)
        return call

    @property
    def paused(self) -> str:
        """Why hooks are paused, in words that may be shown to anybody; empty while none is. What
        was raised is in the log alone.
        """
        return "; ".join(call.reason for call in list(self.calls.values()) if call.reason)

    def resume(self) -> list[str]:
        """Ends all pauses; the hooks that had one."""
        paused = [call for call in list(self.calls.values()) if call.reason]
        for call in paused:
            call.resume()
        return [call.hook for call in paused]

    def failed(self, hook: str, fault: Exception) -> None:
        """Takes note of a failure that everything else went on without."""
        if self.witness is not None:
            self.witness(hook, fault)
        self.tell("plugin_failed", hook, exc_info=fault)

    def cannot_read(self, fault: Exception) -> None:
        """Takes note of a link whose data the plugin does not accept (any more)."""
        if self.witness is not None:
            self.witness("data", fault)
        with self.lock:
            self.bad_data += 1
        self.tell("plugin_data_unreadable", "data", error=one_line(fault))

    def tell(self, event: str, hook: str, **details: object) -> None:
        """Logs something that may happen often, once a minute."""
        now = self.now()
        with self.lock:
            last = self._logged.get(f"{event} {hook}")
            if last is None or not 0 <= now - last < QUIET:
                self._logged[f"{event} {hook}"] = now
                log.warning(event, plugin=self.name, hook=hook, **details)


class GuardedCall:
    """A hook of a plugin: called like the function itself, it answers None when that fails, and
    while the hook is paused.
    """

    __slots__ = (
        *("calls", "failures", "function", "guard", "hook", "limit", "nanoseconds", "overruns"),
        *("_closed_at_call", "_failures", "_is_breaking", "_is_trying", "_overruns", "_pause"),
        *("_before", "_good", "_good_call", "_is_asked_again", "_resumed", "_until"),
        *("is_hung", "is_useful", "reason"),
    )

    def __init__(self, guard: Guard, hook: str, function: Callable[..., Any]) -> None:
        self.guard = guard
        self.hook = hook
        self.function = function
        self.limit = OTHER_NANOSECONDS
        if hook in DECIDE:
            self.limit = DECIDE_NANOSECONDS
        elif hook in SHOWING:
            self.limit = SHOW_NANOSECONDS
        elif hook in JOBS:
            self.limit = JOB_NANOSECONDS
        self.is_useful: Callable[[Any], bool] = lambda answer: True
        """Whether an answer is one that counts as good."""
        self.calls = 0
        self.failures = 0
        self.overruns = 0
        self.nanoseconds = 0
        """Of all calls together."""
        self.reason = ""
        """Why it is paused, in words; empty while it is on."""
        self.is_hung = False
        """Whether it is paused as a call does not return."""
        self._is_breaking = hook in BREAKING
        self._failures: deque[int] = deque(maxlen=STRIKES)
        self._overruns: deque[tuple[int, int]] = deque(maxlen=STRIKES)
        self._pause = 0
        self._until = 0
        self._is_trying = False
        self._resumed = 0
        self._closed_at_call = -1
        self._is_asked_again = hook in DECIDE
        # What was asked for by the last call that went well, and by the one before it: the last
        # one's answer may turn out to be of no use.
        self._good: Sequence[Any] | None = None
        self._before: Sequence[Any] | None = None
        self._good_call = -1

    def __call__(self, *arguments: Any) -> Any:
        if self.reason and not self.may_try():
            return None
        self.calls += 1
        start = _timer()
        try:
            answer = self.function(*arguments)
        except BaseException as fault:
            self.fail(failure(fault))
            return None
        took = _timer() - start
        self.nanoseconds += took
        if self._is_asked_again:
            self._before, self._good, self._good_call = self._good, arguments, self.calls
        elif self._failures:
            # What is told of visitors is nobody's fault but theirs, as long as others are heard of.
            self._failures.clear()
        if took > self.limit:
            self.overran(took)
        elif self.reason:
            self._went_well()
        return answer

    def may_try(self) -> bool:
        """Whether a hook that is paused is called now, to see whether it works again: by one
        call at a time, which has to say how it went.
        """
        with self.guard.lock:
            if not self.reason:
                return True
            wait = self._until - self.guard.now()
            # A clock that was set back is not to make a pause longer.
            if self._is_trying or self.is_hung or 0 < wait <= self._pause:
                return False
            self._is_trying = True
            return True

    @property
    def next_try(self) -> int:
        """When a hook that is paused may be tried, in µs."""
        return self._until

    async def awaited(self, worker: Worker, arguments: Sequence[Any], seconds: float) -> bool:
        """Calls an `async def` hook on its plugin's worker; whether it went well. Such a hook is
        called again where it fails, so that only failures in a row pause it.
        """
        went_well, _ = await self._tried(lambda: worker.run(self.function(*arguments), seconds))
        if went_well:
            self._failures.clear()
        return went_well

    async def answered(
        self, work: Callable[[], Awaitable[Any]], again: Callable[[], Awaitable[Any]] | None = None
    ) -> Any:
        """What somebody who waits for this hook elsewhere gets; None if that fails, and while the
        hook is paused. `again` asks for what no caller has chosen, before failures pause it.
        """
        if self.reason and not self.may_try():
            return None
        _, answer = await self._tried(work, again)
        return answer

    async def _tried(
        self, work: Callable[[], Awaitable[Any]], again: Callable[[], Awaitable[Any]] | None = None
    ) -> tuple[bool, Any]:
        """Waits for a call; whether it went well, and what it answered."""
        self.calls += 1
        start = _timer()
        try:
            answer = await work()
        except asyncio.CancelledError:
            # Nobody knows how it would have gone.
            self._is_trying = False
            raise
        except Exception as fault:
            works = again is not None and self._is_last_strike() and await _goes_well(again)
            self.fail(fault, works=works)
            return False, None
        self.nanoseconds += _timer() - start
        if self.reason:
            self._went_well()
        return True, answer

    def fail(self, fault: Exception, *, works: bool = False) -> None:
        """Counts a failure: of the call, or of its answer. `works`: it is known to answer others
        well."""
        guard = self.guard
        guard.failed(self.hook, fault)
        with guard.lock:
            self.failures += 1
            now = guard.now()
            if self._good_call == self.calls:
                # It has answered, but nothing of use.
                self._good, self._good_call = self._before, -1
            if not self.is_hung and (works or (self._is_last_strike() and self._still_works())):
                if self.reason:
                    self._close()
                self._failures.clear()
                return
            if self.reason:
                self._end_hang()
                if self._is_trying:
                    self._pause_anew(self.reason)
            elif self._is_breaking:
                self._failures.append(now)
                if self._closed_at_call == self.calls:
                    # The call that tried has answered, but nothing of use.
                    self._pause_anew(f"{self.hook} fails again")
                elif len(self._failures) == STRIKES and now - self._failures[0] <= WITHIN:
                    self._pause_anew(f"{self.hook} failed {STRIKES} times in a minute")

    def _is_last_strike(self) -> bool:
        """Whether one more failure pauses the hook, or does so again."""
        if not self._is_breaking:
            return False
        if self.reason:
            return self._is_trying
        return self._closed_at_call == self.calls or (
            len(self._failures) >= STRIKES - 1
            and self.guard.now() - self._failures[1 - STRIKES] <= WITHIN
        )

    def _still_works(self) -> bool:
        """Whether it answers as well as before what it answered well."""
        if self._good is None:
            return False
        try:
            return self.is_useful(self.function(*self._good))
        except BaseException:
            self._good = self._before = None
            return False

    def overran(self, nanoseconds: int) -> None:
        """Takes note of a call that took too long."""
        guard, now = self.guard, self.guard.now()
        if guard.witness is not None:
            guard.witness(self.hook, Overrun(f"took {nanoseconds / 1e6:.1f} ms"))
        guard.tell("plugin_slow", self.hook, milliseconds=nanoseconds // 1_000_000)
        with guard.lock:
            self.overruns += 1
            self._end_hang()
            self._overruns.append((now, self.calls))
            if not guard.is_timed:
                return
            first, calls_then = self._overruns[0]
            if self.reason:
                if self._is_trying:
                    self._pause_anew(self.reason)
            elif self.limit < OTHER_NANOSECONDS and nanoseconds > FAR * self.limit:
                self._pause_anew(f"{self.hook} was far too slow")
            elif (
                (self._is_breaking or self.hook in SHOWING)
                and len(self._overruns) == STRIKES
                and now - first <= WITHIN
                and self.calls - calls_then < STRIKES * CALLS_PER_OVERRUN
            ):
                self._pause_anew(f"{self.hook} was too slow {STRIKES} times in a minute")

    def hangs(self, seconds: float) -> None:
        """Takes note of a call that has not returned for so long. It is on again when it does."""
        with self.guard.lock:
            if not self.is_hung:
                self.is_hung = True
                self.reason = f"{self.hook} has not returned for {seconds:.0f} s"
                log.error(
                    "plugin_hook_hangs", plugin=self.guard.name, hook=self.hook, reason=self.reason
                )

    def takes(self, *kinds: type, answer: object) -> bool:
        """Whether there is an answer of one of these types; one of another type is a failure."""
        if answer is None or isinstance(answer, kinds):
            return answer is not None
        expected = " or ".join(kind.__name__ for kind in kinds)
        self.fail(TypeError(f"{self.hook} answered {type(answer).__name__}, not {expected}"))
        return False

    def resume(self) -> None:
        """Has the hook called again, as if nothing had been."""
        with self.guard.lock:
            self._close()
            self._pause = 0
            self._closed_at_call = -1

    def _went_well(self) -> None:
        with self.guard.lock:
            self._end_hang()
            # A call that was under way when others paused the hook proves nothing.
            if self._is_trying:
                self._close()

    def _end_hang(self) -> None:
        if self.is_hung:
            self.is_hung, self.reason = False, ""
            log.info("plugin_hook_resumed", plugin=self.guard.name, hook=self.hook)

    def _pause_anew(self, reason: str) -> None:
        now = self.guard.now()
        # One that fails again soon after a pause was on by mistake.
        goes_on = bool(self.reason) or 0 <= now - self._resumed <= self._pause
        doubled = min(2 * self._pause, LONGEST_PAUSE)
        self._pause = doubled if goes_on and self._pause else FIRST_PAUSE
        self._until = now + self._pause
        self._is_trying = False
        self.reason = reason
        log.error(
            "plugin_hook_paused",
            plugin=self.guard.name,
            hook=self.hook,
            reason=reason,
            seconds=self._pause // SECOND,
        )

    def _close(self) -> None:
        if self.reason:
            log.info("plugin_hook_resumed", plugin=self.guard.name, hook=self.hook)
        self.reason = ""
        self.is_hung = self._is_trying = False
        self._failures.clear()
        self._overruns.clear()
        self._resumed = self.guard.now()
        self._closed_at_call = self.calls


async def _goes_well(work: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await work()
    except Exception:
        return False
    return True
