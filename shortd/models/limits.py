"""Rows about what may still be spent."""

from __future__ import annotations

import msgspec


class Balance(msgspec.Struct, array_like=True, frozen=True):
    """A token bucket at rest: its level in millionths of a weight unit, as of `utime`."""

    level: int
    utime: int


class Holding(msgspec.Struct, array_like=True, frozen=True):
    """What temporary accounts keep, in bytes."""

    rows: int = 0
    """In the database, as `store.sizes` has it."""
    files: int = 0
    """On the disk, unfinished uploads among them."""
