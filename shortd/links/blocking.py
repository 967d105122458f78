"""Switching off what leads where no link may lead any more.

A destination that is blocked is refused from then on; links that have it already stay, unless this
is asked for. It reads all links, at the pace of `store.pace`, so that redirects never wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

import msgspec
import structlog

from shortd.hosts.patterns import Index, read_pattern
from shortd.links.checking import places_of
from shortd.models.accounts import DELETED
from shortd.models.links import FormerLink, Link
from shortd.store import Store
from shortd.store.pace import matching_keys
from shortd.store.room import Reserve
from shortd.store.schema import FORMER_LINKS, LINKS
from shortd.store.txn import Txn, WriteTxn

STRETCH_ROWS = 20
"""Links that are read without a rest: each may have to be held against an expression."""
KEPT = 20
"""Rounds that are known of, the newest."""

log = structlog.get_logger(__name__)


class Round:
    """Switching off what one pattern blocks: under way, or done."""

    def __init__(self, pattern: str, total: int) -> None:
        self.pattern = pattern
        self.total = total
        """Links that there are."""
        self.read = 0
        """Links that were looked at."""
        self.off = 0
        """Links that were switched off."""
        self.is_over = False
        self.failed = False
        """It ended before its time: what it had switched off by then is off."""


class BlockedLinks:
    """Rounds over all links. Belongs to the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rounds: deque[Round] = deque(maxlen=KEPT)
        self._tasks: set[asyncio.Task[Round]] = set()

    @property
    def rounds(self) -> Sequence[Round]:
        """Those since the start, the newest first."""
        return tuple(reversed(self._rounds))

    def start(self, pattern: str) -> Round:
        """Begins a round for a pattern, and lets it run. INVALID_FIELD. One for a pattern that is
        being worked on is that one."""
        for known in self._rounds:
            if known.pattern == pattern and not known.is_over:
                return known
        begun = self._begin(pattern)
        task = asyncio.ensure_future(self._run(begun))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return begun

    async def switch_off(self, pattern: str) -> Round:
        """A round, once it is over. INVALID_FIELD, and what keeps rows from being written."""
        begun = self._begin(pattern)
        await self._work(begun)
        return begun

    def _begin(self, pattern: str) -> Round:
        text = read_pattern(pattern).text
        with self._store.read() as txn:
            begun = Round(text, LINKS.count(txn))
        self._rounds.append(begun)
        return begun

    async def _run(self, begun: Round) -> Round:
        try:
            await self._work(begun)
        except Exception:
            log.exception("blocked_links_not_switched_off", pattern=begun.pattern)
        return begun

    async def _work(self, begun: Round) -> None:
        index = Index([read_pattern(begun.pattern)])

        def is_blocked(txn: Txn, key: tuple[int, str], link: Link) -> bool:
            begun.read += 1
            return link.enabled and link.owner != DELETED and _leads(link, index)

        def was_blocked(txn: Txn, key: tuple[str, int, int], row: FormerLink) -> bool:
            return row.link.enabled and _leads(row.link, index)

        begun.failed = True
        try:
            async for keys in matching_keys(self._store, LINKS, is_blocked, stretch=STRETCH_ROWS):
                switch = partial(_switch_off, keys=keys, index=index)
                begun.off += await self._store.write(switch, Reserve.ALL)
            # What somebody has just deleted or switched off is not to come back on by an undo.
            async for former in matching_keys(self._store, FORMER_LINKS, was_blocked):
                await self._store.write(partial(_switch_off_former, keys=former), Reserve.ALL)
            begun.failed = False
        finally:
            begun.is_over = True
        log.info("blocked_links_switched_off", pattern=begun.pattern, links=begun.off)


def _leads(link: Link, index: Index) -> bool:
    return any(index.find(place.url) is not None for place in places_of(link))


def _switch_off(txn: WriteTxn, keys: Sequence[tuple[int, str]], index: Index) -> int:
    switched = 0
    for key in keys:
        link = LINKS.get(txn, key)
        # Another may stand there since.
        if link is not None and link.enabled and _leads(link, index):
            LINKS.put(txn, key, msgspec.structs.replace(link, enabled=False))
            switched += 1
    return switched


def _switch_off_former(txn: WriteTxn, keys: Sequence[tuple[str, int, int]]) -> None:
    for key in keys:
        row = FORMER_LINKS.get(txn, key)
        if row is not None:
            link = msgspec.structs.replace(row.link, enabled=False)
            FORMER_LINKS.put(txn, key, msgspec.structs.replace(row, link=link))
