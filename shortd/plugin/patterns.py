"""Destinations as operators write what is to be blocked, for plugins that ask for the same.

What a pattern may be is decided in `hosts.patterns`; here it has a form that authors can use.
"""

from __future__ import annotations

from collections.abc import Iterable

from shortd.errors import ShortdError
from shortd.hosts import patterns
from shortd.hosts.patterns import MOST_EXPRESSIONS, MOST_PATTERNS, MOST_STEPS_TOGETHER


class DestinationPatterns:
    """Patterns as operators write them: `example.org` with everything below it, `=example.org`
    that host alone, `/expression/` anywhere in the whole URL (RE2's syntax).

    At most 10,000 of them, of which 100 are expressions. Never changes.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """ValueError for one that cannot be read, and for too many."""
        self._index = patterns.Index()
        for text in texts:
            self._add(text)

    def __len__(self) -> int:
        return len(self._index)

    def find(self, url: str) -> str | None:
        """The text of the pattern that a URL fits, the nearest one to its host; None if it fits
        none."""
        return self._index.find(url)

    @classmethod
    def usable(cls, texts: Iterable[str]) -> tuple[str, ...]:
        """Those of the texts that are patterns, up to as many as there may be."""
        known, found = cls(()), []
        for text in texts:
            try:
                known._add(text)
            except ValueError:
                continue
            found.append(text)
        return tuple(found)

    def _add(self, text: str) -> None:
        try:
            pattern = patterns.read_pattern(text)
        except ShortdError as refusal:
            raise ValueError(f"{text!r}: {refusal.sentence}") from None
        index = self._index
        if (
            len(index) >= MOST_PATTERNS
            or (pattern.expression is not None and index.expressions >= MOST_EXPRESSIONS)
            or index.steps + pattern.steps > MOST_STEPS_TOGETHER
        ):
            raise ValueError(f"{text!r} is too much with all others")
        index.add(pattern)
