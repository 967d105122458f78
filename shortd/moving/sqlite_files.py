"""Reads tables of SQLite files, and executes nothing of what stands in them.

The file and what belongs to it are copied, and the copy is opened: opening the original would make
files beside it, and closing it could fold its log into it. Views, virtual tables, generated columns
and whatever else is code in a schema is refused by SQLite itself: only the tables that are wanted
may be read, column by column.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from shortd import errors
from shortd.moving.inputs import Input
from shortd.moving.tables import Faulty, Row, Wanted
from shortd.moving.texts import decoded, told

VALUE = 8 << 20
"""Bytes of a value."""
STEPS = 50_000_000
"""Instructions between two rows: what takes more is no plain table."""

_FUNCTIONS = frozenset({"max", "substr"})
_SCHEMA = frozenset({"sqlite_master", "sqlite_schema"})
_PRAGMAS = frozenset(
    {"trusted_schema", "query_only", "cell_size_check", "table_xinfo", "mmap_size"}
)


class SqliteTables:
    """The tables of a copy of a file; standard input and packed files are copied alike."""

    zone: str | None = None
    prefix: str | None = ""
    row_prefix = ""
    is_cut = False

    def __init__(
        self, source: Input, path: Path | None, wanted: Mapping[str, Wanted], folder: Path
    ):
        self._name = source.name
        self._wanted = wanted
        self.definitions: dict[str, bytes] = {}
        self.found: set[str] = set()
        self.missing_wal = False
        """The peer was running, or was killed, and its log is not here."""
        self._done = 0
        self._done_before = -1
        self._total = 0
        copy = folder / "copy"
        self._copy(source, path, copy)
        self._database = self._open(copy)

    def _copy(self, source: Input, path: Path | None, copy: Path) -> None:
        has_log = False
        head = source.head
        try:
            with copy.open("wb") as file:
                for piece in source.pieces():
                    file.write(piece)
            if path is not None and not source.is_packed:
                for suffix in ("-wal", "-journal"):
                    beside = path.with_name(path.name + suffix)
                    if beside.is_file():
                        shutil.copyfile(beside, copy.with_name(copy.name + suffix))
                        has_log = True
        except OSError as fault:
            raise errors.SOURCE_UNREADABLE(
                "%(name)s cannot be copied to %(folder)s: %(why)s.",
                name=self._name,
                folder=str(copy.parent),
                why=fault.strerror or type(fault).__name__,
            ) from None
        self.missing_wal = head[18:20] == b"\x02\x02" and not has_log

    def _open(self, copy: Path) -> sqlite3.Connection:
        with self._told():
            database = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
            database.text_factory = decoded
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE)
            database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA cell_size_check = ON")
            database.execute("PRAGMA mmap_size = 0")
            database.execute("PRAGMA query_only = ON")
            database.set_authorizer(self._may)
            database.set_progress_handler(self._too_long, STEPS)
            schema = database.execute(
                # A virtual table has no page of its own.
                "SELECT name, CAST(substr(sql, 1, 100000) AS BLOB) FROM sqlite_master"
                " WHERE type = 'table' AND rootpage > 0"
            )
            for name, sql in schema:
                if name in self._wanted:
                    self.definitions[name] = sql or b""
        return database

    def _may(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ:
            is_allowed = first in self._wanted or first in _SCHEMA
        elif action == sqlite3.SQLITE_FUNCTION:
            is_allowed = second in _FUNCTIONS
        elif action == sqlite3.SQLITE_PRAGMA:
            is_allowed = first in _PRAGMAS
        else:
            is_allowed = action == sqlite3.SQLITE_SELECT
        return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY

    def _too_long(self) -> int:
        """Ends a statement that has yielded nothing for so many steps."""
        if self._done == self._done_before:
            return 1
        self._done_before = self._done
        return 0

    @property
    def progress(self) -> float | None:
        return min(self._done / self._total, 1.0) if self._total else None

    def rows(self) -> Iterator[tuple[str, Row | Faulty]]:
        plans = {name: plan for name in self.definitions if (plan := self._plan(name)) is not None}
        for name in plans:
            # A guess, for the progress alone: one that can be made at once.
            with suppress(sqlite3.Error):
                last = self._database.execute(f"SELECT max(_rowid_) FROM {name}").fetchone()[0]
                self._total += last if isinstance(last, int) and 0 < last < 2**40 else 0
        for name, query in plans.items():
            self.found.add(name)
            with self._told():
                cursor = self._database.execute(query)
            while True:
                with self._told():
                    row = cursor.fetchone()
                if row is None:
                    break
                self._done += 1
                yield name, row

    def defines(self, name: str) -> bool:
        """Whether there is such a table, with rows or without; once all was read."""
        return name in self.found

    def _plan(self, name: str) -> str | None:
        """The query for what is wanted of a table; None if it is another table of that name."""
        wanted = self._wanted[name]
        with self._told():
            info = self._database.execute(f"PRAGMA table_xinfo({name})").fetchall()
        # Generated columns are computed; they are not asked for.
        columns = {column[1].lower() for column in info if column[6] == 0}
        if not columns.issuperset(wanted.needs):
            return None
        asked = ", ".join(
            f'"{column}"' if column in columns else "NULL" for column in wanted.columns
        )
        return f"SELECT {asked} FROM {name}"

    def _told(self) -> _Told:
        return _Told(self._name)

    def close(self) -> None:
        """The copy goes with the folder that it lies in."""
        with suppress(sqlite3.Error):
            self._database.close()


class _Told:
    """What SQLite says of a damaged file, as a person is told it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, fault: BaseException | None, where: object) -> None:
        if isinstance(fault, (sqlite3.Error, OverflowError, ValueError)):
            raise errors.SOURCE_UNREADABLE(
                "%(name)s is damaged, or no database that can be read: %(why)s.",
                name=self._name,
                why=told(str(fault))[:200],
            ) from None
