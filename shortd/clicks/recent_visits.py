"""Who visited a link lately: single visits, as `[clicks]` lets them be kept and shown.

Settings hold for visits that were kept under others, too: no address is shown in more detail than
now allowed, none for longer, and no more of them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from shortd.clicks import history
from shortd.clicks.drain import Drain
from shortd.clock import DAY
from shortd.models.clicks import Visit
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import COUNTS
from shortd.visitors.visitors import kept_address

ROWS_AT_ONCE = 500
"""Visits read before the event loop goes on (about 1 ms)."""


class RecentVisits:
    """Reads the kept visits of links."""

    def __init__(self, store: Store, drain: Drain, settings: ClickSettings) -> None:
        self._store = store
        self._drain = drain
        self._settings = settings

    async def of_link(self, link_id: int, most: int, now: int, since: int = 0) -> list[Visit]:
        """A link's newest visits, the newest first: at most so many, none from before `since`."""
        # Whatever ails the disk (`Drain.fault` tells), what is there can be read.
        with suppress(Exception):
            await self._drain.catch_up()
        most = min(most, self._settings.visits_per_link)
        since = max(since, now - self._settings.visit_days * DAY)
        found: list[Visit] = []
        before: int | None = None
        while len(found) < most:
            with self._store.read() as txn:
                counts = COUNTS.get(txn, (link_id,))
                if counts is None:
                    break
                newest = counts.visit_serial if before is None else before
                oldest = counts.visit_serial - counts.visits
                before = max(oldest, newest - ROWS_AT_ONCE)
                visits = history.visits(txn, link_id, before, newest)
            recent = [visit for visit in reversed(visits) if visit.utime >= since]
            found += map(self._shown, recent)
            # They are kept in the order in which they came.
            if before <= oldest or not recent:
                break
            await asyncio.sleep(0)
        return found[:most]

    def _shown(self, visit: Visit) -> Visit:
        address = kept_address(visit.address, self._settings.ip)
        return msgspec.structs.replace(visit, address=address)
