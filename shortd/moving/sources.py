"""The formats that can be read, and opening a source of one.

    with open_source("yourls", "dump.sql.gz", Options()) as source:
        for record in source.links(): ...
        for record in source.clicks(): ...

Opening looks at what the source is (a dump, a database, an API's answer); whatever is wrong with it
as a whole is SOURCE_UNREADABLE, then or while it is read. It is read where it lies: who opens it
answers for whether he may.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from zoneinfo import ZoneInfo

import msgspec

from shortd.moving.records import (
    ClickSum,
    HostSetting,
    Problem,
    Remark,
    SourceClick,
    SourceLink,
)

if TYPE_CHECKING:
    import httpx

UTC = ZoneInfo("UTC")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a source does not tell by itself."""

    timezone: ZoneInfo = UTC
    """Of local times without an offset."""
    database_timezone: ZoneInfo | None = None
    """The zone of a MySQL server that took UTC for its own time (YOURLS, Polr): times of a dump in
    UTC are shifted back."""
    prefix: str | None = None
    """Of the tables of a dump; None: to be found."""
    dates: Literal["", "mdy", "dmy"] = ""
    """How 03/04/2021 is to be read; empty: such a time is unreadable."""
    site: str = ""
    """The base URL of the peer, where only its short URLs tell codes; empty: to be found."""
    api_key: str = ""
    """For an API."""
    workdir: Path = Path(tempfile.gettempdir())
    """Where copies of databases, what comes from standard input and the order of links are kept
    while a source is open: as much as the source itself, at most twice."""


class Format(msgspec.Struct, frozen=True):
    """One of the formats, for those who choose."""

    name: str
    """As in `import NAME`."""
    title: str
    forms: tuple[str, ...]
    """What a source of it can be, in words."""


FORMATS: dict[str, Format] = {
    kind.name: kind
    for kind in (
        Format(
            "yourls",
            "YOURLS",
            ("SQL dump", "answer of its API (JSON)", "CSV of the plugin Import-Export"),
        ),
        Format(
            "shlink",
            "Shlink",
            (
                "address of its REST API, with a key",
                "SQLite file",
                "SQL dump (MySQL, MariaDB, PostgreSQL)",
                "CSV of the web client",
            ),
        ),
        Format("kutt", "Kutt", ("SQLite file", "answers of its API (JSON)")),
        Format("chhoto", "chhoto-url", ("SQLite file", "answer of its API (JSON)")),
        Format("polr", "Polr", ("SQL dump",)),
        Format("dub", "Dub", ("answers of its API (JSON)", "CSV")),
        Format("bitly", "Bitly", ("answers of its API (JSON)", "CSV")),
        Format("csv", "CSV", ("table with a line of names",)),
        Format("bookmarks", "bookmarks", ("HTML file of a browser",)),
    )
}


class Source(AbstractContextManager["Source"], ABC):
    """An open source."""

    form: str
    """What it turned out to be: "sql", "sqlite", "json", "csv", "rest", "html"."""

    @abstractmethod
    def links(self) -> Iterator[SourceLink | Problem | Remark | HostSetting]:
        """Links, oldest first, each (host, code) once, and what else there is. Once only."""

    @abstractmethod
    def clicks(self) -> Iterator[SourceClick | ClickSum]:
        """Clicks; to be asked for behind the last of `links()`. Once only."""

    @property
    @abstractmethod
    def progress(self) -> float | None:
        """How much of the reading is done, from 0 to 1; None: nobody knows."""

    @abstractmethod
    def close(self) -> None:
        """Removes what was kept meanwhile."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


def open_source(
    format_name: str, where: str, options: Options, *, client: httpx.Client | None = None
) -> Source:
    """A source of one of FORMATS: `where` is a path, a folder, "-" or an http(s) URL.

    `client` is for tests, which have no network. Raises SOURCE_UNREADABLE.
    """
    raise NotImplementedError(format_name, where, options, client)
