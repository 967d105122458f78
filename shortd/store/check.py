"""Does what is stored agree with itself? For `shortd doctor` and the crash tests.

Reads everything once; must never repair anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shortd.store.schema import ACCOUNTS, COUNTS, DAY_STATS, LINKS, LINKS_BY_ID, TABLES, VISITS
from shortd.store.table import Table, Txn


def faults(txn: Txn) -> Iterator[str]:
    """One line for every index entry or row that contradicts the rest."""
    for table in TABLES:
        yield from _index_faults(txn, table)
    for _, link in LINKS.scan(txn):
        if ACCOUNTS.get(txn, (link.owner,)) is None:
            yield f"link {link.id} belongs to no account"
    statistics: tuple[Table[Any, Any], ...] = (COUNTS, DAY_STATS, VISITS)
    for table in statistics:
        for key, _ in table.scan(txn):
            if not LINKS_BY_ID.has(txn, (key[0],)):
                yield f"{table.name} holds a row of link {key[0]}, which does not exist"


def _index_faults(txn: Txn, table: Table[Any, Any]) -> Iterator[str]:
    for index in table.indexes:
        rebuilt = {}
        for key, row in table.scan(txn):
            entry = index.entry(row)
            if entry is not None:
                rebuilt[entry] = table.key.encode(key)
        stored = dict(index.entries(txn))
        for entry in rebuilt.keys() - stored.keys():
            yield f"index {index.name} lacks {index.key.decode(entry)}"
        for entry in stored.keys() - rebuilt.keys():
            yield f"index {index.name} holds {index.key.decode(entry)}, which is no row's"
        for entry in rebuilt.keys() & stored.keys():
            if rebuilt[entry] != stored[entry]:
                yield f"index {index.name} points {index.key.decode(entry)} to another row"
