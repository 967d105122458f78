"""Removes what time has ended: temporary accounts, logins, mailed codes, old visits, balances,
visitors that are new again.

Works in small transactions so that no write waits long behind it, and never touches
anything that a caller could still reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import structlog

from shortd import history
from shortd.api_keys import drop_keys
from shortd.budgets import Budgets, api_key, link_key
from shortd.clock import DAY, Clock
from shortd.leaving import leave_teams
from shortd.links import delete_link
from shortd.manifests import drop_file
from shortd.models import Account, Counts
from shortd.owners import Owners
from shortd.pace import matching_keys
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EXPIRATION,
    BALANCES,
    CODES,
    COUNTS,
    GRANT_TOKENS,
    GRANTS,
    INVITATIONS,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    MAIL_HISTORIES,
    OUTBOX,
    SIGHTINGS,
    SIGHTINGS_BY_END,
    TOKENS,
    UPLOADS_BY_OWNER,
)
from shortd.store.table import Table
from shortd.store.txn import Txn, WriteTxn

SWEEP_SECONDS = 600
ROUNDS_OF_VISITS = 36
"""Rounds in which old visits are swept once: it takes a look at every link that was visited."""
ROWS_PER_WRITE = 1000
SHOWN = 7 * DAY
"""µs for which a mail that never came is shown."""

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps everything every ten minutes, visits every six hours."""

    def __init__(
        self, store: Store, owners: Owners, budgets: Budgets, clicks: ClickSettings, clock: Clock
    ) -> None:
        self._store = store
        self._owners = owners
        self._budgets = budgets
        self._clicks = clicks
        self._clock = clock

    async def run(self) -> None:
        """Sweeps now and then, until cancelled. What fails is tried again in the next round."""
        rounds_to_visits = 0
        while True:
            await _attempt(self.sweep)
            if rounds_to_visits <= 0 and await _attempt(self.sweep_visits):
                rounds_to_visits = ROUNDS_OF_VISITS
            rounds_to_visits -= 1
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """One round over everything that can end, but for visits."""
        now = self._clock.now()
        await self._sweep_accounts(now)
        await self._sweep_rows(TOKENS, lambda row: row.expiration_utime <= now)
        await self._sweep_rows(GRANT_TOKENS, lambda row: row.expiration_utime <= now)
        await self._sweep_rows(GRANTS, lambda row: max(row.access_utime, row.refresh_utime) <= now)
        await self._sweep_rows(INVITATIONS, lambda row: row.expiration_utime <= now)
        await self._sweep_rows(CODES, lambda row: row.expiration_utime <= now)
        await self._sweep_rows(OUTBOX, lambda row: 0 < row.given_up_utime <= now - SHOWN)
        await self._sweep_rows(MAIL_HISTORIES, lambda row: row.utimes[-1] <= now - DAY)
        await self._sweep_sightings(now)
        await self._budgets.sweep(now)

    async def sweep_visits(self) -> None:
        """Forgets the visits that have been kept for as long as configured."""
        before = self._clock.now() - self._clicks.visit_days * DAY

        def has_old(txn: Txn, key: tuple[int], counts: Counts) -> bool:
            return history.has_visits_before(txn, *key, counts, before)

        async for keys in matching_keys(self._store, COUNTS, has_old):
            for (link_id,) in keys:
                forget = partial(
                    history.forget_visits, link_id=link_id, before=before, most=ROWS_PER_WRITE
                )
                while not await self._store.write(forget):
                    pass

    async def _sweep_accounts(self, now: int) -> None:
        with self._store.read() as txn:
            ended = []
            for expiration_utime, userid in ACCOUNTS_BY_EXPIRATION.keys(txn):
                if expiration_utime > now:
                    break
                ended.append(userid)
        for userid in ended:
            await self.clear(userid, now)

    async def clear(self, userid: str, now: int) -> None:
        """Removes an account that has ended, with all that was its own."""
        clear = partial(_clear, userid=userid, now=now)
        while not await self._store.write(clear):
            pass
        self._owners.forget(userid)

    async def _sweep_rows(self, table: Table[K, V], has_ended: Callable[[V], bool]) -> None:
        async for keys in matching_keys(self._store, table, lambda txn, key, row: has_ended(row)):
            await self._store.write(partial(_delete, table=table, ended=has_ended, keys=keys))

    async def _sweep_sightings(self, now: int) -> None:
        while await self._store.write(partial(_forget_sightings, now=now)):
            await asyncio.sleep(0)


async def _attempt(sweep: Callable[[], Awaitable[None]]) -> bool:
    """Whether it came to its end."""
    try:
        await sweep()
    except Exception as fault:
        log.warning("sweep_failed", error=str(fault))
        return False
    return True


def _forget_sightings(txn: WriteTxn, now: int) -> bool:
    """Removes some of the sightings whose time is over; True if there may be more."""
    oldest = list(islice(SIGHTINGS_BY_END.keys(txn), ROWS_PER_WRITE))
    ended = [key for key in oldest if key[0] <= now]
    for _, link_id, visitor in ended:
        SIGHTINGS.delete(txn, (link_id, visitor))
    return len(ended) == ROWS_PER_WRITE


def _clear(txn: WriteTxn, userid: str, now: int) -> bool:
    """Removes an ended account a few links at a time; True when nothing of it is left."""
    account: Account | None = ACCOUNTS.get(txn, (userid,))
    if account is None or account.expiration_utime > now:
        return True
    if not leave_teams(txn, userid):
        return False
    rows = 0
    for _, _, link_id, _ in list(islice(LINKS_BY_OWNER.keys(txn, (userid,)), ROWS_PER_WRITE)):
        link = LINKS_BY_ID.get(txn, (link_id,))
        counts = COUNTS.get(txn, (link_id,))
        rows += 1 + (counts.visits if counts else 0)
        if link is not None:
            delete_link(txn, link)
        if rows >= ROWS_PER_WRITE:
            return False
    for _, filekey in list(UPLOADS_BY_OWNER.keys(txn, (userid,))):
        drop_file(txn, filekey)
    for key in [key for key, _ in TOKENS.scan(txn, (userid,))]:
        TOKENS.delete(txn, key)
    drop_keys(txn, userid)
    for bucket in (api_key(userid), link_key(userid)):
        BALANCES.delete(txn, (bucket,))
    ACCOUNTS.delete(txn, (userid,))
    return True


def _delete(
    txn: WriteTxn, table: Table[K, V], ended: Callable[[V], bool], keys: Sequence[K]
) -> None:
    for key in keys:
        row = table.get(txn, key)
        # Another may have taken its place since.
        if row is not None and ended(row):
            table.delete(txn, key)
