"""Who reads long takes turns with others who do: however many there are, the event loop goes on
behind each stretch of one of them. Else ten readers would keep a redirect waiting for ten.
"""

from __future__ import annotations

import asyncio


class Turns:
    """The turns of the readers of one store."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def next(self) -> None:
        """Ends a stretch; returns when it is this reader's turn again."""
        async with self._turn:
            await asyncio.sleep(0)
