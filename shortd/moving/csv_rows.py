"""Rows of a table in CSV, by the names of its columns.

Each line is UTF-8, or else Windows-1252; the first one names the columns and tells what stands
between them, which a line before it may say in plain words, as Excel has it (`sep=;`). A line that
is longer than any row is told as a faulty one, and reading goes on.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from shortd import errors
from shortd.moving.inputs import Input, text_pieces
from shortd.moving.tables import Faulty
from shortd.moving.texts import IN_CP1252
from shortd.spreadsheets import unmarked

LINE = 1 << 20
"""Characters of a line."""
ROW = 4 << 20
"""Characters of a row, which may have many lines."""
COLUMNS = 500
DELIMITERS = ",;\t"
"""What stands between cells, unless a line says something else."""

_SEP = re.compile(r'"?sep=([^"\w\s]|\t)"?\n?', re.IGNORECASE)
_FILLERS = re.compile(r"[\s_\-]+")


def named(column: str) -> str:
    """The name of a column as all its spellings have it."""
    return _FILLERS.sub("", column.strip().lower())


class CsvRows:
    """A table that is read once."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._long: list[int] = []
        self._line = 0
        self._size = 0
        self._is_over = False
        self._lines = self._read_lines()
        head = next(self._lines, "")
        if said := _SEP.fullmatch(head):
            head = next(self._lines, "")
        delimiter = said[1] if said else max(DELIMITERS, key=_outside(head).count)
        self._cells = csv.reader(self._lines, delimiter=delimiter, strict=False)
        try:
            names = next(csv.reader([head], delimiter=delimiter), [])
        except csv.Error:
            names = []
        self.columns = [named(name) for name in names[:COLUMNS]]
        """Names as `named` has them, in their order."""

    def rows(self) -> Iterator[tuple[str, dict[str, str] | Faulty]]:
        """The line at which a row ends, and its cells by name; empty rows are none."""
        while True:
            first = self._line + 1
            try:
                cells = next(self._cells)
            except StopIteration:
                break
            except csv.Error as fault:
                self._size = 0
                yield str(self._line), Faulty(str(self._line), f"no row: {fault}")
                continue
            self._size = 0
            yield from self._long_lines()
            if self._is_over:
                # A line was asked for behind the last one: all from here on is one cell.
                yield str(first), Faulty(str(first), "a cell that has no end")
                continue
            if not any(cells):
                continue
            if len(cells) > COLUMNS:
                yield str(self._line), Faulty(str(self._line), "more columns than can be")
                continue
            found: dict[str, str] = {}
            for name, cell in zip(self.columns, cells, strict=False):
                found.setdefault(name, unmarked(cell))
            yield str(self._line), found
        yield from self._long_lines()

    def _long_lines(self) -> Iterator[tuple[str, Faulty]]:
        while self._long:
            number = str(self._long.pop(0))
            yield number, Faulty(number, f"a line of more than {LINE} characters")

    def _read_lines(self) -> Iterator[str]:
        waiting = ""
        is_passing = False
        ends_in_cr: bool | None = None
        for piece in text_pieces(self._source, IN_CP1252):
            if ends_in_cr is None and piece:
                ends_in_cr = "\n" not in piece and "\r" in piece
            waiting += piece.replace("\r", "\n") if ends_in_cr else piece.replace("\r\n", "\n")
            lines = waiting.split("\n")
            waiting = lines.pop()
            for line in lines:
                self._line += 1
                if is_passing or len(line) > LINE:
                    is_passing = False
                    self._long.append(self._line)
                else:
                    self._size += len(line)
                    if self._size > ROW:
                        raise errors.SOURCE_UNREADABLE(
                            "%(name)s has a row of more than %(most)s bytes.",
                            name=self._source.name,
                            most=ROW,
                        )
                    yield line + "\n"
            if len(waiting) > LINE:
                is_passing, waiting = True, ""
        if is_passing:
            self._long.append(self._line + 1)
        elif waiting:
            self._line += 1
            yield waiting
        self._is_over = True

    @property
    def progress(self) -> float | None:
        """From 0 to 1."""
        return self._source.progress


def _outside(head: str) -> str:
    """A line without what stands in quotes."""
    return re.sub(r'"[^"]*"', "", head)
