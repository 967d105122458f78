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


class Repeat(msgspec.Struct, array_like=True, frozen=True):
    """What a request with an Idempotency-Key came to, for who sends it again."""

    caller: str
    """A userid, or the bucket of an address."""
    digest: bytes
    """SHA-256 of the key, which is not stored."""
    until: int
    """Unix time in µs up to which it is kept."""
    request: bytes
    """Hash of what was asked for, under the key."""
    content: bytes = b""
    """The same of the file that came with it; empty where none did."""
    made: bytes = b""
    """What was made, from which the answer can be made again; empty once there is one."""
    answer: bytes = b""
    """The body of the answer, compressed."""
