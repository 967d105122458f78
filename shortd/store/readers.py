"""For how long transactions of readers have been open: whoever reads keeps pages from being used
again, so that a database grows while a backup hangs.

LMDB tells which transaction each reader sees and not since when. It is known here from the first
time that somebody asked; nothing else must be made of it.
"""

from __future__ import annotations

import re
import time

import lmdb

_READER = re.compile(r"^\s*(\d+)\s+([0-9a-f]+)\s+(\d+)\s*$", re.MULTILINE)


class ReaderAges:
    """The readers of one database, as each look finds them."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment
        self._since: dict[tuple[str, ...], float] = {}

    def oldest(self) -> float:
        """Seconds for which the oldest of them has been seen; 0.0 if there is none."""
        now = time.monotonic()
        there = {found.groups() for found in _READER.finditer(self._environment.readers())}
        self._since = {reader: self._since.get(reader, now) for reader in there}
        return max((now - since for since in self._since.values()), default=0.0)
