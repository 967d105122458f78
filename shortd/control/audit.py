"""The audit log, for `shortd audit`."""

from __future__ import annotations

from itertools import islice

from shortd.clock import utc_text
from shortd.control.registry import Args, look
from shortd.control.wire import Rows
from shortd.models.audit import AuditEntry
from shortd.store import Store
from shortd.upkeep.audit import newest

AT_ONCE = 500
"""Lines that one answer has: some milliseconds of a server's time."""


class Newer(Args, frozen=True):
    newer: int = 0
    """µs; lines of that time are left out, and older ones."""
    after: tuple[int, int] | None = None
    """Where the answer before has ended."""


@look("audit")
def audit(store: Store, args: Newer) -> Rows:
    """Lines, the newest first, behind a row that says where to go on: empty at the end."""
    with store.read() as txn:
        found = list(islice(newest(txn, args.after), AT_ONCE))
    rows = [_row(entry) for _, entry in found if entry.utime > args.newer]
    is_whole = len(rows) < AT_ONCE
    return [[] if is_whole else [*map(str, found[-1][0])], *rows]


def _row(entry: AuditEntry) -> list[str]:
    who = f"{entry.way.value} {entry.name}" if entry.name else entry.way.value
    what = entry.action.value.replace("_", " ")
    rest = (entry.subject, entry.detail, entry.reason)
    return [utc_text(entry.utime), who, what, *(text or "-" for text in rest)]
