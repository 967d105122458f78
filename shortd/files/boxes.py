"""Boxes as a whole: what is in one goes with it, or to another owner with it.

Functions over an open write transaction. A box has so few files that all of them go at once; of
large ones the last parts follow within seconds.
"""

from __future__ import annotations

import msgspec

from shortd.files.manifests import count_in_box, drop_file, give_file, give_upload
from shortd.models.files import BoxItem
from shortd.store.schema import BOX_ITEMS, BOXES, UPLOADS_BY_BOX
from shortd.store.txn import Txn, WriteTxn


def items_of(txn: Txn, key: str) -> list[tuple[int, BoxItem]]:
    """What came into a box, with its serials, the oldest first."""
    return [(serial, item) for (_, serial), item in BOX_ITEMS.scan(txn, (key,))]


def drop_item(txn: WriteTxn, key: str, serial: int) -> bool:
    """Removes one file from a box; False if it is not there."""
    item = BOX_ITEMS.delete(txn, (key, serial))
    if item is None:
        return False
    drop_file(txn, item.filekey)
    count_in_box(txn, key, -1, 0)
    return True


def drop_uploads(txn: WriteTxn, key: str) -> None:
    """Removes what is still coming into a box."""
    for _, filekey in list(UPLOADS_BY_BOX.keys(txn, (key,))):
        drop_file(txn, filekey)


def drop_box(txn: WriteTxn, key: str) -> None:
    """Removes a box with all that came and comes."""
    for serial, _ in items_of(txn, key):
        drop_item(txn, key, serial)
    drop_uploads(txn, key)
    BOXES.delete(txn, (key,))


def give_box(txn: WriteTxn, key: str, owner: str) -> None:
    """Makes a box another account's, which is charged with what is in it whatever its quota."""
    box = BOXES.get(txn, (key,))
    if box is None or box.owner == owner:
        return
    BOXES.put(txn, (key,), msgspec.structs.replace(box, owner=owner))
    for _, item in items_of(txn, key):
        give_file(txn, item.filekey, owner)
    for _, filekey in list(UPLOADS_BY_BOX.keys(txn, (key,))):
        give_upload(txn, filekey, owner)
