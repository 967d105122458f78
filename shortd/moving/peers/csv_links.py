"""Tables of links: anybody's, and those that YOURLS' plugin, Shlink's web client, Dub, Bitly and
this server write. Columns are known by their names, in any order and spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from shortd import errors
from shortd.moving.csv_rows import CsvRows
from shortd.moving.drafts import Draft
from shortd.moving.inputs import Input
from shortd.moving.options import Options
from shortd.moving.peers.dub import spelled
from shortd.moving.records import Problem, Reason, Remark
from shortd.moving.staged import Found, StagedSource
from shortd.moving.tables import Faulty
from shortd.moving.texts import told
from shortd.moving.urls import host_name, split_short_url, unescaped

COLUMNS: dict[str, tuple[str, ...]] = {
    "code": ("shortcode", "code", "keyword", "slug", "alias", "backhalf", "key", "source"),
    "short_url": ("shorturl", "shortlink", "link", "bitlink"),
    "url": (
        *("longurl", "url", "target", "destination", "destinationurl", "originalurl"),
        "longlink",
    ),
    "title": ("title", "name", "description", "notes"),
    "created": ("createdat", "created", "timestamp", "date", "datecreated"),
    "clicks": ("clicks", "hits", "visits", "engagements"),
    "tags": ("tags",),
    "host": ("domain", "host"),
    "ends": ("expiresat", "expirein", "validuntil", "expirytime", "ends"),
    "limit": ("maxclicks", "maxvisits"),
    "enabled": ("enabled",),
    "archived": ("archived",),
    "note": ("note", "notes", "comments"),
    "owner": ("owner",),
}
"""Names by what they mean, the surest first."""
_NO = frozenset({"false", "0", "no", "off"})
_YES = frozenset({"true", "1", "yes", "on"})
_HTTP = re.compile(r"https?://", re.IGNORECASE)


class CsvLinks(StagedSource):
    """A table of anybody's."""

    title = "CSV"
    tag_delimiters: ClassVar[str] = "|,"
    """The first of these that stands in a cell splits it."""
    is_escaped: ClassVar[bool] = False
    """Codes are paths of URLs."""
    ignores_case: ClassVar[bool] = False

    def __init__(self, source: Input, options: Options) -> None:
        super().__init__("csv", options)
        self._source = source
        try:
            self._rows = CsvRows(source)
        except BaseException:
            self.close()
            raise
        self._names = self._choose(self._rows.columns)
        if "url" not in self._names:
            self.close()
            raise errors.SOURCE_UNREADABLE(
                "%(name)s has no column of destinations (url) in its first line.", name=source.name
            )

    def _choose(self, columns: list[str]) -> dict[str, str]:
        chosen: dict[str, str] = {}
        for meaning, names in COLUMNS.items():
            for name in names:
                if name in columns and name not in chosen.values():
                    chosen[meaning] = name
                    break
        return chosen

    def load(self) -> Iterator[Found]:
        for line, row in self._rows.rows():
            if isinstance(row, Faulty):
                yield Problem(row=line, reason=Reason.UNREADABLE, text=row.why)
                continue
            cells = {meaning: row.get(name, "") for meaning, name in self._names.items()}
            self.stage.add_link((line, cells), self.times.read(cells.get("created", "")))
        self.may_be_empty = True

    def remarks(self) -> Iterator[Found]:
        if self.ignores_case:
            yield Remark(
                "ignores_case",
                f"{self.title} takes codes in capitals and small letters for one: set ignore_case"
                " for the host.",
            )

    def draft(self, row: Any) -> Draft | Problem | None:
        line, cells = row
        host, code = self._place(cells)
        url = cells["url"].strip()
        draft = Draft(self.times, key=line, row=line, url=url, code=code, host=host)
        if not url:
            return draft.skipped(Reason.URL)
        if not code and cells.get("short_url", "").strip():
            return draft.skipped(Reason.DOMAIN_ROOT)
        draft.created(cells.get("created", ""))
        if cells.get("created", "").strip() and self.times.read(cells["created"]) is None:
            draft.say(Reason.TIME_UNREADABLE, f"created: {told(cells['created'])[:80]}")
        draft.clicks(cells.get("clicks", "").strip())
        draft.title(cells.get("title", ""))
        if cells.get("note", "").strip():
            draft.note(cells["note"])
        draft.tags(self._tags(cells.get("tags", "")))
        draft.ends(cells.get("ends", "").strip())
        draft.limit(cells.get("limit", "").strip())
        if cells.get("enabled", "").strip().lower() in _NO:
            draft.disable()
        if cells.get("archived", "").strip().lower() in _YES:
            draft.archive()
        if cells.get("owner", "").strip():
            draft.owner(cells["owner"])
        return draft

    def _place(self, cells: dict[str, str]) -> tuple[str | None, str]:
        """Host and code of a row."""
        host, code = split_short_url(cells.get("short_url", ""))
        own = cells.get("code", "").strip()
        if _HTTP.match(own):
            host, code = split_short_url(own)
        elif own:
            code = (unescaped(own) if self.is_escaped else own).strip("/")
        if named := cells.get("host", "").strip():
            host = host_name(named)
        return host, code

    def _tags(self, cell: str) -> list[str]:
        delimiter = next((mark for mark in self.tag_delimiters if mark in cell), None)
        return [cell] if delimiter is None else cell.split(delimiter)

    @property
    def loaded(self) -> float | None:
        return self._rows.progress

    def close(self) -> None:
        self._source.close()
        super().close()


class YourlsCsv(CsvLinks):
    """Of the plugin Import-Export: `source` is "/keyword/"."""

    title = "YOURLS"


class ShlinkCsv(CsvLinks):
    """Of the web client: a code is the path of a URL, tags have commas."""

    title = "Shlink"
    tag_delimiters = "|"
    is_escaped = True


class DubCsv(CsvLinks):
    """Of the dashboard."""

    title = "Dub"
    tag_delimiters = ","
    ignores_case = True

    def _place(self, cells: dict[str, str]) -> tuple[str | None, str]:
        host, code = super()._place(cells)
        return host, spelled(code)


class BitlyCsv(CsvLinks):
    """Of the dashboard."""

    title = "Bitly"
    tag_delimiters = ","
