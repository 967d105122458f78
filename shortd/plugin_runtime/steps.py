"""The questions that led to a decision, for `explain`; other visits keep none."""

from __future__ import annotations

import msgspec


class Step(msgspec.Struct, frozen=True):
    """A question and its answer, in words."""

    question: str
    answer: str


class Steps:
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.taken: list[Step] = []

    def note(self, question: str, answer: str) -> None:
        """Adds a step."""
        self.taken.append(Step(question, answer))
