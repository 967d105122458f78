"""What is left of somebody where his account is gone: rows of others that name him, and what would
pass by itself within days.

`Sweeper.clear` has removed what was his own. Of him stays what the operator's log says, as
docs/moving-out.md tells; this module must never touch that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from shortd.links.undoing import finish_rows
from shortd.models.accounts import Account
from shortd.names import mailbox_of
from shortd.store import Store
from shortd.store.pace import matching_keys
from shortd.store.portions import in_portions
from shortd.store.room import Reserve
from shortd.store.schema import (
    CODES,
    FORMER_LINKS,
    GRANT_TOKENS,
    INVITATIONS,
    INVITATIONS_BY_GUEST,
    MAIL_HISTORIES,
    OUTBOX,
)
from shortd.store.table import Table
from shortd.store.txn import Txn, WriteTxn


async def forget(store: Store, account: Account) -> None:
    """Removes what names an account that has ended."""
    userid = account.userid
    await store.write(partial(_forget_own, account=account), Reserve.ALL)
    if not account.type.is_registered:
        # Nobody has mailed it, invited it, or opened it in v1.
        return
    await _remove(store, GRANT_TOKENS, lambda txn, key, row: row.userid == userid)
    async for keys in matching_keys(
        store, INVITATIONS, lambda txn, key, row: row.inviter == userid
    ):
        await store.write(partial(_forget_inviter, keys=keys), Reserve.ALL)
    async for former in matching_keys(
        store, FORMER_LINKS, lambda txn, key, row: row.link.owner == userid
    ):
        await in_portions(store, partial(_finish, keys=former))


def _forget_own(txn: WriteTxn, account: Account) -> None:
    """Mails and codes of it, and invitations to its address."""
    tables: tuple[Table[Any, Any], ...] = (CODES, OUTBOX)
    for table in tables:
        for key in [key for key, _ in table.scan(txn, (account.userid,))]:
            table.delete(txn, key)
    if not account.email:
        return
    for key in [key for key, _ in MAIL_HISTORIES.scan(txn, (mailbox_of(account.email),))]:
        MAIL_HISTORIES.delete(txn, key)
    for _, invitation in list(INVITATIONS_BY_GUEST.keys(txn, (account.email.casefold(),))):
        INVITATIONS.delete(txn, (invitation,))


def _forget_inviter(txn: WriteTxn, keys: Sequence[tuple[str]]) -> None:
    for key in keys:
        row = INVITATIONS.get(txn, key)
        if row is not None:
            INVITATIONS.put(txn, key, msgspec.structs.replace(row, inviter=""))


def _finish(txn: WriteTxn, rows: int, keys: Sequence[tuple[str, int, int]]) -> bool:
    left = [key for key in keys if FORMER_LINKS.get(txn, key) is not None]
    return finish_rows(txn, left, rows)


async def _remove(
    store: Store, table: Table[Any, Any], matches: Callable[[Txn, Any, Any], bool]
) -> None:
    async for keys in matching_keys(store, table, matches):
        await store.write(partial(_delete, table=table, keys=keys), Reserve.ALL)


def _delete(txn: WriteTxn, table: Table[Any, Any], keys: Sequence[Any]) -> None:
    for key in keys:
        table.delete(txn, key)
