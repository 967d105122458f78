"""How many links of an owner or of a team are hidden.

A list that leaves them out has as many links as there are, less these. They are counted once, by
reading all links, and kept for who asks again: every write tells what it has hidden and shown. It
must never keep a count that such a write may have missed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import LINKS, LINKS_PER_TEAM
from shortd.store.txn import Change

KEPT = 4096
"""Counts that are kept: 1 MB at most. What was counted first is forgotten first."""


class HiddenCounts:
    """Counts by team, or by userid for the owner's own, as `LINKS_PER_TEAM` has them. Belongs to
    the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, int] = {}
        self._disturbed: dict[str, bool] = {}
        """Those that are being counted, and whether one of them was hidden or shown since."""
        store.watch(self._follow)

    def get(self, whose: str) -> int | None:
        """How many are hidden, if that is known."""
        return self._kept.get(whose)

    async def learn(self, whose: str, count: Callable[[], Awaitable[int]]) -> int:
        """How many `count` finds, which is kept unless something changed meanwhile."""
        if whose in self._disturbed:
            return await count()
        self._disturbed[whose] = False
        try:
            found = await count()
            # Of whatever was on disk before this, `_follow` has heard behind it.
            await self._store.answers()
            if not self._disturbed[whose]:
                if len(self._kept) >= KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[whose] = found
        finally:
            del self._disturbed[whose]
        return found

    def _follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.table == LINKS.name:
                before, after = _hidden_of(change.before), _hidden_of(change.after)
                if before != after:
                    self._add(before, -1)
                    self._add(after, 1)

    def _add(self, whose: str | None, step: int) -> None:
        if whose is None:
            return
        if whose in self._kept:
            self._kept[whose] += step
        if whose in self._disturbed:
            self._disturbed[whose] = True


def _hidden_of(link: Link | None) -> str | None:
    """Among whose hidden links a link counts."""
    if link is None or link.rare is None or not link.rare.hidden:
        return None
    whose = LINKS_PER_TEAM.of(link)
    return None if whose is None else whose[0]
