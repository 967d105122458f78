"""The visits that a database keeps."""

from __future__ import annotations

from shortd.clicks import history
from shortd.models.clicks import Visit
from shortd.store.schema import COUNTS
from shortd.store.txn import Txn


def kept_visits(txn: Txn) -> list[Visit]:
    """Of all links, each link's oldest first."""
    return [visit for (link_id,), _ in COUNTS.scan(txn) for visit in history.visits(txn, link_id)]
