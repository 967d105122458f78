"""Links: making, changing, finding and deleting them, and what belongs to each.

It must never count a click, or decide what a visit gets.
"""

from __future__ import annotations

from shortd.links.addresses import CODE_PATTERN
from shortd.links.links import (
    Address,
    CheckedLink,
    Links,
    NewLink,
    TagFilter,
    as_checked,
    delete_link,
    delete_links,
)

__all__ = [
    "CODE_PATTERN",
    "Address",
    "CheckedLink",
    "Links",
    "NewLink",
    "TagFilter",
    "as_checked",
    "delete_link",
    "delete_links",
]
