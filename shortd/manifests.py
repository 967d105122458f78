"""Manifests: which blobs make up a file or an upload, and how much an account keeps.

Functions over an open write transaction, for the services that own links, files and accounts.
A blob that loses its row goes into `DEAD_BLOBS` in the same transaction, so that whatever
happens next, it is neither used nor forgotten.
"""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.models import FilePart
from shortd.store.schema import DEAD_BLOBS, FILE_PARTS, FILES, STORED_BYTES, UPLOADS
from shortd.store.txn import Txn, WriteTxn


def parts_of(txn: Txn, filekey: str) -> list[tuple[int, FilePart]]:
    """The parts of a file or an upload, by number."""
    return [(number, part) for (_, number), part in FILE_PARTS.scan(txn, (filekey,))]


def stored_bytes(txn: Txn, owner: str) -> int:
    """Bytes on disk that an account keeps, unfinished uploads among them."""
    return STORED_BYTES.get(txn, (owner,)) or 0


def put_part(
    txn: WriteTxn, owner: str, filekey: str, number: int, part: FilePart, quota: int
) -> None:
    """Adds a part, or puts it in place of the one of that number. QUOTA_EXCEEDED."""
    old = FILE_PARTS.get(txn, (filekey, number))
    total = stored_bytes(txn, owner) + part.size - (old.size if old else 0)
    if total > quota:
        raise errors.QUOTA_EXCEEDED()
    if old is not None:
        DEAD_BLOBS.put(txn, (old.blob,), True)
    FILE_PARTS.put(txn, (filekey, number), part)
    STORED_BYTES.put(txn, (owner,), total)


def drop_file(txn: WriteTxn, filekey: str) -> None:
    """Removes a file or an upload with all its parts."""
    gone = FILES.delete(txn, (filekey,)) or UPLOADS.delete(txn, (filekey,))
    if gone is None:
        return
    freed = 0
    for number, part in parts_of(txn, filekey):
        FILE_PARTS.delete(txn, (filekey, number))
        DEAD_BLOBS.put(txn, (part.blob,), True)
        freed += part.size
    _charge(txn, gone.owner, -freed)


def give_file(txn: WriteTxn, filekey: str, owner: str) -> None:
    """Makes a file another account's, which is charged with it whatever its quota."""
    file = FILES.get(txn, (filekey,))
    if file is None or file.owner == owner:
        return
    FILES.put(txn, (filekey,), msgspec.structs.replace(file, owner=owner))
    _charge(txn, file.owner, -file.stored_size)
    _charge(txn, owner, file.stored_size)


def _charge(txn: WriteTxn, owner: str, size: int) -> None:
    total = stored_bytes(txn, owner) + size
    if total > 0:
        STORED_BYTES.put(txn, (owner,), total)
    else:
        STORED_BYTES.delete(txn, (owner,))
