"""The way from an older schema to this one: one function a version, after a backup.

A step runs in a single write transaction together with all the others that are due, so a
migration happens wholly or not at all. What takes longer than one transaction can is done before,
in tables that the older version does not know (`packing_clicks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from msgspec import structs

from shortd.models.accounts import Account
from shortd.models.mail import MailHistory
from shortd.names import folded, mailbox_of
from shortd.store.index import SharedIndex
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_USERNAME,
    BALANCES,
    CODES,
    GRANT_TOKENS,
    GRANTS,
    INVITATIONS,
    KNOWN_CLIENTS,
    LINKS,
    LINKS_BY_FOLD,
    LINKS_BY_ID,
    MAIL_HISTORIES,
    OUTBOX,
    TOKENS,
    spelled_address,
)
from shortd.store.table import Table
from shortd.store.txn import WriteTxn

_ENDING: tuple[Table[Any, Any], ...] = (
    TOKENS,
    KNOWN_CLIENTS,
    CODES,
    OUTBOX,
    MAIL_HISTORIES,
    GRANTS,
    GRANT_TOKENS,
    INVITATIONS,
)

log = structlog.get_logger(__name__)


def _drop_implied_ids(txn: WriteTxn) -> None:
    """Takes the links that are where their id says out of LINKS_BY_ID."""
    cursor = txn.raw.cursor(db=txn.databases[LINKS_BY_ID.name])
    found = cursor.first()
    while found:
        entry, raw_key = cursor.item()
        if spelled_address(LINKS_BY_ID.key.decode(bytes(entry))) == raw_key:
            # Moves on to the next one by itself.
            cursor.delete()
            found = bool(cursor.key())
        else:
            found = cursor.next()


def _compare_names_anew(txn: WriteTxn) -> None:
    """Puts usernames under what all their spellings have in common. Where two accounts then have
    one name, the elder keeps it."""
    accounts = sorted((row for _, row in ACCOUNTS.scan(txn)), key=lambda row: row.create_utime)
    txn.raw.drop(txn.databases[ACCOUNTS_BY_USERNAME.name], delete=False)
    for account in accounts:
        ACCOUNTS.delete(txn, (account.userid,))
    for account in accounts:
        named = _named_apart(txn, account)
        if named.username != account.username:
            log.warning("username_changed", before=account.username, after=named.username)
        ACCOUNTS.put(txn, (account.userid,), named)


def _named_apart(txn: WriteTxn, account: Account) -> Account:
    """The account with a name that nobody has yet: its own, else with a number behind it."""
    name, number = account.username, 1
    while name and ACCOUNTS_BY_USERNAME.has(txn, (folded(name),)):
        number += 1
        name = f"{account.username[:58]} {number}"
    return structs.replace(account, username=name)


def _forget_clients(txn: WriteTxn) -> None:
    """Drops balances under addresses of clients, who are named by hashes from now on."""
    for key in [key for key, _ in BALANCES.scan(txn) if key[0].startswith("client:")]:
        BALANCES.delete(txn, key)


def _count_mailboxes(txn: WriteTxn) -> None:
    """Puts what was mailed to the spellings of one mailbox together."""
    utimes: dict[tuple[str, str], list[int]] = {}
    for (email, purpose), row in list(MAIL_HISTORIES.scan(txn)):
        utimes.setdefault((mailbox_of(email), purpose), []).extend(row.utimes)
        MAIL_HISTORIES.delete(txn, (email, purpose))
    for key, sent in utimes.items():
        MAIL_HISTORIES.put(txn, key, MailHistory(tuple(sorted(sent))))


def _from_2(txn: WriteTxn) -> None:
    _compare_names_anew(txn)
    _forget_clients(txn)
    _count_mailboxes(txn)


def _index_folds(txn: WriteTxn) -> None:
    """Puts links under what all spellings of their codes have in common."""
    database = txn.databases[LINKS_BY_FOLD.name]
    for key, row in LINKS.scan(txn):
        raw_key = LINKS.key.encode(key)
        entry = LINKS_BY_FOLD.entry(raw_key, row)
        if entry is not None:
            txn.raw.put(entry, raw_key, db=database)


def _index_ends(txn: WriteTxn) -> None:
    """Puts what ends by itself under its time."""
    for table in _ENDING:
        for index in table.indexes:
            if not isinstance(index, SharedIndex):
                continue
            database = txn.databases[index.name]
            txn.raw.drop(database, delete=False)
            for key, row in table.scan(txn):
                raw_key = table.key.encode(key)
                entry = index.entry(raw_key, row)
                if entry is not None:
                    txn.raw.put(entry, raw_key, db=database)


STEPS: dict[int, Callable[[WriteTxn], None]] = {
    1: _drop_implied_ids,
    2: _from_2,
    3: _index_folds,
    4: _index_ends,
}
"""`STEPS[n]` turns a database of version n into one of version n + 1."""
