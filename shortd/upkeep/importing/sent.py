"""An import whose file somebody has sent: what it is, how far it is and what it came to.

Its folder in the data directory has the file, what a source keeps meanwhile and the report. It goes
as a whole. What is read of it on the event loop is written by the thread that works on it.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import structs

from shortd import errors
from shortd.links.sheets import Result
from shortd.models.accounts import Account
from shortd.moving.options import Options
from shortd.upkeep.importing.runs import ReportRow, Summary

SHOWN = 200
"""Rows that a page shows of those that do not come over as they are; the report has all."""
SHOWN_CHARACTERS = 300
"""Of each of their texts."""
REPORT_BYTES = 64 << 20
"""Of a report, at most; what is beyond is not written."""
FILE, REPORT = "source", "report"
TEXTS = ("code", "host", "url", "shorturl", "note")


class Phase(StrEnum):
    """How far an import is."""

    WAITING = "waiting"
    """For others to be done."""
    LOOKING = "looking"
    LOOKED = "looked"
    """It was said what would be done."""
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for with a file."""

    by: str
    """Userid of whoever sent it."""
    account: Account
    """Whose its links become."""
    is_operators: bool
    """It costs no budget, and any code may come."""
    address: str
    """The client's, for who is told that a budget is short."""
    format: str
    name: str
    """What the file is called."""
    domains: Mapping[str, str]
    options: Options


class SentImport:
    """One of them. `utime` is in µs, when its phase began."""

    def __init__(self, key: str, folder: Path, wish: Wish, size: int, utime: int) -> None:
        self.key = key
        self.folder = folder
        self.wish = wish
        self.size = size
        """Bytes of the file."""
        self.utime = utime
        self.phase = Phase.WAITING
        self.applies = False
        """Links are made, or were; else it is said what would be."""
        self.progress: float | None = None
        self.is_short = False
        """It waits for the account's budget."""
        self.summary: Summary | None = None
        self.fault: errors.ShortdError | None = None
        self.rows: list[ReportRow] = []
        """Those that do not come over as they are, the first ones."""
        self.noted = 0
        """How many there are."""
        self.is_cut = False
        """The report does not have all."""
        self.stopped = threading.Event()
        self._report_bytes = 0

    @property
    def is_over(self) -> bool:
        """Nothing is being done with it."""
        return self.phase in (Phase.LOOKED, Phase.DONE, Phase.FAILED)

    @property
    def is_kept(self) -> bool:
        """Its file waits, or is read."""
        return self.phase not in (Phase.DONE, Phase.FAILED)

    @property
    def held(self) -> int:
        """Bytes of it on the disk, but for what a source keeps while it is read."""
        return self._report_bytes + (self.size if self.is_kept else 0)

    @property
    def made(self) -> int:
        """Links that are made, or would be."""
        if self.summary is None:
            return 0
        return sum(self.summary.results[one] for one in (Result.MADE, Result.MADE_WITH_NOTES))

    def begin(self, now: int, *, apply: bool) -> None:
        """It is to be done, from the beginning."""
        self.phase, self.applies, self.utime = Phase.WAITING, apply, now
        self.progress, self.summary, self.fault = None, None, None
        self.rows, self.noted, self.is_cut, self._report_bytes = [], 0, False, 0

    def note(self, row: ReportRow, report: BinaryIO) -> None:
        """Takes a row of the report."""
        line = _line(row)
        if self._report_bytes + len(line) > REPORT_BYTES:
            self.is_cut = True
        else:
            report.write(line)
            self._report_bytes += len(line)
        if row.reasons:
            self.noted += 1
            if len(self.rows) < SHOWN:
                self.rows.append(_shortened(row))

    def report(self) -> Iterator[ReportRow]:
        """Its rows, from the disk; none if there is no report any more."""
        decoder = msgspec.json.Decoder(ReportRow)
        try:
            with (self.folder / REPORT).open("rb") as file:
                for line in file:
                    yield decoder.decode(line)
        except FileNotFoundError:
            return

    def remove(self) -> None:
        """Nothing of it stays on the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _line(row: ReportRow) -> bytes:
    try:
        return msgspec.json.encode(row) + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair, which no text in JSON can have.
        texts = {
            name: _whole(text)
            for name in (*TEXTS, "row")
            if isinstance(text := getattr(row, name), str)
        }
        return msgspec.json.encode(structs.replace(row, **texts)) + b"\n"


def _shortened(row: ReportRow) -> ReportRow:
    texts = {name: _cut(getattr(row, name)) for name in TEXTS}
    number = row.row if isinstance(row.row, int) else _cut(row.row)
    return structs.replace(row, row=number, **texts)


def _cut(text: str) -> str:
    text = _whole(text)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
