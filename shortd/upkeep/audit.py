"""The audit log: what operators do, to whom, and why. Kept for 400 days.

Each line is written in the transaction of what it tells of, so that neither is without the other.
It must never tell a visitor anything, and holds no password, code or key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from typing import NamedTuple

from shortd.accounts.accounts import label
from shortd.clock import DAY
from shortd.models.accounts import Account
from shortd.models.audit import Action, AuditEntry, Way
from shortd.store import Store
from shortd.store.alongside import alongside
from shortd.store.portions import in_portions
from shortd.store.room import Reserve
from shortd.store.schema import AUDIT
from shortd.store.txn import Txn, WriteTxn
from shortd.upkeep.reading import Looked, look_through

KEPT_DAYS = 400
MOST_ROWS = 50_000
"""Beyond these the oldest go, however young."""
NAME_BYTES, REASON_BYTES = 300, 1200
"""Of UTF-8, at which names and reasons are cut: a row has 2.5 KB at most."""

Position = tuple[int, int]
"""Where a line stands: its time in µs, and its number among those of that time."""


class Actor(NamedTuple):
    """Who does something."""

    way: Way
    userid: str = ""
    name: str = ""


COMMAND = Actor(Way.COMMAND)
"""Whoever has the data directory."""


def on_page(account: Account) -> Actor:
    """An operator at the pages."""
    return Actor(Way.PAGE, account.userid, label(account))


class AuditLog:
    """The log over the store. Times are Unix µs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def noting(
        self,
        actor: Actor,
        action: Action,
        now: int,
        subject: str = "",
        *,
        about: Account | None = None,
        detail: str = "",
        reason: str = "",
    ) -> AsyncIterator[None]:
        """Notes what is done in the block, in the transaction that does it; nothing if that is
        refused.

        `subject` is what it is done to, as people call it; left out it is the account `about`,
        whose affair it is.
        """
        entry = AuditEntry(
            utime=now,
            way=actor.way,
            action=action,
            userid=actor.userid,
            name=_cut(actor.name, NAME_BYTES),
            subject=_cut(subject or called(about), NAME_BYTES),
            subject_userid=about.userid if about is not None else "",
            detail=_cut(detail, NAME_BYTES),
            reason=_cut(" ".join(reason.split()), REASON_BYTES),
        )
        with alongside(partial(_note, entry=entry)) as note:
            yield
        if not note.is_done:
            # There was nothing to write: it was so already.
            await self._store.write(partial(_note, entry=entry), Reserve.ALL)

    async def page(
        self, after: Position | None = None, *, text: str = "", way: Way | None = None
    ) -> Looked[Position, AuditEntry]:
        """Lines behind a position, the newest first: those with a text in the names or the reason,
        of one way."""
        text = text.casefold()

        def fits(txn: Txn, entry: AuditEntry) -> bool:
            if way not in (None, entry.way):
                return False
            said = (entry.name, entry.subject, entry.detail, entry.reason, entry.action.value)
            return any(text in one.casefold() for one in said)

        is_filtered = bool(text) or way is not None
        return await look_through(self._store, newest, fits if is_filtered else None, after)

    async def sweep(self, now: int) -> None:
        """Forgets what is older than 400 days."""
        before = now - KEPT_DAYS * DAY
        await in_portions(self._store, partial(_forget, before=before))


def called(account: Account | None) -> str:
    """What the log calls an account. That of nobody who signed up has no name but its secret."""
    return "" if account is None else label(account) or account.type.value


def newest(txn: Txn, after: Position | None) -> Iterator[tuple[Position, AuditEntry]]:
    """Lines behind a position, the newest first."""
    return AUDIT.scan(txn, after=after, reverse=True)


def _note(txn: WriteTxn, entry: AuditEntry) -> None:
    last = next(AUDIT.scan(txn, (entry.utime,), reverse=True), None)
    AUDIT.put(txn, (entry.utime, 0 if last is None else last[0][1] + 1), entry)
    if (beyond := AUDIT.count(txn) - MOST_ROWS) > 0:
        for key, _ in list(islice(AUDIT.scan(txn), beyond)):
            AUDIT.delete(txn, key)


def _forget(txn: WriteTxn, rows: int, before: int) -> bool:
    oldest = [key for key, _ in islice(AUDIT.scan(txn), rows)]
    ended = [key for key in oldest if key[0] <= before]
    for key in ended:
        AUDIT.delete(txn, key)
    return len(ended) < rows


def _cut(text: str, size: int) -> str:
    raw = text.encode()
    return text if len(raw) <= size else raw[:size].decode(errors="ignore")
