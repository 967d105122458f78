"""The way from an older schema to this one: one function a version, after a backup.

A step runs in a single write transaction together with all the others that are due, so a
migration happens wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Callable

from shortd.store.schema import LINKS_BY_ID, spelled_address
from shortd.store.txn import WriteTxn


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


STEPS: dict[int, Callable[[WriteTxn], None]] = {1: _drop_implied_ids}
"""`STEPS[n]` turns a database of version n into one of version n + 1."""
