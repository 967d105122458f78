"""Rows about what came from elsewhere."""

from __future__ import annotations

import msgspec

ORIGIN_BYTES = 16


class Imported(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a link came from, and how much of its clicks, so that what comes again comes once."""

    link_id: int
    source: str
    """The format's name."""
    origin: bytes
    """`ORIGIN_BYTES`, of the link's host and code there."""
    created: int
    """When it was made there, in Unix µs; 0 is unknown."""
    url: bytes
    """A short hash of where it led there."""
    clicks: int
    """How many have come, in all."""
    told: int = 0
    """How many of them have come one by one, or in sums: the source's first."""
