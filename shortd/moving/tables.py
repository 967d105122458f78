"""Rows of a peer's database, by the names of its tables, whether they stand in a dump or in a file.

Which tables are a peer's is told by their columns; a dump's may have a prefix, and a dump may have
those of other programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from shortd import errors
from shortd.moving.inputs import Input, utf8_reader
from shortd.moving.sql_dumps import BadRow, SqlDump, Table
from shortd.moving.texts import told

TABLES = 1000
"""Of a name that can be the peer's, before it is known which are."""


class Wanted(NamedTuple):
    """What a reader wants of a table."""

    columns: tuple[str, ...]
    """In the order in which rows have them; None stands for what a table does not have."""
    needs: tuple[str, ...]
    """Those by which the table is known."""
    is_sure: bool = True
    """No other program has a table like it: its prefix is the peer's."""


class Faulty(NamedTuple):
    """A row that cannot be read."""

    row: str
    why: str


Row = Sequence[object]


class Tables(Protocol):
    """Where rows come from."""

    zone: str | None
    prefix: str | None
    """Of the peer's tables, once one is there that is surely its own."""
    row_prefix: str
    """Of the table of the row at hand: before the peer's is known, it may be another program's."""
    definitions: dict[str, bytes]
    """What defines a table, by its name without prefix, as far as it was read."""

    def rows(self) -> Iterator[tuple[str, Row | Faulty]]:
        """Names without prefix, and rows."""

    def defines(self, name: str) -> bool:
        """Whether there is such a table, with rows or without; once all was read."""

    @property
    def is_cut(self) -> bool:
        """Whether the rest of it may be missing; once all was read."""

    @property
    def progress(self) -> float | None:
        """From 0 to 1."""


class DumpTables:
    """The tables of a dump."""

    def __init__(
        self, source: Input, wanted: Mapping[str, Wanted], prefix: str | None, *, is_prefixed: bool
    ) -> None:
        self._source = source
        self._wanted = wanted
        self.prefix = prefix if is_prefixed else ""
        self.row_prefix = ""
        self.found: set[str] = set()
        """Names of the tables that have come."""
        self.definitions: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._is_found = is_prefixed and prefix is None
        """The prefix is to be found."""
        self._dump = SqlDump(utf8_reader(source), self._choose, name=source.name)

    @property
    def zone(self) -> str | None:
        return self._dump.zone

    @property
    def progress(self) -> float | None:
        return self._source.progress

    def rows(self) -> Iterator[tuple[str, Row | Faulty]]:
        for table, row in self._dump.rows():
            name = self._names[table.name]
            self.row_prefix = table.name.removesuffix(name)
            if isinstance(row, BadRow):
                yield name, Faulty(f"{told(table.name)} {row.number}", row.why)
            else:
                yield name, row

    def defines(self, name: str) -> bool:
        """Whether there is such a table, with rows or without; once all was read."""
        needs = self._wanted[name].needs
        return any(
            table.name == f"{self.prefix}{name}"
            if self.prefix is not None
            else table.name.endswith(name)
            for table in self._dump.tables
            if {column.lower() for column in table.columns}.issuperset(needs)
        )

    @property
    def is_cut(self) -> bool:
        """Whether the rest of the dump may be missing; once all was read."""
        return self._dump.is_cut

    def _choose(self, table: Table) -> Sequence[str] | None:
        columns = {column.lower() for column in table.columns}
        for name, wanted in self._wanted.items():
            if not table.name.endswith(name) or not columns.issuperset(wanted.needs):
                continue
            prefix = table.name.removesuffix(name)
            if self.prefix is None and wanted.is_sure:
                self.prefix = prefix
            if prefix == self.prefix or (self.prefix is None and len(self._names) < TABLES):
                self._names[table.name] = name
                self.found.add(name)
                self.definitions[name] = table.definition
                return wanted.columns
            if prefix and wanted.is_sure and self._is_found:
                raise errors.SOURCE_UNREADABLE(
                    "%(name)s has tables with the prefixes %(one)s and %(other)s; choose with"
                    " --prefix.",
                    name=self._source.name,
                    one=self.prefix,
                    other=told(prefix),
                )
        return None
