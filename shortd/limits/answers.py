"""How much of answers may be in memory: of one, and of all together.

A list is built whole and then sent as its client takes it: whoever asks for many and reads none
would have them all kept. Small answers are not counted, since what a connection may leave unsent
bounds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd import errors
from shortd.settings import ServerSettings

SMALL_BYTES = 64 << 10
"""Of an answer that is not counted."""
RETRY_SECONDS = 5.0


class Held:
    """What one answer takes for now."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.size = 0
        """Bytes."""

    def grow(self, size: int) -> None:
        """Takes so many bytes more. ANSWER_TOO_LARGE, BUSY; then it is what it was."""
        self._answers.check(self.size + size, size)
        self.size += size
        self._answers.held += size


class Answers(Collector):
    """Counts bytes. Belongs to the event loop."""

    def __init__(self, bounds: ServerSettings) -> None:
        self._most = bounds.answer_bytes
        self._most_together = bounds.answers_bytes
        self.held = 0
        """Bytes of all large answers that are being made or sent."""
        self.refused = 0

    def check(self, size: int, grown: int | None = None) -> None:
        """Whether there may be an answer of so many bytes, `grown` more than are held of it.

        ANSWER_TOO_LARGE, or BUSY while others hold too much.
        """
        if size <= SMALL_BYTES:
            return
        if size > self._most:
            self.refused += 1
            raise errors.ANSWER_TOO_LARGE()
        if self.held + (size if grown is None else grown) > self._most_together:
            self.refused += 1
            raise errors.BUSY(retry_after=RETRY_SECONDS)

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Around what makes an answer, or sends it."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.size

    @contextmanager
    def sending(self, size: int) -> Iterator[None]:
        """Around sending an answer that was checked."""
        self.held += size
        try:
            yield
        finally:
            self.held -= size

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "shortd_answers_held_bytes", "Large answers that wait to be sent.", value=self.held
        )
        yield CounterMetricFamily(
            "shortd_answers_refused", "Answers that were too large.", value=self.refused
        )
