"""Plain functions of a plugin that somebody waits for: called one after the other, in a thread.

One that does not return is left behind with its thread, and the others go on in a new one: whoever
has found what a function hangs over must not keep it from answering everybody else. How many are
left behind is bounded; beyond that the others wait in vain.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from shortd.plugin_runtime.workers import STOP_SECONDS, failure

MOST_HUNG = 8
"""Threads of one plugin that are left behind at the same time."""
LOOK_SECONDS = 0.5
"""How often whoever waits for his turn looks at the one whose turn it is."""


class _Turn:
    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.begun: Future[None] = Future()
        self.ended: Future[Any] = Future()


class Turns:
    """The functions of one plugin."""

    def __init__(self, name: str, seconds: float) -> None:
        """`seconds`: what one call may take."""
        self._name = name
        self._seconds = seconds
        self._waiting: SimpleQueue[_Turn | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._since: float | None = None
        """When the one that is called now was begun."""
        self._hung = 0

    async def call(self, function: Callable[[], Any]) -> Any:
        """What the function returns. Raises what it raises, and TimeoutError if it does not return
        in time, or its turn does not come within twice that.
        """
        turn = _Turn(function)
        self._waiting.put(turn)
        if self._thread is None:
            self._begin_thread()
        try:
            await self._wait(turn.begun, 2 * self._seconds)
        finally:
            is_left_out = turn.begun.cancel()
        if is_left_out or not await self._wait(turn.ended, self._seconds):
            raise TimeoutError(f"has not returned in {self._seconds:g} s")
        return turn.ended.result()

    def close(self) -> None:
        """Ends the thread; what is at work still is left behind."""
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    async def _wait(self, future: Future[Any], seconds: float) -> bool:
        """Whether it is done in time."""
        loop = asyncio.get_running_loop()
        outcome, until = asyncio.wrap_future(future), loop.time() + seconds
        # What becomes of it when nobody waits any more is nobody's affair.
        outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
        while not future.done():
            self._leave_behind()
            left = until - loop.time()
            if left <= 0:
                return False
            await asyncio.wait([outcome], timeout=min(left, LOOK_SECONDS))
        return True

    def _leave_behind(self) -> None:
        """Has the others go on in a new thread, if the one at work does not return."""
        with self._lock:
            if self._since is None or time.monotonic() - self._since < self._seconds:
                return
            if self._hung < MOST_HUNG:
                self._hung += 1
                self._since = None
                self._begin_thread()

    def _begin_thread(self) -> None:
        name = f"shortd-plugin-{self._name}-checks"
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        thread = threading.current_thread()
        while (turn := self._waiting.get()) is not None:
            if not turn.begun.set_running_or_notify_cancel():
                continue
            turn.ended.set_running_or_notify_cancel()
            with self._lock:
                self._since = time.monotonic()
            turn.begun.set_result(None)
            try:
                result = turn.function()
            except BaseException as fault:
                turn.ended.set_exception(failure(fault))
            else:
                turn.ended.set_result(result)
            # Neither outcome is to be kept until the next turn.
            del turn
            with self._lock:
                if self._thread is not thread:
                    self._hung -= 1
                    return
                self._since = None
