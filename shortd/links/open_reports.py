"""Rows of open reports, for whoever ends what they are about."""

from __future__ import annotations

from shortd.store.schema import REPORTS
from shortd.store.txn import WriteTxn


def drop_reports(txn: WriteTxn, link_id: int) -> int:
    """Removes what is said of a link; how many reports there were."""
    keys = [key for key, _ in REPORTS.scan(txn, (link_id,))]
    for key in keys:
        REPORTS.delete(txn, key)
    return len(keys)
