"""Bookmarks as browsers export them: HTML that closes hardly any of its elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from html.parser import HTMLParser
from typing import Any

from shortd import errors
from shortd.moving.drafts import Draft
from shortd.moving.inputs import Input, text_pieces
from shortd.moving.options import Options
from shortd.moving.records import Problem
from shortd.moving.staged import Found, StagedSource
from shortd.moving.texts import IN_CP1252, clean

FOLDERS = 100
"""Folders in one another."""
TAG = 1 << 18
"""Characters of one tag: a bookmark has its icon in it."""
TEXT = 4096
"""Characters of a title that are looked at."""
_PIECE = 1 << 15
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]*+;?)")
_CUT = re.compile(r"&[A-Za-z0-9]{0,40}\Z")
"""What may go on in the next piece."""


def _spelled_out(found: re.Match[str]) -> str:
    """An "&" that begins no reference, as one. Some browsers write addresses as they are, and in
    `?id=1&section=2` the library would see "§"."""
    name = found[1]
    return found[0] if name.endswith(";") and name in html5 else f"&amp;{name}"


class _Parser(HTMLParser):
    """Finds bookmarks, and the folders that they are in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, list[str], str, str]] = []
        """URL, title, folders, tags, time."""
        self._folders: list[str] = []
        self._depth = 0
        self._next = ""
        self._anchor: dict[str, str] | None = None
        self._is_heading = False
        self._text: list[str] = []
        self._size = 0

    @property
    def waiting(self) -> int:
        """Characters that wait for their end."""
        return len(self.rawdata)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._end_anchor()
            self._anchor = {name: value or "" for name, value in attrs}
            self._begin()
        elif tag == "h3":
            self._end_anchor()
            self._is_heading = True
            self._begin()
        elif tag == "dl":
            self._end_anchor()
            if self._depth < FOLDERS:
                self._folders.append(self._next)
            self._depth += 1
            self._next = ""
        elif tag == "dt":
            self._end_anchor()

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_anchor()
        elif tag == "h3" and self._is_heading:
            self._is_heading = False
            # A "/" parts the names of folders.
            self._next = clean("".join(self._text)).replace("/", " ")
        elif tag == "dl" and self._depth:
            self._end_anchor()
            self._depth -= 1
            if self._depth < FOLDERS:
                self._folders.pop()

    def handle_data(self, data: str) -> None:
        if (self._anchor is not None or self._is_heading) and self._size < TEXT:
            self._text.append(data[:TEXT])
            self._size += len(data)

    def close(self) -> None:
        # A tag that never ended is none. The library would try again at each "<" that is in it.
        self.handle_data(unescape(self.rawdata[:TEXT].partition("<")[0]))
        self._end_anchor()

    def _begin(self) -> None:
        self._text, self._size = [], 0

    def _end_anchor(self) -> None:
        anchor, self._anchor = self._anchor, None
        if anchor is not None and anchor.get("href"):
            folders = [name[:256] for name in self._folders if name]
            self.found.append(
                (
                    anchor["href"],
                    "".join(self._text),
                    folders,
                    anchor.get("tags", ""),
                    anchor.get("add_date", ""),
                )
            )


class Bookmarks(StagedSource):
    """An exported file. Its links have no codes; they keep the file's order."""

    title = "bookmarks"

    def __init__(self, source: Input, options: Options) -> None:
        super().__init__("html", options)
        self._source = source

    def load(self) -> Iterator[Found]:
        parser = _Parser()
        number = 0
        cut = ""
        for text in text_pieces(self._source, IN_CP1252):
            for at in range(0, len(text), _PIECE):
                piece = cut + text[at : at + _PIECE]
                found = _CUT.search(piece)
                cut = "" if found is None else found[0]
                self._feed(parser, _NAMED.sub(_spelled_out, piece.removesuffix(cut)))
                number = self._add(parser, number)
        self._feed(parser, cut)
        parser.close()
        self._add(parser, number)
        yield from ()

    def _feed(self, parser: _Parser, text: str) -> None:
        try:
            parser.feed(text)
        except (AssertionError, ValueError):
            # What the library says of markup, and of a character's number, that it cannot read.
            raise errors.SOURCE_UNREADABLE(
                "%(name)s is no file of bookmarks.", name=self._source.name
            ) from None
        if parser.waiting > TAG:
            raise errors.SOURCE_UNREADABLE(
                "%(name)s has a tag of more than %(most)s characters.",
                name=self._source.name,
                most=TAG,
            )

    def _add(self, parser: _Parser, number: int) -> int:
        for found in parser.found:
            number += 1
            self.stage.add_link((number, *found), number)
        parser.found.clear()
        return number

    def draft(self, row: Any) -> Draft | Problem | None:
        number, url, title, folders, tags, created = row
        draft = Draft(self.times, key=str(number), row=str(number), url=url, code=None)
        draft.created(created)
        draft.title(title)
        draft.tags(tags.split(","))
        draft.folder(folders)
        return draft

    @property
    def loaded(self) -> float | None:
        return self._source.progress

    def close(self) -> None:
        self._source.close()
        super().close()
