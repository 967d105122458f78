"""Destinations that operators have blocked: kept once, and asked wherever a destination is set.

    pattern = hosts.blocked.find("https://example.org/")

All of it is in memory as well, and follows the rows at once. Visits never ask: a link that leads
where it may not any more stays as it is, unless operators have it switched off (`links.blocking`).
Where a destination itself leads on is nobody's knowledge here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from shortd import errors
from shortd.hosts.patterns import (
    MOST_EXPRESSIONS,
    MOST_PATTERNS,
    MOST_STEPS_TOGETHER,
    Index,
    Kind,
    Pattern,
    read_pattern,
)
from shortd.models.blocking import BlockedPattern
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import BLOCKED_PATTERNS
from shortd.store.txn import Change, Txn, WriteTxn

REASON_CHARACTERS = 200

log = structlog.get_logger(__name__)


class BlockedDestinations:
    """The list. Times are Unix µs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = Index()
        self._rows: dict[str, BlockedPattern] = {}
        with store.read() as txn:
            for _, row in BLOCKED_PATTERNS.scan(txn):
                self._take_in(row)
        store.watch(self._follow)

    def __len__(self) -> int:
        return len(self._index)

    def find(self, url: str) -> BlockedPattern | None:
        """What blocks a URL; None if nothing does."""
        text = self._index.find(url)
        return None if text is None else self._rows[text]

    def blocks(self, host: str, url: str) -> str | None:
        """The same in a hurry: the text of the pattern, for a URL whose host is known."""
        return self._index.find(url, host)

    def all(self) -> list[BlockedPattern]:
        """All of them, the newest first."""
        return _newest_first(self._rows.values())

    async def add(self, text: str, reason: str, now: int) -> BlockedPattern:
        """Blocks what a pattern says; one that is there gets the new reason, if there is one.

        INVALID_FIELD, with `field` "pattern" or "reason".
        """
        pattern = read_pattern(text)
        reason = " ".join(reason.split())
        if len(reason) > REASON_CHARACTERS:
            raise errors.INVALID_FIELD(
                "At most %(most)s characters.", field="reason", most=REASON_CHARACTERS
            )
        self._check_room(pattern)

        def put(txn: WriteTxn) -> BlockedPattern:
            old = BLOCKED_PATTERNS.get(txn, (pattern.text,))
            if old is None and BLOCKED_PATTERNS.count(txn) >= MOST_PATTERNS:
                raise errors.INVALID_FIELD(
                    "At most %(most)s patterns are kept.", field="pattern", most=MOST_PATTERNS
                )
            row = BlockedPattern(pattern.text, now, reason)
            if old is not None:
                row = BlockedPattern(pattern.text, old.create_utime, reason or old.reason)
            BLOCKED_PATTERNS.put(txn, (pattern.text,), row)
            return row

        # What stops abuse must not fail for want of room.
        return await self._store.write(put, Reserve.ALL)

    async def remove(self, text: str) -> BlockedPattern:
        """Blocks it no longer. NOT_FOUND, INVALID_FIELD."""
        pattern = read_pattern(text)

        def delete(txn: WriteTxn) -> BlockedPattern:
            row = BLOCKED_PATTERNS.delete(txn, (pattern.text,))
            if row is None:
                raise errors.NOT_FOUND("This pattern is not blocked.", field="pattern")
            return row

        return await self._store.write(delete, Reserve.ALL)

    def _check_room(self, pattern: Pattern) -> None:
        if pattern.kind is not Kind.EXPRESSION or pattern.text in self._rows:
            return
        if self._index.expressions >= MOST_EXPRESSIONS:
            raise errors.INVALID_FIELD(
                "At most %(most)s expressions are kept.", field="pattern", most=MOST_EXPRESSIONS
            )
        if self._index.steps + pattern.steps > MOST_STEPS_TOGETHER:
            raise errors.INVALID_FIELD(
                "All expressions together are too large with this one.", field="pattern"
            )

    def _follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.table == BLOCKED_PATTERNS.name:
                if change.after is not None:
                    self._take_in(change.after)
                elif self._rows.pop(change.before.text, None) is not None:
                    self._index.discard(read_pattern(change.before.text))

    def _take_in(self, row: BlockedPattern) -> None:
        try:
            pattern = read_pattern(row.text)
        except errors.ShortdError as refusal:
            # Taken by a version that could do more: the others still hold.
            log.warning("blocked_pattern_not_used", pattern=row.text, reason=str(refusal))
            return
        self._rows[row.text] = row
        self._index.add(pattern)


def all_blocked(txn: Txn) -> list[BlockedPattern]:
    """All patterns, the newest first."""
    return _newest_first(row for _, row in BLOCKED_PATTERNS.scan(txn))


def _newest_first(rows: Iterable[BlockedPattern]) -> list[BlockedPattern]:
    return sorted(rows, key=lambda row: (-row.create_utime, row.text))
