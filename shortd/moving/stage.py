"""Where the rows of a source wait, on disk, until links can be told in their order with all that
belongs to them: tables of a dump come in any order, and so do links of an API.

A database of SQLite in a folder of its own, which goes when it is closed, or with the next one if
its process was killed. It is no more than a sorted heap: memory stays the same however many rows
there are. Nothing of a source is executed by it; sources' texts are values here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

from shortd import errors
from shortd.moving.records import ClickSum, SourceClick

PREFIX = "shortd-import-"
"""Of the folders' names."""
BATCH = 5000
WAITING = 16 << 20
"""Bytes of a table's rows that wait for the disk."""
FACTS = 1000
"""Of one kind that a link can have."""
ADDRESS, AGENT, REFERRER = 64, 1024, 2048
"""Characters of a click's texts that are kept."""
ROOM = 256 << 20
"""Bytes that are left free on the disk."""
LAST = 2**62
"""The age of links whose time is not known."""

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16384;
PRAGMA temp_store = FILE;
CREATE TABLE links (number INTEGER PRIMARY KEY, age INTEGER, body BLOB);
CREATE TABLE facts (kind TEXT, key TEXT, value BLOB);
CREATE TABLE clicks (link TEXT, time INTEGER, address TEXT, agent TEXT, referrer TEXT,
                     country TEXT, bot INTEGER, place TEXT);
CREATE TABLE sums (link TEXT, first INTEGER, total INTEGER, body BLOB);
CREATE TABLE taken (host TEXT, code TEXT, PRIMARY KEY (host, code)) WITHOUT ROWID;
CREATE TABLE seen (body BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_INSERTS = {
    "links": "INSERT INTO links (age, body) VALUES (?, ?)",
    "facts": "INSERT INTO facts VALUES (?, ?, ?)",
    "clicks": "INSERT INTO clicks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "sums": "INSERT INTO sums VALUES (?, ?, ?, ?)",
}
_SEAL = """
CREATE INDEX by_key ON facts (kind, key);
CREATE TABLE counts AS
    SELECT link, sum(total) AS total, min(first) AS first, sum(bots) AS bots FROM (
        SELECT link, count(*) AS total, min(time) AS first, sum(bot) AS bots
            FROM clicks GROUP BY link
        UNION ALL SELECT link, sum(total), min(first), 0
            FROM sums GROUP BY link)
    GROUP BY link;
CREATE UNIQUE INDEX by_link ON counts (link);
"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_decode_sum = msgspec.msgpack.Decoder(ClickSum).decode


class Counted(NamedTuple):
    """What is known of a link's clicks that come one by one or as sums."""

    total: int = 0
    first: int | None = None
    """Unix µs of the earliest; None: none of them has a time."""
    bots: int = 0


class Stage:
    """Rows of one source. First they are added, then it is sealed, then they are told."""

    def __init__(
        self, workdir: Path, most: int | None = None, pause: Callable[[], None] | None = None
    ) -> None:
        self._most = most
        self._pause = pause
        try:
            _sweep(workdir)
            self._folder, self._lock = _new_folder(workdir)
        except OSError as fault:
            raise errors.SOURCE_UNREADABLE(
                "There is no place for rows in %(folder)s: %(why)s.",
                folder=str(workdir),
                why=fault.strerror or type(fault).__name__,
            ) from None
        self.folder = Path(self._folder.name)
        self._database = sqlite3.connect(
            self.folder / "rows", isolation_level=None, check_same_thread=False
        )
        self._database.executescript(_TABLES)
        self._waiting: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INSERTS}
        self._sizes = dict.fromkeys(_INSERTS, 0)
        self._kinds: set[str] = set()
        self.rows = 0
        """Links and clicks in it."""

    def add_link(self, row: Any, age: int | None = None) -> None:
        """A row from which a link is to be made, of what msgpack has. The lower `age`, the earlier
        it is told; those without one are the last."""
        self._add("links", (LAST if age is None else age, _encode(row)))

    def add_link_once(self, row: Any, age: int | None = None) -> bool:
        """The same for a source that may tell a row twice; whether it is new."""
        body = _encode(row)
        taken = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (body,))
        if taken.rowcount != 1:
            return False
        self._add("links", (LAST if age is None else age, body))
        return True

    def add_fact(self, kind: str, key: str, value: Any) -> None:
        """Something that belongs to a link, found by `key` later."""
        self._kinds.add(kind)
        self._add("facts", (kind, key, _encode(value)))

    def add_click(
        self,
        link: str,
        time: int | None,
        address: str,
        agent: str,
        referrer: str,
        country: str,
        is_bot: bool = False,
        place: str = "",
    ) -> None:
        """A visit. `place` is the key of a fact "place" that has the country."""
        waiting = self._waiting["clicks"]
        texts = address[:ADDRESS], agent[:AGENT], referrer[:REFERRER]
        waiting.append((link[:AGENT], time, *texts, country, is_bot, place[:ADDRESS]))
        if len(waiting) >= BATCH:
            self._flush("clicks")

    def add_sum(self, found: ClickSum) -> None:
        """Visits as a sum."""
        self._add("sums", (found.link, found.first, found.total, _encode(found)))

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        waiting = self._waiting[table]
        waiting.append(row)
        # What is large of a row is its last value.
        self._sizes[table] += len(row[-1])
        if len(waiting) >= BATCH or self._sizes[table] > WAITING:
            self._flush(table)

    def _flush(self, table: str) -> None:
        waiting = self._waiting[table]
        if self._pause is not None:
            self._pause()
        if self._most is not None and (self.folder / "rows").stat().st_size > self._most:
            raise errors.SOURCE_UNREADABLE(
                "Its rows have more than %(most)s million bytes.", most=self._most // 1_000_000
            )
        if shutil.disk_usage(self.folder).free < ROOM:
            raise errors.SOURCE_UNREADABLE(
                "The disk of %(folder)s has no room for the source's rows.",
                folder=str(self.folder.parent),
            )
        if table != "facts":
            self.rows += len(waiting)
        with _room(self.folder):
            self._database.execute("BEGIN")
            self._database.executemany(_INSERTS[table], waiting)
            self._database.execute("COMMIT")
        waiting.clear()
        self._sizes[table] = 0

    def seal(self) -> None:
        """Nothing is added behind this."""
        for table in _INSERTS:
            self._flush(table)
        with _room(self.folder):
            self._database.executescript(_SEAL)
            self._database.execute("BEGIN")

    def links(self) -> Iterator[Any]:
        """Rows of links, the oldest first."""
        for (body,) in self._database.execute("SELECT body FROM links ORDER BY age, number"):
            yield _decode(body)

    def facts(self, kind: str, key: str) -> list[Any]:
        """In the order in which they came."""
        if kind not in self._kinds:
            return []
        found = self._database.execute(
            "SELECT value FROM facts WHERE kind = ? AND key = ? ORDER BY rowid LIMIT ?",
            (kind, key, FACTS),
        )
        return [_decode(value) for (value,) in found]

    def all_facts(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Key and value of each of a kind, by their keys."""
        found = self._database.execute(
            "SELECT key, value FROM facts WHERE kind = ? ORDER BY key, rowid", (kind,)
        )
        for key, value in found:
            yield key, _decode(value)

    def counted(self, link: str) -> Counted:
        """What was counted of a link."""
        row = self._database.execute(
            "SELECT total, first, bots FROM counts WHERE link = ?", (link,)
        ).fetchone()
        return Counted() if row is None else Counted(row[0], row[1], row[2] or 0)

    def take(self, host: str | None, code: str) -> bool:
        """Whether nobody had this place before."""
        taken = self._database.execute(
            "INSERT OR IGNORE INTO taken VALUES (?, ?)", (host or "", code)
        )
        return taken.rowcount == 1

    def clicks(self) -> Iterator[SourceClick | ClickSum]:
        """All clicks."""
        columns = "link, time, address, agent, referrer, country, bot, place FROM clicks"
        for *click, bot, place in self._database.execute(f"SELECT {columns} ORDER BY rowid"):
            link, time, address, agent, referrer, country = click
            if place and (found := self.facts("place", place)):
                country = found[0]
            yield SourceClick(link, time, address, agent, referrer, country, bool(bot))
        for (body,) in self._database.execute("SELECT body FROM sums ORDER BY rowid"):
            yield _decode_sum(body)

    def close(self) -> None:
        """Takes everything away."""
        with suppress(sqlite3.Error):
            self._database.close()
        with suppress(OSError):
            self._folder.cleanup()
            os.close(self._lock)


def _new_folder(workdir: Path) -> tuple[TemporaryDirectory[str], int]:
    """A folder, and the descriptor by which it is locked as long as its process lives. OSError."""
    while True:
        folder = TemporaryDirectory(prefix=PREFIX, dir=workdir)
        # Before it was locked another import may have taken it for one that was left behind.
        with suppress(FileNotFoundError):
            lock = os.open(folder.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            if Path(folder.name).is_dir():
                return folder, lock
            os.close(lock)
        folder.cleanup()


def _sweep(workdir: Path) -> None:
    """Removes what imports that were killed have left: it holds people's data."""
    for path in workdir.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


class _room:
    """What SQLite says of a full disk, as a person is told it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, fault: BaseException | None, where: object) -> None:
        if isinstance(fault, (sqlite3.OperationalError, OSError)):
            raise errors.SOURCE_UNREADABLE(
                "The source's rows cannot be kept in %(folder)s: %(why)s.",
                folder=str(self._folder.parent),
                why=str(fault),
            ) from None
