"""Makes final what was done to links, once it can no longer be undone.

It never decides when that is: each thing that was done carries its time.
"""

from __future__ import annotations

import asyncio

import structlog

from shortd.links.undoing import Undoing
from shortd.store.timeline import Timeline

LOOK_SECONDS = 1
"""How often it is looked for."""

log = structlog.get_logger(__name__)


class Finality:
    """Looks for what is over."""

    def __init__(self, undoing: Undoing, timeline: Timeline) -> None:
        self._undoing = undoing
        self._timeline = timeline

    async def run(self) -> None:
        """Until cancelled. What fails is tried again in the next round."""
        while True:
            try:
                # A clock that jumps must not take from somebody the time to think again.
                if (now := self._timeline.believed_now()) is not None:
                    await self._undoing.purge(now)
            except Exception as fault:
                log.warning("deletions_not_finished", error=str(fault))
            await asyncio.sleep(LOOK_SECONDS)
