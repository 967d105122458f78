"""Finding links by what people remember of them: a part of the code or of the title.

There is no index over texts. A search reads an account's links, some at a time, and lets the
event loop go on in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from shortd.models import Link
from shortd.store import Store
from shortd.store.schema import LINKS_BY_ID
from shortd.store.table import Index

SLICE = 500
"""Links that are read before the event loop goes on (about 4 ms)."""
LINKS_READ = 100_000
"""Links of one source that are read at most, the newest: what one search may cost."""

Wanted = Callable[[Link], bool]


class Source(NamedTuple):
    """Links under one prefix of an index whose keys are in order of creation."""

    links: Index[Any, Link]
    prefix: tuple[Any, ...]


class Found(NamedTuple):
    """A page of what was found."""

    links: list[Link]
    total: int
    """How many there are on all pages."""


class Search:
    """Reads through links."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, sources: Sequence[Source], wanted: Wanted, *, start: int, count: int
    ) -> Found:
        """The links of all sources that are wanted, each once, newest first, from the `start`-th
        on.

        A link that is made, changed or deleted meanwhile may be among them or not.
        """
        found: dict[int, int] = {}
        for source in sources:
            await self._read(source, wanted, found)
        newest = sorted(found, key=lambda link_id: (found[link_id], link_id), reverse=True)
        with self._store.read() as txn:
            rows = [LINKS_BY_ID.get(txn, (number,)) for number in newest[start : start + count]]
        return Found([row for row in rows if row is not None], len(newest))

    async def _read(self, source: Source, wanted: Wanted, found: dict[int, int]) -> None:
        """Notes creation times of wanted links by their ids."""
        index, prefix = source
        after = None
        for _ in range(LINKS_READ // SLICE):
            with self._store.read() as txn:
                rows = index.rows(txn, prefix, after=after, reverse=True)
                read = list(islice(rows, SLICE))
            found.update((link.id, link.utime) for _, link in read if wanted(link))
            if len(read) < SLICE:
                return
            after = read[-1][0]
            await asyncio.sleep(0)


def mentions(link: Link, text: str) -> bool:
    """Whether a text is part of the link's code or title; case does not matter, and the empty text
    is part of any."""
    sought = text.casefold()
    title = link.extras.title if link.extras is not None else ""
    return sought in link.code.casefold() or sought in title.casefold()
