"""Links as a table in CSV: written for people's spreadsheets, and read from wherever it was made.

What is written can be read again. A row that cannot be taken says why and leaves the others alone;
nothing that is there already is replaced. A cell that a spreadsheet would run as a formula is
written as a text.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

import msgspec

from shortd import errors
from shortd.clicks import Clicks
from shortd.clock import SECOND, moment
from shortd.hosts import Hosts, ShortHost
from shortd.hosts.destinations import parse_destination
from shortd.link_codes import folded
from shortd.links.access import check_place
from shortd.links.addresses import read_code, split_short_url, unescaped
from shortd.links.codes import Codes
from shortd.links.finding import in_the_way
from shortd.links.links import Links, NewLink, as_checked, heeding
from shortd.links.tag_lists import joined_tags, split_tags, without_doubles
from shortd.links.terms import LinkTerms
from shortd.models.accounts import Account
from shortd.models.common import NEVER
from shortd.models.links import NO_RARE_TERMS, Link, Terms
from shortd.spreadsheets import harmless, unmarked
from shortd.store import Store
from shortd.store.schema import ACCOUNTS
from shortd.store.txn import Txn, WriteTxn

COLUMNS = (
    *("short_url", "code", "host", "url", "title", "tags", "created", "clicks", "ends"),
    *("max_clicks", "enabled", "owner"),
)
"""What is written, in this order. Scripts of operators read it: a new one goes last."""
MOST_ROWS = 10_000
"""Rows that are read of one file."""
BATCH = 500
"""Rows in one transaction."""
SLICE = 50
"""Rows that are read before the event loop goes on."""

_ALSO_CALLED: Mapping[str, str] = {
    **dict.fromkeys(("shorturl", "short_link", "shortlink", "link", "short"), "short_url"),
    **dict.fromkeys(
        ("slug", "ending", "alias", "keyword", "back_half", "backhalf", "shortcode", "short_code"),
        "code",
    ),
    **dict.fromkeys(("domain",), "host"),
    **dict.fromkeys(
        ("long_url", "longurl", "destination", "target", "target_url", "original_url", "address"),
        "url",
    ),
    **dict.fromkeys(("name",), "title"),
    **dict.fromkeys(("tag", "labels"), "tags"),
    **dict.fromkeys(("created_at", "date_created", "date", "timestamp"), "created"),
    **dict.fromkeys(("expires", "expires_at", "expiration", "valid_until", "expire_in"), "ends"),
    **dict.fromkeys(("max_visits", "click_limit"), "max_clicks"),
    **dict.fromkeys(("active",), "enabled"),
}
"""What begins a formula."""
_DELIMITERS = ",;\t"
_ON = frozenset({"", "true", "yes", "1", "on"})
_OFF = frozenset({"false", "no", "0", "off"})
_INT64 = 2**63 - 1


class Result(StrEnum):
    """What became, or would become, of a row."""

    MADE = "made"
    MADE_WITH_NOTES = "made_with_notes"
    """Without something that the row has."""
    UNCHANGED = "unchanged"
    """The link is there already."""
    SKIPPED = "skipped"


class RowResult(msgspec.Struct, frozen=True, gc=False):
    """A row and what became of it."""

    row: int
    """Its number in the table, from 1, without the head."""
    result: Result
    code: str = ""
    """Empty where one is drawn."""
    host: str = ""
    url: str = ""
    short_url: str = ""
    """Where it is made."""
    reasons: tuple[str, ...] = ()
    """Codes of errors, and of ours."""
    note: errors.Sentence | None = None
    """The first reason in words; None where nothing is to be said."""


class Sheet(msgspec.Struct, frozen=True):
    """A table as it was read: the names of its columns and its rows."""

    head: tuple[str, ...]
    columns: tuple[str, ...]
    """What each is taken for, one of `COLUMNS`; empty for what is left alone."""
    rows: tuple[tuple[str, ...], ...]
    is_cut: bool = False
    """There were more rows than are read."""


class _Planned(msgspec.Struct, frozen=True, gc=False):
    """A row that can be tried."""

    row: int
    new: NewLink
    utime: int
    notes: tuple[str, ...]
    refusal: errors.ShortdError | None = None
    """Why it is not made if its address is free."""


class Sheets:
    """Reads and writes tables of links. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        hosts: Hosts,
        links: Links,
        codes: Codes,
        terms: LinkTerms,
        clicks: Clicks,
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._links = links
        self._codes = codes
        self._terms = terms
        self._clicks = clicks

    async def write(self, links: AsyncIterator[list[Link]]) -> AsyncIterator[str]:
        """A table of these links, some rows at a time, its head first."""
        yield _line(COLUMNS)
        async for some in links:
            with self._store.read() as txn:
                yield "".join(_line(self._cells(txn, link)) for link in some)

    async def take(
        self, account: Account, sheet: Sheet, now: int, *, apply: bool
    ) -> list[RowResult]:
        """Makes the links of a table, or says what would become of each row unless `apply`."""
        results: dict[int, RowResult] = {}
        taken: set[tuple[int, str]] = set()
        for start in range(0, len(sheet.rows), BATCH):
            planned: list[_Planned] = []
            for number, cells in enumerate(sheet.rows[start : start + BATCH], start + 1):
                read = self._read(number, dict(zip(sheet.columns, cells, strict=False)), now)
                if isinstance(read, RowResult):
                    results[number] = read
                else:
                    planned.append(read)
                if number % SLICE == 0:
                    await asyncio.sleep(0)
            asked = await self._asked(account, planned)
            first = self._links.next_utime(now, BATCH)
            if apply:
                done = await self._store.write(
                    partial(self._make, account=account, planned=asked, first=first)
                )
            else:
                with self._store.read() as txn:
                    done = [self._would(txn, account, one, taken) for one in asked]
            results |= {one.row: one for one in done}
        return [results[number] for number in sorted(results)]

    async def _asked(self, account: Account, planned: Sequence[_Planned]) -> Sequence[_Planned]:
        """The rows as plugins let them be made. Of what is there already nobody is asked."""
        if not self._links.checks.are_asked:
            return planned
        with self._store.read() as txn:
            there = {one.row for one in planned if self._there(txn, account, one) is not None}
        said = await self._links.said_of(
            account, [one.new for one in planned if one.row not in there]
        )
        asked = []
        for one in planned:
            new, refusal = one.new, None
            if one.row in there:
                refusal = errors.BUSY()
            else:
                try:
                    new = heeding(said, new)
                except errors.ShortdError as fault:
                    refusal = fault
            asked.append(msgspec.structs.replace(one, new=new, refusal=refusal))
        return asked

    def _cells(self, txn: Txn, link: Link) -> list[str]:
        owner = ACCOUNTS.get(txn, (link.owner,))
        rare = link.rare or NO_RARE_TERMS
        name = link.owner if owner is None else owner.username or owner.email or owner.userid
        return [
            self._hosts.short_url(link),
            link.code,
            self._hosts.numbered(link.host).name,
            link.url,
            rare.title,
            _tags_cell(rare.tag_names),
            time_text(link.utime),
            str(self._clicks.live(txn, link.id).count),
            "" if link.expiration_utime >= NEVER else time_text(link.expiration_utime),
            str(link.expiration_count or ""),
            "true" if link.enabled else "false",
            name,
        ]

    def _read(self, number: int, cells: Mapping[str, str], now: int) -> _Planned | RowResult:
        """What a row says, or why it says nothing that can be."""
        cells = {name: _plain(cell) for name, cell in cells.items() if name}
        host, code = self._address(cells)
        shown = partial(
            RowResult,
            row=number,
            code=code,
            host=host.name if host is not None else cells.get("host", ""),
            url=cells.get("url", ""),
        )
        try:
            if host is None:
                raise errors.UNKNOWN_HOST(field="host")
            if code:
                code = self._codes.check(code, host)
            destination = parse_destination(_with_scheme(cells.get("url", "")), self._hosts.names)
            terms = self._terms.check(_terms(cells))
            utime = min(time_of(cells.get("created", ""), "created") or 0, now)
        except errors.ShortdError as refusal:
            return shown(result=Result.SKIPPED, reasons=(refusal.code,), note=refusal.sentence)
        notes = ("clicks_left_out",) if cells.get("clicks", "0") not in ("", "0") else ()
        new = NewLink(destination, host, code or None, terms, replaces=False)
        return _Planned(number, new, utime, notes)

    def _address(self, cells: Mapping[str, str]) -> tuple[ShortHost | None, str]:
        """The host that a row means and the code it wants, empty for one to be drawn."""
        name, code = cells.get("host", ""), cells.get("code", "")
        short_url, is_escaped = cells.get("short_url", ""), False
        if short_url and not (name and code):
            of_url, rest = split_short_url(short_url)
            name, is_escaped = name or of_url, not code
            code = code or rest
        host = self._hosts.named(name) if name else self._hosts.default
        if is_escaped:
            code = (host and host.within(code)) or code
            is_wide = host is not None and self._codes.allows(host)
            code = unescaped(code) if is_wide else read_code(code) or code
        return host, code

    def _make(
        self, txn: WriteTxn, account: Account, planned: Sequence[_Planned], first: int
    ) -> list[RowResult]:
        if ACCOUNTS.get(txn, (account.userid,)) is None:
            raise errors.BAD_CREDENTIALS(field="userid")
        results = []
        for position, one in enumerate(planned):
            there = self._there(txn, account, one)
            if there is None:
                try:
                    if one.refusal is not None:
                        raise one.refusal
                    utime = one.utime or first + position
                    link = self._links.insert(txn, account.userid, as_checked(one.new), utime)
                    there = _made(one, link.code, self._hosts.short_url(link))
                except errors.ShortdError as refusal:
                    there = _skipped(one, refusal)
            results.append(there)
        return results

    def _would(
        self, txn: Txn, account: Account, one: _Planned, taken: set[tuple[int, str]]
    ) -> RowResult:
        there = self._there(txn, account, one)
        if there is not None:
            return there
        try:
            if one.refusal is not None:
                raise one.refusal
            check_place(txn, account.userid, "", "", one.new.host)
            if one.new.code is not None:
                number, code = one.new.host.number, one.new.code
                ignores_case = self._hosts.options_of(number).ignore_case
                address = (number, folded(code) if ignores_case else code)
                if address in taken:
                    raise errors.CODE_TAKEN("An earlier row has this code.", field="code")
                taken.add(address)
        except errors.ShortdError as refusal:
            return _skipped(one, refusal)
        return _made(one, one.new.code or "")

    def _there(self, txn: Txn, account: Account, one: _Planned) -> RowResult | None:
        """What is to be said of a row whose address is taken; None if it is free."""
        if one.new.code is None:
            return None
        link = in_the_way(txn, self._hosts, one.new.host.number, one.new.code)
        if link is None:
            return None
        is_same = link.code == one.new.code and link.url == one.new.destination.url
        if is_same and link.owner == account.userid:
            return _result(one, Result.UNCHANGED, link.code, self._hosts.short_url(link))
        return _skipped(one, errors.CODE_TAKEN(field="code"))


def read_sheet(content: bytes) -> Sheet:
    """A table in CSV, however it is separated and encoded. BAD_FILE if it is none, or has no
    column of addresses."""
    text = _decoded(content)
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = (tuple(row) for row in reader if any(cell.strip() for cell in row))
        head = next(rows, ())
        columns = tuple(_column(name) for name in head)
        if "url" not in columns:
            raise errors.BAD_FILE("The first line names no column “url”.", field="file")
        read: list[tuple[str, ...]] = []
        for row in rows:
            if len(read) == MOST_ROWS:
                return Sheet(head, columns, tuple(read), is_cut=True)
            read.append(row)
    except csv.Error as fault:
        raise errors.BAD_FILE(
            "Line %(line)s cannot be read.",
            field="file",
            line=reader.line_num,
            english=f"Line {reader.line_num} cannot be read: {fault}.",
        ) from None
    return Sheet(head, columns, tuple(read))


def only(
    sheet: Sheet, results: Sequence[RowResult], result: Result, words: errors.Words
) -> Iterator[str]:
    """The rows of a table of which this became, as they came, with why in a column of its own, in
    the language of `words`."""
    yield _line([*sheet.head, "reason"])
    for one in results:
        if one.result is result:
            cells = sheet.rows[one.row - 1]
            missing = [""] * (len(sheet.head) - len(cells))
            reason = one.note.said(words) if one.note else ""
            yield _line([*cells[: len(sheet.head)], *missing, reason])


def time_text(utime: int) -> str:
    """A time in µs as ISO 8601 has it, in UTC, whole seconds."""
    return moment(utime).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(text: str, field: str) -> int | None:
    """A time in µs as people and programs write it; None for an empty text. INVALID_FIELD."""
    text = text.strip()
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            number = int(text)
            # Seconds until the year 5138, then milliseconds, then microseconds.
            for bound, unit in ((10**11, SECOND), (10**14, 1000), (_INT64, 1)):
                if number < bound:
                    return number * unit
            raise ValueError(text)
        read = datetime.fromisoformat(text)
        if read.tzinfo is None:
            read = read.replace(tzinfo=UTC)
        utime = int(read.timestamp()) * SECOND
    except (ValueError, OverflowError):
        raise errors.INVALID_FIELD(
            "A time is written like 2026-12-31 or 2026-12-31T18:00:00Z.", field=field
        ) from None
    if utime < 0:
        raise errors.INVALID_FIELD("Times begin with 1970.", field=field)
    return utime


def _terms(cells: Mapping[str, str]) -> Terms:
    enabled = cells.get("enabled", "").lower()
    if enabled not in _ON | _OFF:
        raise errors.INVALID_FIELD("This is neither true nor false.", field="enabled")
    most = cells.get("max_clicks", "") or "0"
    if not (most.isascii() and most.isdigit() and len(most) < 19):
        raise errors.INVALID_FIELD("Write a whole number.", field="max_clicks")
    ends = time_of(cells.get("ends", ""), "ends")
    return Terms(
        title=cells.get("title", ""),
        tags=tuple(_tags(cells.get("tags", ""))),
        expiration_utime=NEVER if ends is None else ends,
        expiration_count=int(most),
        enabled=enabled in _ON,
    )


def _tags_cell(names: Sequence[str]) -> str:
    """Tags with commas between them, or, where a name has a sign that lists are split at, with
    bars."""
    if not any(re.search(r"[,;|]", name) for name in names):
        return ",".join(names)
    return joined_tags([*names, ""] if len(names) == 1 else names, "|")


def _tags(cell: str) -> list[str]:
    return split_tags(cell, "|") if "|" in cell else without_doubles(re.split("[,;]", cell))


def _made(one: _Planned, code: str, short_url: str = "") -> RowResult:
    result = Result.MADE_WITH_NOTES if one.notes else Result.MADE
    note = errors.Sentence("Its clicks stay behind: they cannot be counted anew.")
    return _result(one, result, code, short_url, one.notes, note if one.notes else None)


def _skipped(one: _Planned, refusal: errors.ShortdError) -> RowResult:
    code = one.new.code or ""
    return _result(one, Result.SKIPPED, code, "", (refusal.code,), refusal.sentence)


def _result(
    one: _Planned,
    result: Result,
    code: str,
    short_url: str = "",
    reasons: tuple[str, ...] = (),
    note: errors.Sentence | None = None,
) -> RowResult:
    url = one.new.destination.url
    return RowResult(one.row, result, code, one.new.host.name, url, short_url, reasons, note)


def _column(name: str) -> str:
    """What a column of this name is taken for."""
    name = re.sub(r"[\s-]+", "_", name.strip().lstrip("\ufeff").lower())
    known = _ALSO_CALLED.get(name, name)
    return known if known in COLUMNS else ""


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise errors.BAD_FILE("This is no table in CSV.", field="file")


def _with_scheme(url: str) -> str:
    """An address as people write it. What else has no scheme may be the name of a file."""
    return f"https://{url}" if url[:4].lower() == "www." else url


def _plain(cell: str) -> str:
    """A cell without the mark that makes it a text."""
    return unmarked(cell.strip())


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(map(harmless, cells))
    return written.getvalue()
