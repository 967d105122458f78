"""The formats that can be read, and opening a source of one.

    with open_source("yourls", "dump.sql.gz", Options()) as source:
        for record in source.links(): ...
        for record in source.clicks(): ...

Opening looks at what the source is (a dump, a database, an API's answer); whatever is wrong with it
as a whole is SOURCE_UNREADABLE, then or while it is read. It is read where it lies: who opens it
answers for whether he may.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shortd import errors
from shortd.moving.formats import FORMATS, Format
from shortd.moving.inputs import Input, form_of, open_path, open_standard_input, pages_of
from shortd.moving.options import Options
from shortd.moving.peers.bitly import BitlyAnswers
from shortd.moving.peers.bookmarks import Bookmarks
from shortd.moving.peers.by_object import ObjectSource
from shortd.moving.peers.by_table import TableSource
from shortd.moving.peers.chhoto import ChhotoAnswers, ChhotoTables
from shortd.moving.peers.csv_links import BitlyCsv, CsvLinks, DubCsv, ShlinkCsv, YourlsCsv
from shortd.moving.peers.dub import DubAnswers
from shortd.moving.peers.kutt import KuttAnswers, KuttTables
from shortd.moving.peers.polr import PolrTables
from shortd.moving.peers.shlink import ShlinkTables
from shortd.moving.peers.yourls import YourlsAnswers, YourlsTables
from shortd.moving.source import Source

if TYPE_CHECKING:
    import httpx

    from shortd.moving.staged import StagedSource


_TABLES: dict[str, type[TableSource]] = {
    "yourls": YourlsTables,
    "shlink": ShlinkTables,
    "kutt": KuttTables,
    "chhoto": ChhotoTables,
    "polr": PolrTables,
}
_OBJECTS: dict[str, type[ObjectSource]] = {
    "yourls": YourlsAnswers,
    "kutt": KuttAnswers,
    "chhoto": ChhotoAnswers,
    "dub": DubAnswers,
    "bitly": BitlyAnswers,
}
_CSV: dict[str, type[CsvLinks]] = {
    "csv": CsvLinks,
    "yourls": YourlsCsv,
    "shlink": ShlinkCsv,
    "dub": DubCsv,
    "bitly": BitlyCsv,
}


def open_source(
    format_name: str, where: str, options: Options, *, client: httpx.Client | None = None
) -> Source:
    """A source of one of FORMATS: `where` is a path, a folder, "-" or an http(s) URL.

    `client` is for tests, which have no network. Raises SOURCE_UNREADABLE.
    """
    kind = FORMATS[format_name]
    if where.startswith(("http://", "https://")):
        return _open_api(kind, where, options, client)
    path = None if where == "-" else Path(where)
    if path is not None and path.is_dir():
        pages = pages_of(path)
        source = open_path(pages[0])
        others = [partial(open_path, page) for page in pages[1:]]
    else:
        source = open_standard_input() if path is None else open_path(path)
        others = []
    return _opened(kind, source, path, others, options)


def open_file(format_name: str, path: Path, name: str, most: int, options: Options) -> Source:
    """The same of a file alone, which messages call by a `name` of its own, and of which no more
    than so many bytes are read, unpacked."""
    return _opened(
        FORMATS[format_name], open_path(path, name, most, options.pause), path, [], options
    )


def _opened(
    kind: Format,
    source: Input,
    path: Path | None,
    others: list[partial[Input]],
    options: Options,
) -> StagedSource:
    try:
        return _open(kind, source, path, others, options)
    except BaseException:
        source.close()
        raise


def _open_api(
    kind: Format, where: str, options: Options, client: httpx.Client | None
) -> StagedSource:
    if kind.name != "shlink":
        raise errors.SOURCE_UNREADABLE(
            "Only Shlink is read from an address; keep the answers of %(title)s in a file.",
            title=kind.title,
        )
    # httpx takes its time to load, and most sources are files.
    from shortd.moving.peers.shlink_rest import ShlinkApi

    return ShlinkApi(where, options, client)


def _open(
    kind: Format,
    source: Input,
    path: Path | None,
    others: list[partial[Input]],
    options: Options,
) -> StagedSource:
    form = form_of(source.head)
    if form == "sql" and kind.name not in _TABLES:
        # A table's cell may look like anything.
        form = "csv"
    if form in ("sql", "sqlite") and kind.name in _TABLES and not others:
        return _TABLES[kind.name](form, source, path, options)
    if form == "json" and kind.name in _OBJECTS:
        return _OBJECTS[kind.name](form, [lambda: source, *others], options)
    if form == "html" and kind.name == "bookmarks" and not others:
        return Bookmarks(source, options)
    if form == "csv" and kind.name in _CSV and not others:
        return _CSV[kind.name](source, options)
    raise errors.SOURCE_UNREADABLE(
        "%(name)s is nothing that %(title)s is read from (%(forms)s).",
        name=source.name,
        title=kind.title,
        forms=", ".join(kind.forms),
    )
