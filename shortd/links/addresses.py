"""Reading the address of a link: what of it is the code, and what only stands around it.

People, mail programs and chats put full stops, brackets, quotes, spaces and what nobody can see
around an address, as they are or escaped. None of that can be part of a code, so cutting it off
makes no address mean two things. This module must never cut off a letter or a digit of any script,
`-` or `_`: with one of those more it is another address.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from urllib.parse import unquote, unquote_to_bytes

CODE_PATTERN = re.compile(r"(?!-)[A-Za-z0-9_-]{1,64}", re.ASCII)
"""What a code can be at all; each API allows its own part of it."""
LINK_PATH = re.compile(
    rf"/(?P<code>{CODE_PATTERN.pattern})(?:(?P<preview>\+)|\.(?P<image>svg|png))?", re.ASCII
)
"""A short link's path, its preview's or its image's: by shape alone."""

LONGEST = 1024
"""Characters of an address, with all that stands around it."""

_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_IPV6 = re.compile(r"\s*\[[0-9A-Fa-f:.]+\]")
_BEHIND_PATH = re.compile(r"[?#]")
# Letters and marks that show nothing (Unicode 15, Default_Ignorable_Code_Point); the other
# invisible characters are told by their category.
_BLANK = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164),
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)


def read_path(path: str, raw_path: bytes) -> re.Match[str] | None:
    """`LINK_PATH` of a request's path without what stands around it; None for what names no link.

    `raw_path` is the path as it came. What is escaped there and is no UTF-8 was written in
    Windows-1252.
    """
    if "\ufffd" in path:
        raw = unquote_to_bytes(raw_path)
        try:
            path = raw.decode()
        except UnicodeDecodeError:
            path = raw.decode("cp1252", "replace")
    return _read(path)


def split_short_url(text: str) -> tuple[str, str]:
    """The host of a short URL as people write it, and what stands behind its slash.

    There may be a scheme or none. A query or a fragment is no part of the address.
    """
    scheme = _SCHEME.search(text)
    if scheme is not None and not _stripped(text[: scheme.start()]):
        text = text[scheme.end() :]
    elif not _IPV6.match(text):
        text = _stripped(text, at_end=False)
    host, _, rest = _BEHIND_PATH.split(text, maxsplit=1)[0].partition("/")
    return host, rest


def is_bare_code(text: str) -> bool:
    """Whether a text names a link by its code alone, with no host in front of it."""
    return "/" not in _stripped(unquote(_BEHIND_PATH.split(text, maxsplit=1)[0]))


def read_code(text: str) -> str | None:
    """The code in what stands behind a short URL's host, or by itself; None if it holds none."""
    match = _read(unquote(_BEHIND_PATH.split(text, maxsplit=1)[0]))
    return None if match is None or match["image"] else match["code"]


def _read(text: str) -> re.Match[str] | None:
    if len(text) > LONGEST:
        return None
    match = LINK_PATH.match("/" + _stripped(text, at_end=False))
    if match is not None and not _stripped(match.string[match.end() :]):
        return match
    # As pages and mails have them: &gt; and &nbsp;
    plain = unescape(text)
    return None if plain == text else _read(plain)


def _stripped(text: str, *, at_end: bool = True) -> str:
    """A text without what stands in front of it, and behind it, if `at_end`."""
    start, stop = 0, len(text)
    while start < stop and _stands_around(text[start]):
        start += 1
    while at_end and start < stop and _stands_around(text[stop - 1]):
        stop -= 1
    return text[start:stop]


def _stands_around(character: str) -> bool:
    """Whether this can be no part of a code, nor makes another one of it."""
    if character in _BLANK:
        return True
    return character not in "-_" and unicodedata.category(character)[0] not in "LMN"
