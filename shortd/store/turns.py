"""Who reads long takes turns with others who do: however many there are, the event loop goes on
behind each stretch of one of them. Else ten readers would keep a redirect waiting for ten.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

SORTED = 2000
"""Items that are put in order in one stretch (about 2 ms)."""


class Turns:
    """The turns of the readers of one store."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def next(self) -> None:
        """Ends a stretch; returns when it is this reader's turn again."""
        async with self._turn:
            await asyncio.sleep(0)

    async def ordered(self, items: Iterable[T], key: Callable[[T], Any]) -> list[T]:
        """Items in order, with turns of others in between if there are many."""
        waiting, runs = iter(items), list[list[T]]()
        while run := list(islice(waiting, SORTED)):
            runs.append(sorted(run, key=key))
            if len(run) == SORTED:
                await self.next()
        if len(runs) < 2:
            return [item for run in runs for item in run]
        merged, found = heapq.merge(*runs, key=key), list[T]()
        while some := list(islice(merged, SORTED)):
            found += some
            await self.next()
        return found
