"""Removes what time has ended: temporary accounts, logins, mailed codes, old visits, balances,
visitors that are new again.

Works in small transactions so that no write waits long behind it, and never touches
anything that a caller could still reach. It must never go by a clock that is not believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import islice
from typing import Any

import structlog

from shortd.accounts.credentials import end_credentials
from shortd.accounts.known_clients import KNOWN_FOR
from shortd.clicks import history
from shortd.clock import DAY, SECOND
from shortd.files.manifests import drop_file
from shortd.limits import holdings
from shortd.limits.budgets import Budgets, api_key, link_key
from shortd.limits.owner_cache import OwnerCache
from shortd.limits.repeats import Repeats, drop_repeats
from shortd.links import Links, delete_links
from shortd.links.reports import Reports
from shortd.links.undoing import finish_all
from shortd.models.accounts import Account
from shortd.settings import ClickSettings, StorageSettings
from shortd.store import Store
from shortd.store.copies import forget_old_schemas
from shortd.store.index import SharedIndex
from shortd.store.pace import matching_keys
from shortd.store.portions import in_portions
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EXPIRATION,
    BALANCES,
    CODES,
    CODES_BY_END,
    GRANT_TOKENS,
    GRANT_TOKENS_BY_END,
    GRANTS,
    GRANTS_BY_END,
    INVITATIONS,
    INVITATIONS_BY_END,
    KNOWN_CLIENTS,
    KNOWN_CLIENTS_BY_TIME,
    LINKS_BY_OWNER,
    MAIL_HISTORIES,
    MAIL_HISTORIES_BY_TIME,
    OUTBOX,
    OUTBOX_BY_END,
    PREFERENCES,
    SECOND_FACTORS,
    SIGHTINGS_BY_END,
    TOKENS,
    TOKENS_BY_END,
    UPLOADS_BY_OWNER,
    VISITS_DUE,
)
from shortd.store.table import Table
from shortd.store.timeline import Timeline
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.offboarding import leave_teams
from shortd.upkeep.audit import AuditLog

SWEEP_SECONDS = 600
ROUNDS_OF_VISITS = 36
"""Rounds in which old visits are swept once: it takes a look at each link that has visits of the
day that ends."""
SHOWN = 7 * DAY
"""µs for which a mail that never came is shown."""

_REPEATS_AT_ONCE = 1000

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps everything every ten minutes, visits every six hours."""

    def __init__(
        self,
        store: Store,
        owners: OwnerCache,
        budgets: Budgets,
        repeats: Repeats,
        links: Links,
        reports: Reports,
        clicks: ClickSettings,
        storage: StorageSettings,
        timeline: Timeline,
        audit: AuditLog,
    ) -> None:
        self._store = store
        self._owners = owners
        self._budgets = budgets
        self._repeats = repeats
        self._links = links
        self._reports = reports
        self._clicks = clicks
        self._storage = storage
        self._timeline = timeline
        self._audit = audit

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
        now = self._timeline.believed_now()
        if now is not None and self._timeline.was_ahead:
            await self._links.redate(now)
            await self._timeline.forget_ahead()
            now = self._timeline.believed_now()
        if now is None:
            return
        await self._sweep_accounts(now)
        ends: tuple[tuple[Table[Any, Any], SharedIndex[tuple[int], Any], int], ...] = (
            (TOKENS, TOKENS_BY_END, now),
            (KNOWN_CLIENTS, KNOWN_CLIENTS_BY_TIME, now - KNOWN_FOR),
            (GRANT_TOKENS, GRANT_TOKENS_BY_END, now),
            (GRANTS, GRANTS_BY_END, now),
            (INVITATIONS, INVITATIONS_BY_END, now),
            (CODES, CODES_BY_END, now),
            (OUTBOX, OUTBOX_BY_END, now - SHOWN),
            (MAIL_HISTORIES, MAIL_HISTORIES_BY_TIME, now - DAY),
        )
        for table, index, last in ends:
            await self._sweep_ended(table, index, last)
        await self._sweep_sightings(now)
        await self._reports.sweep(now)
        await self._audit.sweep(now)
        await self._budgets.sweep(now)
        await self._repeats.sweep(now)
        before = now / SECOND - self._storage.keep_old_schema_days * DAY / SECOND
        for copy in await asyncio.to_thread(forget_old_schemas, self._store.directory, before):
            log.info("old_database_removed", copy=str(copy))

    async def sweep_visits(self) -> None:
        """Forgets the visits that have been kept for as long as configured."""
        now = self._timeline.believed_now()
        if now is None:
            return
        before = now - self._clicks.visit_days * DAY

        def is_due(txn: Txn, key: tuple[int, int], _: bool) -> bool:
            return history.is_due(txn, key[1], key[0], before)

        last = (max(0, before // DAY) + 1, 0)
        async for keys in matching_keys(self._store, VISITS_DUE, is_due, before=last):
            for _, link_id in keys:
                await in_portions(
                    self._store,
                    partial(_forget_visits, link_id=link_id, before=before),
                )

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
        self._budgets.forget(userid)
        await in_portions(self._store, partial(_clear, userid=userid, now=now))
        self._owners.forget(userid)

    async def _sweep_ended(
        self, table: Table[Any, Any], index: SharedIndex[tuple[int], Any], last: int
    ) -> None:
        """Removes the rows whose time, in µs, was `last` at the latest."""
        if last < 0:
            return
        with self._store.read() as txn:
            is_due = next(index.up_to(txn, (last,)), None) is not None
        if is_due:
            work = partial(_delete_ended, table=table, index=index, last=last)
            await in_portions(self._store, work)

    async def _sweep_sightings(self, now: int) -> None:
        await in_portions(self._store, partial(_forget_sightings, now=now))


async def _attempt(sweep: Callable[[], Awaitable[None]]) -> bool:
    """Whether it came to its end."""
    try:
        await sweep()
    except Exception as fault:
        log.warning("sweep_failed", error=str(fault))
        return False
    return True


def _forget_visits(txn: WriteTxn, rows: int, link_id: int, before: int) -> bool:
    return history.forget_visits(txn, link_id, before, rows)


def _forget_sightings(txn: WriteTxn, rows: int, now: int) -> bool:
    """Removes so many of the sightings whose time is over; False if there may be more."""
    oldest = list(islice(SIGHTINGS_BY_END.keys(txn), rows))
    ended = [key[1:] for key in oldest if key[0] <= now]
    history.forget_sightings(txn, ended)
    return len(ended) < rows


def _clear(txn: WriteTxn, rows: int, userid: str, now: int) -> bool:
    """Removes an ended account a few links at a time; True when nothing of it is left."""
    account: Account | None = ACCOUNTS.get(txn, (userid,))
    if account is None or account.expiration_utime > now:
        return True
    if not leave_teams(txn, userid, rows) or not finish_all(txn, userid, rows):
        return False
    found = list(islice(LINKS_BY_OWNER.keys(txn, (userid,)), rows))
    if not delete_links(txn, [link_id for _, _, link_id, _ in found], rows):
        return False
    uploads = list(islice(UPLOADS_BY_OWNER.keys(txn, (userid,)), rows))
    for _, filekey in uploads:
        drop_file(txn, filekey)
    if len(uploads) == rows or not drop_repeats(txn, userid, rows):
        return False
    drop_account(txn, userid)
    return True


def drop_account(txn: WriteTxn, userid: str) -> None:
    """Removes an account that has nothing any more."""
    end_credentials(txn, userid)
    while not drop_repeats(txn, userid, _REPEATS_AT_ONCE):
        pass
    for bucket in (api_key(userid), link_key(userid)):
        BALANCES.delete(txn, (bucket,))
    PREFERENCES.delete(txn, (userid,))
    SECOND_FACTORS.delete(txn, (userid,))
    account = ACCOUNTS.get(txn, (userid,))
    if account is not None:
        holdings.end(txn, account)
    ACCOUNTS.delete(txn, (userid,))


def _delete_ended(
    txn: WriteTxn,
    rows: int,
    table: Table[Any, Any],
    index: SharedIndex[tuple[int], Any],
    last: int,
) -> bool:
    """Removes so many of the rows whose time is over; False if there may be more."""
    ended = list(islice(index.up_to(txn, (last,)), rows))
    for raw_key in ended:
        table.delete(txn, table.key.decode(raw_key))
    return len(ended) < rows
