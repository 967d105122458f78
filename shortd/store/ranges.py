"""Walking part of an LMDB database in the order of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from shortd.store.txn import Txn


def pairs(
    txn: Txn, database: str, prefix: bytes, start: bytes | None, *, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Pairs under `prefix`, strictly behind `start` in the direction of travel."""
    cursor = txn.raw.cursor(db=txn.databases[database])
    if reverse:
        end = _successor(prefix)
        if start is not None:
            end = start if end is None else min(start, end)
        found = cursor.set_range(end) if end is not None else False
        found = cursor.prev() if found else cursor.last()
        walk = cursor.iterprev(keys=True, values=True)
    else:
        found = cursor.set_range(prefix if start is None else max(start, prefix))
        if found and start is not None and cursor.key() == start:
            found = cursor.next()
        walk = cursor.iternext(keys=True, values=True)
    if not found:
        return
    # The environment gives bytes, as transactions are opened without `buffers`.
    for key, value in cast(Iterator[tuple[bytes, bytes]], walk):
        if not key.startswith(prefix):
            return
        yield key, value


def _successor(prefix: bytes) -> bytes | None:
    """The least key above every key that begins with `prefix`; None if there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None
