"""The title in a page of HTML: whatever bytes some server sent, read by the standard library.

A parser that builds trees takes minutes for a hundred thousand nested elements, so this one builds
none, and gives up when a page costs more than it should.
"""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import webencodings
from werkzeug.http import parse_options_header

TITLE_CHARACTERS = 256
CPU_SECONDS = 0.2
"""What one page may cost, all in all; it is looked at between pieces."""
PIECE = 1 << 14
"""Characters that are parsed at a time."""
PRESCAN_BYTES = 1024
"""Where a page has to name its encoding (HTML standard 4.2.5.4)."""

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of text."""


def title_of(body: bytes, charset: str | None) -> str | None:
    """The title on one line, of at most `TITLE_CHARACTERS`; None where there is none.

    `charset` is that of the Content-Type. Takes some milliseconds: not for the event loop.
    """
    reader = _Reader()
    text, _ = webencodings.decode(body, _encoding(charset) or _named_inside(body) or _UTF_8)
    deadline = time.thread_time() + CPU_SECONDS
    try:
        for start in range(0, len(text), PIECE):
            reader.feed(text[start : start + PIECE])
            if reader.is_done or time.thread_time() > deadline:
                break
    # The parser asserts that markup makes sense.
    except AssertionError:
        return None
    title = " ".join(_UNSHOWN.sub(" ", reader.title).split())
    if len(title) > TITLE_CHARACTERS:
        title = title[: TITLE_CHARACTERS - 1].rstrip() + "…"
    return title or None


_UTF_8 = webencodings.lookup("utf-8")


def _encoding(label: str | None) -> webencodings.Encoding | None:
    """Only what browsers know: Python has codecs that take for ever."""
    return webencodings.lookup(label) if label else None


def _named_inside(body: bytes) -> webencodings.Encoding | None:
    reader = _Reader()
    try:
        reader.feed(body[:PRESCAN_BYTES].decode("latin-1"))
    except AssertionError:
        return None
    found = _encoding(reader.charset)
    # Had it been UTF-16, nobody could have read that it is.
    return _UTF_8 if found is not None and found.name.startswith("utf-16") else found


class _Reader(HTMLParser):
    """Waits for the first title that is the document's."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.charset: str | None = None
        """What a `meta` element says."""
        self.is_done = False
        self._inside = False
        self._drawings = 0
        """Depth of `svg` elements, which have titles of their own."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._inside = not self._drawings
        elif tag == "svg":
            self._drawings += 1
        elif tag == "meta" and self.charset is None:
            values = dict(attrs)
            self.charset = values.get("charset")
            if self.charset is None and (values.get("http-equiv") or "").lower() == "content-type":
                _, options = parse_options_header(values.get("content"))
                self.charset = options.get("charset")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._inside:
            self._inside = False
            self.is_done = True
        elif tag == "svg":
            self._drawings = max(0, self._drawings - 1)

    def handle_data(self, data: str) -> None:
        if self._inside and not self.is_done and len(self.title) <= 16 * TITLE_CHARACTERS:
            self.title += data
