"""The audit log, for `shortd audit`."""

from __future__ import annotations

import msgspec

from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, look
from shortd.models.audit import Action, AuditEntry, Way
from shortd.upkeep.audit import newest


class Newer(Args, frozen=True):
    newer: int = 0
    """µs; lines of that time are left out, and older ones."""


class LineShown(msgspec.Struct, frozen=True):
    """Something that an operator did."""

    utime: int
    way: Way
    by: str | None
    """The operator's or the plugin's name; None for who has the command line."""
    action: Action
    subject: str | None
    """To whom or what it was done."""
    detail: str | None
    reason: str | None


@look("audit")
def audit(view: View, args: Newer) -> Portions:
    for entries in portions(view.store, newest):
        yield [_shown(entry) for entry in entries if entry.utime > args.newer]
        if entries and entries[-1].utime <= args.newer:
            return


def _shown(entry: AuditEntry) -> LineShown:
    return LineShown(
        utime=entry.utime,
        way=entry.way,
        by=entry.name or None,
        action=entry.action,
        subject=entry.subject or None,
        detail=entry.detail or None,
        reason=entry.reason or None,
    )
