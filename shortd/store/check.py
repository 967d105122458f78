"""Does what is stored agree with itself? For `shortd doctor` and the crash tests.

Reads everything once; must never repair anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from shortd.store.schema import (
    ACCOUNTS,
    COUNTS,
    DAY_STATS,
    DEAD_BLOBS,
    FILE_PARTS,
    FILES,
    LINKS,
    LINKS_BY_ID,
    STORED_BYTES,
    TABLES,
    UPLOADS,
    VISITS,
)
from shortd.store.table import Table, Txn


def faults(txn: Txn, blobs: Mapping[str, int] | None = None) -> Iterator[str]:
    """One line for every index entry or row that contradicts the rest.

    `blobs` are the sizes in bytes of those on disk, by name, if the disk is to be checked, too;
    one that no row names is no contradiction, but the undertaker's.
    """
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
    yield from _file_faults(txn)
    if blobs is not None:
        for (filekey, number), part in FILE_PARTS.scan(txn):
            if part.blob not in blobs:
                yield f"part {number} of {filekey} is not on disk"
            elif blobs[part.blob] != part.size:
                yield f"part {number} of {filekey} has {blobs[part.blob]} bytes, not {part.size}"


def _file_faults(txn: Txn) -> Iterator[str]:
    """Files and uploads, their links, their parts, and what their owners are charged with."""
    links = Counter(link.filekey for _, link in LINKS.scan(txn) if link.filekey)
    owners = {filekey: row.owner for (filekey,), row in UPLOADS.scan(txn)}
    sizes: Counter[str] = Counter()
    stored: Counter[str] = Counter()
    for (filekey,), file in FILES.scan(txn):
        if filekey in owners:
            yield f"{filekey} is both a file and an upload"
        owners[filekey] = file.owner
        if links[filekey] != 1:
            yield f"file {filekey} has {links[filekey]} links"
    for filekey in sorted(links.keys() - {filekey for (filekey,), _ in FILES.scan(txn)}):
        yield f"a link shares {filekey}, which is no file"
    for filekey, owner in owners.items():
        if ACCOUNTS.get(txn, (owner,)) is None:
            yield f"file or upload {filekey} belongs to no account"
    for (filekey, number), part in FILE_PARTS.scan(txn):
        sizes[filekey] += part.size
        if filekey in owners:
            stored[owners[filekey]] += part.size
        else:
            yield f"part {number} belongs to {filekey}, which does not exist"
        if DEAD_BLOBS.get(txn, (part.blob,)) is not None:
            yield f"part {number} of {filekey} is listed to be deleted"
    for (filekey,), file in FILES.scan(txn):
        if file.stored_size != sizes[filekey]:
            yield f"file {filekey} has {sizes[filekey]} bytes in parts, not {file.stored_size}"
    charged = {userid: size for (userid,), size in STORED_BYTES.scan(txn)}
    for userid in sorted(charged.keys() | stored.keys()):
        if charged.get(userid, 0) != stored[userid]:
            size = charged.get(userid, 0)
            yield f"an account stores {stored[userid]} bytes and is charged with {size}"
        if ACCOUNTS.get(txn, (userid,)) is None:
            yield "bytes are charged to an account that does not exist"


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
