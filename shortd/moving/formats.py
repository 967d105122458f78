"""The formats that can be read, by their names, for those who choose.

Reading one is `sources`: this module must import nothing of that, which pages need for one file in
a thousand.
"""

from __future__ import annotations

import msgspec


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
