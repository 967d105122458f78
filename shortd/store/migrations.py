"""The way from an older schema to this one: one function a version, after a backup.

A step runs in a single write transaction together with all the others that are due, so a
migration happens wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Callable

from shortd.store.txn import WriteTxn

STEPS: dict[int, Callable[[WriteTxn], None]] = {}
"""`STEPS[n]` turns a database of version n into one of version n + 1."""
