"""Putting a list in order that may be longer than memory: SQLite does, in a file of its own that
nobody else sees and that is gone with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec

Record = dict[str, Any]
PORTION = 500


def in_order(
    portions: Iterable[Sequence[Record]],
    rank: Callable[[Record], int],
    limit: int | None = None,
) -> Iterator[list[Record]]:
    """The records with the least rank first, at most so many; those of one rank as they came."""
    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
    # An empty name is a file that SQLite deletes.
    with closing(sqlite3.connect("")) as database:
        database.execute("CREATE TABLE rows (rank INTEGER, serial INTEGER PRIMARY KEY, row BLOB)")
        for portion in portions:
            database.executemany(
                "INSERT INTO rows (rank, row) VALUES (?, ?)",
                [(rank(record), encode(record)) for record in portion],
            )
        most = -1 if limit is None else limit
        found = database.execute("SELECT row FROM rows ORDER BY rank, serial LIMIT ?", (most,))
        while rows := found.fetchmany(PORTION):
            yield [decode(row) for (row,) in rows]
