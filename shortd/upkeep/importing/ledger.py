"""What an import knows of the links of its source, on disk: a source may have millions.

It is a temporary file without a name, and goes with the process, however that
ends.
"""

from __future__ import annotations

import hashlib
import sqlite3
from types import TracebackType
from typing import NamedTuple, Self

CACHE_KIB = 8192


class Entry(NamedTuple):
    """A link of the source."""

    id: int
    """Of the link here that takes its clicks; 0 where none does."""
    seen: int
    """Clicks of it that the source has told so far."""


class Ledger:
    """Links by their key in the source, and which addresses are taken. Use as a context manager."""

    def __init__(self) -> None:
        # An empty name is a temporary file, which is deleted as soon as it is open.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for line in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{CACHE_KIB}",
            "CREATE TABLE links (key BLOB PRIMARY KEY, id INTEGER, seen INTEGER) WITHOUT ROWID",
            "CREATE TABLE taken (address BLOB PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE drawn (mark BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID",
        ):
            self._db.execute(line)
        self._db.execute("BEGIN")

    def add(self, key: str, link_id: int) -> None:
        """Notes a link, of which no click was told yet."""
        self._db.execute("INSERT OR REPLACE INTO links VALUES (?, ?, 0)", (_bytes(key), link_id))

    def find(self, key: str) -> Entry | None:
        """A link that was noted."""
        found = self._db.execute("SELECT id, seen FROM links WHERE key = ?", (_bytes(key),))
        row = found.fetchone()
        return None if row is None else Entry(*row)

    def see(self, key: str, clicks: int) -> None:
        """So many more clicks of it were told."""
        self._db.execute("UPDATE links SET seen = seen + ? WHERE key = ?", (clicks, _bytes(key)))

    def take(self, address: str) -> None:
        """Notes that an address has a link."""
        self._db.execute("INSERT OR IGNORE INTO taken VALUES (?)", (_bytes(address),))

    def is_taken(self, address: str) -> bool:
        """Whether this run has put a link there."""
        found = self._db.execute("SELECT 1 FROM taken WHERE address = ?", (_bytes(address),))
        return found.fetchone() is not None

    def mark_of(self, url: str, created: int | None) -> str:
        """What a link without a code is known by again: where it leads, since when, and how many
        such links were before it."""
        text = f"{created}\n{url}".encode("utf-8", "surrogatepass")
        mark = hashlib.blake2b(text, digest_size=16).hexdigest()
        [number] = self._db.execute(
            "INSERT INTO drawn VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1"
            " RETURNING number",
            (mark,),
        ).fetchone()
        # No code has a control character.
        return f"\0{mark}{number}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._db.close()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
