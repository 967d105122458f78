"""What a file probably is, for those who do not know what to call it."""

from __future__ import annotations

from pathlib import Path

from shortd.moving.inputs import form_of, open_path, unmarked

LOOKED_AT = 1 << 18
"""Bytes, unpacked. Dumps have their tables in the order of their names, so that visits can stand in
them long before links."""

_MARKS: dict[str, tuple[tuple[str, bytes], ...]] = {
    "tables": (
        ("shlink", b"short_urls"),
        ("shlink", b"api_key_roles"),
        ("polr", b"secret_key"),
        ("polr", b"referer_host"),
        ("kutt", b"visit_count"),
        ("kutt", b"knex_migrations"),
        ("yourls", b"yourls_url"),
        ("yourls", b"click_id"),
        ("yourls", b"keyword"),
        ("chhoto", b"long_url"),
    ),
    "json": (
        ("bitly", b'"bitlinks"'),
        ("bitly", b'"long_url"'),
        ("kutt", b'"visit_count"'),
        ("chhoto", b'"shortlink"'),
        ("dub", b'"shortLink"'),
        ("yourls", b'"link_1"'),
        ("yourls", b'"shorturl"'),
    ),
    "csv": (("yourls", b"source,target"), ("shlink", b'"shortCode","shortUrl"')),
}
"""By the form of a source, what stands in each format's and in none before it."""


def guess(path: Path, name: str) -> str | None:
    """The name of the format that a file seems to have, None if nothing tells; `name` is for
    messages. SOURCE_UNREADABLE."""
    source = open_path(path, name)
    try:
        form = form_of(source.head)
        read = bytearray()
        while form in ("sql", "sqlite", "json") and len(read) < LOOKED_AT:
            piece = source.read()
            if not piece:
                break
            read += piece
        if form == "html":
            return "bookmarks"
        if form == "csv":
            first = unmarked(source.head).lstrip().partition(b"\n")[0]
            return _marked("csv", first) or ("csv" if _parts(first) else None)
        return _marked("json" if form == "json" else "tables", unmarked(bytes(read)))
    finally:
        source.close()


def _marked(form: str, text: bytes) -> str | None:
    return next((name for name, mark in _MARKS[form] if mark in text), None)


def _parts(line: bytes) -> bool:
    """Whether the first line may name columns."""
    return any(mark in line for mark in (b",", b";", b"\t", b"url", b"URL"))
