"""Answers that cost a long read, kept for a minute: whoever asks again gets the same one, and who
asks meanwhile waits for it. Bounded by what the answers hold; it must never outlive the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from shortd.clock import SECOND

KEPT_SECONDS = 60
MOST_HELD = 500_000
"""Items that all answers together hold; the oldest answers go first."""

Q = TypeVar("Q", bound=Hashable)
T = TypeVar("T")


class _Answer(NamedTuple, Generic[T]):
    utime: int
    held: int
    value: T


class Kept(Generic[Q, T]):
    """Keeps answers by their questions. One is worked out at a time."""

    def __init__(self, size_of: Callable[[T], int]) -> None:
        """`size_of` tells how many items an answer holds."""
        self._size_of = size_of
        self._answers: dict[Q, _Answer[T]] = {}
        self._asked: dict[Q, asyncio.Task[_Answer[T]]] = {}
        self._turn = asyncio.Lock()

    async def get(self, question: Q, now: int, work: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """The answer, and as of when it is (µs): a minute old at most, else what `work` gives."""
        known = self._answers.get(question)
        if known is not None and 0 <= now - known.utime < KEPT_SECONDS * SECOND:
            return known.value, known.utime
        asked = self._asked.get(question)
        if asked is None:
            asked = asyncio.ensure_future(self._work_out(question, now, work))
            self._asked[question] = asked
            asked.add_done_callback(lambda task: self._asked.pop(question, None))
        # Whoever asked first may go away; the others still wait.
        answer = await asyncio.shield(asked)
        return answer.value, answer.utime

    def forget(self, concerns: Callable[[Q], bool]) -> None:
        """Drops the answers to some questions."""
        for question in [one for one in self._answers if concerns(one)]:
            del self._answers[question]

    async def _work_out(
        self, question: Q, now: int, work: Callable[[], Awaitable[T]]
    ) -> _Answer[T]:
        async with self._turn:
            value = await work()
        answer = _Answer(now, self._size_of(value) + 1, value)
        self._answers.pop(question, None)
        self._answers[question] = answer
        held = sum(one.held for one in self._answers.values())
        for oldest in list(self._answers):
            too_old = not 0 <= now - self._answers[oldest].utime < KEPT_SECONDS * SECOND
            if oldest != question and (too_old or held > MOST_HELD):
                held -= self._answers.pop(oldest).held
        return answer
