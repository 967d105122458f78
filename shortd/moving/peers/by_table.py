"""What the readers of peers' databases have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from shortd import errors
from shortd.moving.inputs import Input
from shortd.moving.options import Options
from shortd.moving.records import Problem, Reason, Remark
from shortd.moving.sqlite_files import SqliteTables
from shortd.moving.staged import Found, StagedSource
from shortd.moving.tables import DumpTables, Faulty, Row, Wanted
from shortd.moving.texts import decoded
from shortd.moving.times import shifted_back

_COLLATE = re.compile(r"\bCOLLATE[ =](\w+)", re.IGNORECASE)


class TableSource(StagedSource):
    """A dump or a file of SQLite with a peer's tables."""

    wanted: ClassVar[Mapping[str, Wanted]]
    main: ClassVar[str]
    """The table of links."""
    is_prefixed: ClassVar[bool] = False

    def __init__(self, form: str, source: Input, path: Path | None, options: Options) -> None:
        super().__init__(form, options)
        self._source = source
        self.tables: DumpTables | SqliteTables
        try:
            if form == "sqlite":
                self.tables = SqliteTables(source, path, self.wanted, self.stage.folder)
            else:
                self.tables = DumpTables(
                    source, self.wanted, options.prefix, is_prefixed=self.is_prefixed
                )
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def add(self, table: str, row: Row) -> None:
        """Puts a row of one of the wanted tables into the stage."""

    def load(self) -> Iterator[Found]:
        for table, row in self.tables.rows():
            if isinstance(row, Faulty):
                yield Problem(row=row.row, reason=Reason.UNREADABLE, text=row.why)
            else:
                self.add(table, row)
        if self.main not in self.tables.found and not self.tables.defines(self.main):
            raise errors.SOURCE_UNREADABLE(
                "%(name)s has no table of links of %(title)s.",
                name=self._source.name,
                title=self.title,
            )
        if self.main not in self.tables.found and self.tables.is_cut:
            raise errors.SOURCE_UNREADABLE(
                "%(name)s ends too early: it is torn.", name=self._source.name
            )
        self.may_be_empty = True

    def remarks(self) -> Iterator[Found]:
        if self.tables.is_cut:
            yield Remark(
                "cut",
                "The dump ends without the last line of the program that made it, or within a"
                " transaction: the rest of it may be missing.",
            )
        if isinstance(self.tables, SqliteTables) and self.tables.missing_wal:
            yield Remark(
                "missing_wal",
                "The database was in use and its -wal file is not beside it: the latest rows may be"
                " missing. Stop the peer and copy all its files.",
            )

    def stamp(self, text: str) -> int | None:
        """Unix µs of a TIMESTAMP column into which the peer wrote UTC."""
        utime = self.times.read(text)
        zone = self.options.database_timezone
        if utime is None or zone is None or self.tables.zone is None:
            return utime
        return shifted_back(utime, zone)

    def case_of(self, table: str, column: str) -> Iterator[Found]:
        """A remark where the peer took codes of either case for one."""
        definition = decoded(self.tables.definitions.get(table, b"")[:100_000])
        if _collation(definition, column).lower().endswith("_ci"):
            yield Remark(
                "ignores_case",
                f"{self.title} took codes in capitals and small letters for one here: set"
                " ignore_case for the host.",
            )

    @property
    def loaded(self) -> float | None:
        return self.tables.progress

    def close(self) -> None:
        if isinstance(getattr(self, "tables", None), SqliteTables):
            self.tables.close()  # type: ignore[union-attr]
        self._source.close()
        super().close()


def _collation(definition: str, column: str) -> str:
    """How texts of a column are compared, by its own words or else by those behind the table's
    columns; empty where neither tells. What stands there is anybody's, and is looked at once."""
    named = (
        part.partition(quote)[2]
        for part in re.split(r"[,\n]", definition)
        for quote in (f"`{column}`", f'"{column}"')
    )
    for words in (*named, definition.rpartition(")")[2]):
        if found := _COLLATE.findall(words):
            return str(found[-1])
    return ""
