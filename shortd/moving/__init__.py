"""What stands in the data of other shorteners: reading it, row by row, into words of our own.

A source is a file, a folder, standard input or another server's API. What comes of it are records
(`records`): links, oldest first, then their clicks, and whatever could not be taken over, with the
reason. Who applies them stands above.

This room must never know the store or a service, execute anything that a source holds, change a
source, or keep more of it in memory than a row and a page.
"""

from shortd.moving.records import (
    ClickSum,
    Condition,
    HostSetting,
    Note,
    Problem,
    Reason,
    Remark,
    Rule,
    SourceClick,
    SourceLink,
)

__all__ = [
    "ClickSum",
    "Condition",
    "HostSetting",
    "Note",
    "Problem",
    "Reason",
    "Remark",
    "Rule",
    "SourceClick",
    "SourceLink",
]
