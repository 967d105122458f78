"""The title in a page of HTML, whatever bytes some server sent; or where the page leads on.

Read by the standard library. A parser that builds trees takes minutes for a hundred thousand nested
elements, so this one builds none, and gives up when a page costs more than it should. libxml2 is
none of the choices: it keeps every name of a tag or attribute that it ever met.
"""

from __future__ import annotations

import codecs
import re
import time
from collections import Counter
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

import ada_url
import webencodings

TITLE_CHARACTERS = 256
PIECE = 1 << 13
"""Bytes that are parsed at a time, some milliseconds at most."""
REFRESH_SECONDS = 5
"""Nobody reads a page that leads on so soon."""

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of text."""
_UNREADABLE = "\ufffd"
"""What stands for bytes that mean nothing in an encoding."""
_MISREAD = _UNREADABLE.encode().decode("cp1252")
# What the document has no title from: drawings and formulas have their own, templates are no part
# of it, a list of choices holds no elements, and browsers with scripts read nothing for others.
_APART = frozenset({"svg", "math", "template", "select", "noscript"})
_IN_HEAD = _APART - {"select"} | frozenset(
    {"html", "head", "title", "meta", "link", "base", "style", "script"}
)
"""What may stand before a page's own content."""
_XML_DECLARATION = re.compile(
    rb"\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})"
)
# HTML 2.6.5, "extracting a character encoding from a meta element".
_CHARSET = re.compile(r"charset\s*+=\s*+[\"']?([^\"'\s;]{1,40})", re.IGNORECASE)
# HTML 4.2.5.3, "shared declarative refresh steps".
_REFRESH = re.compile(
    r"\s*+(?=[0-9.])(?P<seconds>[0-9]*+)[0-9.]*+(?:\s*+[;,]\s*+|\s++)(?:url\s*+=\s*+)?+"
    r"(?:'(?P<single>[^']*)|\"(?P<double>[^\"]*)|(?P<bare>.+))",
    re.IGNORECASE | re.DOTALL,
)
_CUT_END = re.compile(r"<(?:/(?:t|ti|tit|titl|title)?)?\Z", re.IGNORECASE)
"""So much of a title's end tag as may have come."""
_UTF_8 = webencodings.lookup("utf-8")
_WINDOWS = webencodings.lookup("windows-1252")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16le",
    codecs.BOM_UTF16_BE: "utf-16be",
}


class Head(NamedTuple):
    """What was found of a page."""

    title: str | None = None
    """On one line, of at most `TITLE_CHARACTERS`."""
    refresh: str | None = None
    """Where the page leads on to by itself; empty if that is nowhere."""
    is_whole: bool = False
    """What else there may be of the page has nothing to say."""


def read_head(body: bytes, url: str, charset: str | None, seconds: float) -> Head:
    """Looks through what has come of the page at a URL. `charset` is that of its Content-Type.

    Takes `seconds` of processor time at most, and some milliseconds: not for the event loop.
    """
    deadline = time.thread_time() + seconds
    head, tried = Head(), set()
    for encoding, is_guess in _encodings(body, charset, deadline):
        if encoding.name in tried:
            continue
        tried.add(encoding.name)
        reader = _read(body, encoding, deadline)
        title, refresh = _shown(reader.title), reader.leads_to(url)
        head = Head(None, refresh, refresh is not None or reader.is_done)
        if not title:
            return head
        if _UNREADABLE not in title and not (is_guess and _is_foreign(title)):
            return head._replace(title=title)
    return head


def _encodings(
    body: bytes, charset: str | None, deadline: float
) -> Iterator[tuple[webencodings.Encoding, bool]]:
    """What a page's bytes may be in, the likeliest first (HTML 13.2.3.2), and whether that is a
    guess: what a mark at their beginning says, their header, a label, the XML declaration; else
    UTF-8, and what most of the web's older pages are in.
    """
    for mark, name in _MARKS.items():
        if body.startswith(mark):
            yield webencodings.lookup(name), False
            return
    if (declared := _encoding(charset)) is not None:
        yield declared, False
    # In every encoding whose label can be read, ASCII is ASCII.
    if (label := _read(body, _WINDOWS, deadline).label) is not None:
        yield label, False
    declaration = _XML_DECLARATION.match(body)
    if declaration and (named := _label(declaration[1].decode("ascii"))) is not None:
        yield named, False
    yield _UTF_8, False
    yield _WINDOWS, True


def _encoding(label: str | None) -> webencodings.Encoding | None:
    """Only what browsers know: Python has codecs that take for ever."""
    found = webencodings.lookup(label) if label else None
    return _WINDOWS if found is not None and found.name == "x-user-defined" else found


def _label(text: str) -> webencodings.Encoding | None:
    """What a page says of itself. Were it UTF-16, nobody could have read that it is."""
    found = _encoding(text)
    return _UTF_8 if found is not None and found.name.startswith("utf-16") else found


def _is_foreign(title: str) -> bool:
    """Whether a guess is wrong: most letters are beyond ASCII, so that these bytes are some other
    script's, or they are UTF-8 that was unreadable before it was sent.
    """
    if _MISREAD in title:
        return True
    letters = Counter(character.isascii() for character in title if character.isalpha())
    return letters[False] > letters[True]


def _shown(title: str) -> str:
    title = " ".join(_UNSHOWN.sub(" ", title).split())
    if len(title) > TITLE_CHARACTERS:
        title = title[: TITLE_CHARACTERS - 1].rstrip() + "…"
    return title


def _read(body: bytes, encoding: webencodings.Encoding, deadline: float) -> _Reader:
    """As much of a page as is of use, or as there is time for."""
    reader = _Reader()
    # What has come may end within a character, which is then left out.
    decoder = webencodings.IncrementalDecoder(encoding)
    try:
        for start in range(0, len(body), PIECE):
            reader.feed(decoder.decode(body[start : start + PIECE]))
            if reader.is_done or time.thread_time() > deadline:
                break
    # The parser asserts that markup makes sense, and that no character's number is endless.
    except (AssertionError, ValueError):
        pass
    return reader


class _Reader(HTMLParser):
    """Hears of a page's elements, and waits for the first title that is the document's."""

    CDATA_CONTENT_ELEMENTS = (  # type: ignore[misc]  # typeshed calls it final
        *("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"),
    )
    """Up to its end tag, each of them is nothing but text; versions of Python differ about it."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        """Of the title, as it is written."""
        self.label: webencodings.Encoding | None = None
        """What a `meta` element says."""
        self._refresh: str | None = None
        self._base = ""
        self._is_in_title = False
        self._has_title = False
        self._has_content = False
        self._apart = 0
        """Depth of elements that say nothing of the document."""

    @property
    def title(self) -> str:
        """The title, or what has come of it."""
        if not self._is_in_title:
            return unescape(self._text[: 16 * TITLE_CHARACTERS])
        return unescape(_CUT_END.sub("", (self._text + self.rawdata)[: 16 * TITLE_CHARACTERS]))

    @property
    def is_done(self) -> bool:
        """Whether the head is over, and the title was there or has come since."""
        return self._has_content and self._has_title

    def leads_to(self, url: str) -> str | None:
        """Where the page at a URL leads on to; None if it does not, or only to itself."""
        if self._refresh is None:
            return None
        try:
            base = ada_url.URL(self._base, base=url).href if self._base else url
            target = ada_url.URL(self._refresh, base=base).href
        except ValueError:
            return ""
        return None if target.partition("#")[0] == url.partition("#")[0] else target

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._apart and tag not in _IN_HEAD:
            self._has_content = True
        if tag in _APART:
            self._apart += 1
        elif tag == "meta":
            self._note(attrs)
        elif tag == "base" and not self._base:
            self._base = _valued(attrs).get("href", "")
        elif tag == "title" and not self._apart and not self._has_title:
            self._is_in_title = True

    def handle_endtag(self, tag: str) -> None:
        if tag in _APART:
            self._apart = max(0, self._apart - 1)
        elif tag == "title" and self._is_in_title:
            self._is_in_title, self._has_title = False, True

    def handle_data(self, data: str) -> None:
        if self._is_in_title and len(self._text) <= 16 * TITLE_CHARACTERS:
            self._text += data

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        values = _valued(attrs)
        about, content = values.get("http-equiv", "").strip().lower(), values.get("content", "")
        if self.label is None:
            self.label = _label(values.get("charset", ""))
            if self.label is None and about == "content-type":
                match = _CHARSET.search(content)
                self.label = _label(match[1]) if match is not None else None
        if about == "refresh" and not self._apart and self._refresh is None:
            match = _REFRESH.match(content)
            if match is not None and int(match["seconds"][:9] or 0) <= REFRESH_SECONDS:
                self._refresh = match["single"] or match["double"] or match["bare"] or ""


def _valued(attrs: list[tuple[str, str | None]]) -> dict[str, str]:
    """Attributes that have a value; of one that is there twice, the first one counts."""
    return {name: value for name, value in reversed(attrs) if value}
