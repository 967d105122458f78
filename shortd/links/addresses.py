"""Reading the address of a link: what of it is the code, and what only stands around it.

Whether a text is a wide code, which may have all of that in it, the links decide that there are:
`readings` tells what to look for, the likeliest first.

People, mail programs and chats put full stops, brackets, quotes, spaces and what nobody can see
around an address, as they are or escaped. None of that can be part of a code, so cutting it off
makes no address mean two things. This module must never cut off a letter or a digit of any script,
`-` or `_`: with one of those more it is another address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote, unquote_to_bytes

import msgspec

CODE_PATTERN = re.compile(r"(?!-)[A-Za-z0-9_-]{1,64}", re.ASCII)
"""What a code can be at all; each API allows its own part of it."""
LINK_PATH = re.compile(
    rf"/(?P<code>{CODE_PATTERN.pattern})(?:(?P<preview>\+)|\.(?P<image>svg|png))?", re.ASCII
)
"""A short link's path, its preview's or its image's: by shape alone."""

IMAGES = ("svg", "png")

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


class Named(msgspec.Struct, frozen=True, gc=False):
    """What an address asks for."""

    code: str
    preview: bool = False
    image: str = ""
    """The format of one."""


def named_by(path: re.Match[str]) -> Named:
    """What a `LINK_PATH` asks for."""
    return Named(path["code"], path["preview"] is not None, path["image"] or "")


def readings(text: str) -> Iterator[Named]:
    """What may be meant by a text behind the host's slash, unescaped: a code, or one with what asks
    for its preview or its image, and each without a slash at the end, where some shorteners put
    one.
    """
    for code in (text, text[:-1]) if text.endswith("/") else (text,):
        yield Named(code)
        if code.endswith("+"):
            yield Named(code[:-1], preview=True)
        start, dot, image = code.rpartition(".")
        if dot and image in IMAGES:
            yield Named(start, image=image)


def unescaped_path(path: str, raw_path: bytes) -> str | None:
    """What stands behind the slash of a request's path; None where there is no slash, or what is
    no UTF-8. `path` is `raw_path` unescaped once, with U+FFFD for what cannot be.
    """
    if "\ufffd" in path and raw_path:
        try:
            path = unquote_to_bytes(raw_path).decode()
        except UnicodeDecodeError:
            return None
    return path[1:] if path.startswith("/") else None


def codes_in(rest: str) -> Iterator[str]:
    """Codes, wide ones among them, that may be meant by what stands behind a short URL's host."""
    text = unescaped(rest)
    # What is escaped belongs to the code sooner than what is not.
    for one in (text, unescaped(_stripped(rest, at_start=False)), _stripped(text)):
        yield from (named.code for named in readings(one) if not named.image)


def unescaped(rest: str) -> str:
    """What stands behind a short URL's host, without query and fragment, unescaped once."""
    path = _BEHIND_PATH.split(rest, maxsplit=1)[0]
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        return path


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


def _stripped(text: str, *, at_start: bool = True, at_end: bool = True) -> str:
    """A text without what stands in front of it, if `at_start`, and behind it, if `at_end`."""
    start, stop = 0, len(text)
    while at_start and start < stop and _stands_around(text[start]):
        start += 1
    while at_end and start < stop and _stands_around(text[stop - 1]):
        stop -= 1
    return text[start:stop]


def _stands_around(character: str) -> bool:
    """Whether this can be no part of a code, nor makes another one of it."""
    if character in _BLANK:
        return True
    return character not in "-_" and unicodedata.category(character)[0] not in "LMN"
