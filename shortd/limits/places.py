"""Places for slow work that strangers ask for: so many for everybody, and few for each of them.

Who has used up his own waits for them alone, so nobody has more than those in the queue of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class Places:
    """Places of one event loop."""

    def __init__(self, everybody: int, each: int) -> None:
        self._each = each
        self._all = asyncio.Semaphore(everybody)
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self.taken = 0

    @asynccontextmanager
    async def taken_by(self, owner: str, seconds: float) -> AsyncIterator[None]:
        """Takes a place, and waits `seconds` for it at most. TimeoutError."""
        own = self._own.setdefault(owner, asyncio.Semaphore(self._each))
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(seconds):
                await stack.enter_async_context(own)
                await stack.enter_async_context(self._all)
            self.taken += 1
            try:
                yield
            finally:
                self.taken -= 1
