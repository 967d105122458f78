"""Manifests: which blobs make up a file or an upload, and how much an account keeps.

Functions over an open write transaction, for the services that own links, files and accounts.
A blob that loses its row goes into `DEAD_BLOBS` in the same transaction, so that whatever
happens next, it is neither used nor forgotten.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from shortd import errors
from shortd.models.files import Bundle, FilePart
from shortd.store.schema import (
    BOXES,
    BUNDLES,
    DEAD_BLOBS,
    DEAD_FILES,
    FILE_PARTS,
    FILES,
    STORED_BYTES,
    UPLOADS,
    hold,
)
from shortd.store.sizes import stored_size
from shortd.store.txn import Txn, WriteTxn

PARTS_AT_ONCE = 100
"""Parts that go together with their file."""
PART_BYTES = stored_size(128)
"""What the row of a part takes of the database."""


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
    grown = part.size - (old.size if old else 0)
    hold(txn, owner, rows=0 if old else PART_BYTES, files=grown)


def put_bundle(txn: WriteTxn, owner: str, filekey: str, bundle: Bundle) -> None:
    """Notes which files a file holds."""
    BUNDLES.put(txn, (filekey,), bundle)
    hold(txn, owner, rows=_bundle_bytes(bundle))


def drop_file(txn: WriteTxn, filekey: str) -> None:
    """Removes a file or an upload with all its parts: of many, the last ones within seconds."""
    gone = FILES.delete(txn, (filekey,)) or UPLOADS.delete(txn, (filekey,))
    if gone is None:
        return
    parts = parts_of(txn, filekey)
    freed = sum(part.size for _, part in parts)
    _charge(txn, gone.owner, -freed)
    rows = PART_BYTES * len(parts)
    if (bundle := BUNDLES.delete(txn, (filekey,))) is not None:
        rows += _bundle_bytes(bundle)
    hold(txn, gone.owner, rows=-rows, files=-freed)
    if gone.box:
        count_in_box(txn, gone.box, 0, -freed)
    if not _drop_parts(txn, filekey, PARTS_AT_ONCE):
        DEAD_FILES.put(txn, (filekey,), True)


def count_in_box(txn: WriteTxn, key: str, files: int, size: int) -> None:
    """Notes files and bytes that came to a box or went from it."""
    box = BOXES.get(txn, (key,))
    if box is not None:
        counted = msgspec.structs.replace(box, files=box.files + files, held=box.held + size)
        BOXES.put(txn, (key,), counted)


def bury(txn: WriteTxn, filekey: str, most: int) -> bool:
    """Goes on with what `drop_file` began, for so many parts; whether all is done."""
    is_done = _drop_parts(txn, filekey, most)
    if is_done:
        DEAD_FILES.delete(txn, (filekey,))
    return is_done


def withhold_file(txn: WriteTxn, filekey: str, *, withheld: bool) -> None:
    """Keeps a file from everybody while its link is deleted, or gives it free again."""
    file = FILES.get(txn, (filekey,))
    if file is not None:
        FILES.put(txn, (filekey,), msgspec.structs.replace(file, withheld=withheld))


def give_file(txn: WriteTxn, filekey: str, owner: str) -> None:
    """Makes a file another account's, which is charged with it whatever its quota."""
    file = FILES.get(txn, (filekey,))
    if file is None or file.owner == owner:
        return
    FILES.put(txn, (filekey,), msgspec.structs.replace(file, owner=owner))
    _charge(txn, file.owner, -file.stored_size)
    _charge(txn, owner, file.stored_size)


def _drop_parts(txn: WriteTxn, filekey: str, most: int) -> bool:
    """Removes so many parts of a file that is gone; False if there may be more."""
    keys = [(key, part.blob) for key, part in islice(FILE_PARTS.scan(txn, (filekey,)), most)]
    for key, blob in keys:
        FILE_PARTS.delete(txn, key)
        DEAD_BLOBS.put(txn, (blob,), True)
    return len(keys) < most


def give_upload(txn: WriteTxn, filekey: str, owner: str) -> None:
    """The same for a file that is still coming."""
    upload = UPLOADS.get(txn, (filekey,))
    if upload is None or upload.owner == owner:
        return
    UPLOADS.put(txn, (filekey,), msgspec.structs.replace(upload, owner=owner))
    size = sum(part.size for _, part in parts_of(txn, filekey))
    _charge(txn, upload.owner, -size)
    _charge(txn, owner, size)


def _bundle_bytes(bundle: Bundle) -> int:
    """What the row of a bundle takes of the database."""
    return stored_size(len(msgspec.msgpack.encode(bundle)))


def _charge(txn: WriteTxn, owner: str, size: int) -> None:
    total = stored_bytes(txn, owner) + size
    if total > 0:
        STORED_BYTES.put(txn, (owner,), total)
    else:
        STORED_BYTES.delete(txn, (owner,))
