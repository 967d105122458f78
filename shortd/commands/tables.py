"""Lists as commands print them: a table for people, JSON for programs.

A list may have a million rows: it is printed as it comes, and nothing here may keep all of it. A
pipe gets every column as wide as it is; a terminal gets those that it has room for, folded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import click
import msgspec

from shortd.clock import moment, utc_text

Record = dict[str, Any]
NOTHING = "-"
GAP = 2
FOLDED = 24
ROWS = 1000
"""Whose cells say how wide the columns are."""


class Column(NamedTuple):
    """What a table shows of a record."""

    head: str
    text: Callable[[Record], str]
    rank: int = 0
    """Where a terminal is narrow, columns of a higher rank go first; those of 0 stay."""
    folds: bool = False
    """Whether a terminal that is narrow breaks what is longer than `FOLDED`."""


def field(name: str) -> Callable[[Record], str]:
    """A value as it is."""
    return lambda record: NOTHING if record[name] in (None, "") else str(record[name])


def day(name: str) -> Callable[[Record], str]:
    """The day of a time in µs, UTC."""
    return lambda record: moment(record[name]).strftime("%Y-%m-%d") if record[name] else NOTHING


def time(name: str) -> Callable[[Record], str]:
    """A time in µs, to the minute, UTC."""
    return lambda record: utc_text(record[name]) if record[name] else NOTHING


def size_text(size: int) -> str:
    """Bytes, for people."""
    from rich.filesize import decimal

    return decimal(size)


def print_list(
    portions: Iterable[Sequence[Record]], columns: Sequence[Column], nothing: str, *, as_json: bool
) -> None:
    """Prints records; `nothing` is said on standard error where there are none."""
    if as_json:
        print_json(portions)
        return
    rows = (record for portion in portions for record in portion)
    batches = _batches(rows)
    first = next(batches)
    if sys.stdout is not None and sys.stdout.isatty():
        _print_folded(first, batches, columns)
    else:
        _print_plain(first, batches, columns)
    if not first:
        click.echo(f"shortd: {nothing}", err=True)


def print_json(portions: Iterable[Sequence[Record]]) -> None:
    """An array, each of its objects on a line of its own."""
    before = b"[\n"
    for portion in portions:
        if portion:
            lines = b",\n".join(map(json_of, portion))
            click.echo(before + lines, nl=False)
            before = b",\n"
    click.echo(b"[]" if before == b"[\n" else b"\n]")


def print_object(record: Record) -> None:
    """One object."""
    line = json_of(record)
    if rb"\ud" in line:
        # What is escaped there msgspec does not read.
        click.echo(json.dumps(json.loads(line), indent=2))
    else:
        click.echo(msgspec.json.format(line, indent=2))


def json_of(value: object) -> bytes:
    """A line. What no text in JSON can have is escaped, as Python reads it again: bytes of a path
    that are no UTF-8, half a surrogate pair."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def printable(text: str) -> str:
    """A cell without what a terminal would obey: names are anybody's."""
    return "".join(filter(str.isprintable, text))


def _batches(rows: Iterator[Record]) -> Iterator[list[Record]]:
    """The first is there, even if it is empty."""
    while True:
        batch = list(islice(rows, ROWS))
        yield batch
        if len(batch) < ROWS:
            return


def _cells(batch: Iterable[Record], columns: Sequence[Column]) -> list[list[str]]:
    return [[printable(column.text(record)) for column in columns] for record in batch]


def _widths(rows: Sequence[Sequence[str]], columns: Sequence[Column]) -> list[int]:
    heads = [column.head for column in columns]
    return [max(map(len, column)) for column in zip(heads, *rows, strict=True)]


def show_rows(rows: Sequence[Sequence[str]]) -> None:
    """Prints sentences, which are rows of one cell, or a table."""
    cells = [[printable(cell) for cell in row] for row in rows]
    _print_wide(cells, [max(map(len, column)) for column in zip(*cells, strict=True)])


def _print_wide(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo((" " * GAP).join(cells).rstrip())


def _print_plain(
    first: list[Record], others: Iterable[list[Record]], columns: Sequence[Column]
) -> None:
    rows = _cells(first, columns)
    widths = _widths(rows, columns)
    _print_wide([[column.head for column in columns], *rows], widths)
    for batch in others:
        _print_wide(_cells(batch, columns), widths)


def _print_folded(
    first: list[Record], others: Iterable[list[Record]], columns: Sequence[Column]
) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    shown = _fitting(first, columns, console.width)
    widths = _widths(_cells(first, shown), shown)
    for number, batch in enumerate(chain([first], others)):
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=not number)
        for column, width in zip(shown, widths, strict=True):
            least = min(_least(column, width), console.width)
            table.add_column(column.head, overflow="fold", min_width=least)
        for row in _cells(batch, shown):
            table.add_row(*row)
        console.print(table)
    left_out = [column.head for column in columns if column not in shown]
    if left_out:
        said = ", ".join(left_out)
        click.echo(f"shortd: no room for {said}: see --json, or pipe it to less -S", err=True)


def _least(column: Column, width: int) -> int:
    """What a column needs of a terminal."""
    return min(width, max(FOLDED, len(column.head))) if column.folds else width


def _fitting(batch: list[Record], columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that a terminal has room for."""
    shown = list(columns)
    while True:
        widths = _widths(_cells(batch, shown), shown)
        least = max(shown, key=lambda column: column.rank)
        needed = sum(map(_least, shown, widths)) + GAP * (len(shown) - 1)
        if needed <= width or not least.rank:
            return shown
        shown.remove(least)
