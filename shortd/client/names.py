"""File names that come from somewhere else, made safe to be created here, or to be told a server.

A name must never leave its folder, hide, or play tricks with a terminal, whatever a server says.
Within that it stays as it is: in many languages words need characters that nobody sees.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Iterator

from werkzeug.http import parse_options_header

from shortd.file_names import parts, shortened

LONGEST = 255
"""Bytes, which is what file systems take."""
FALLBACK = "download"
UNFIT = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
"""What a file system says of a name that it cannot have, though others can."""
_SEPARATORS = str.maketrans("/\\", "__")
_HARMFUL = ("Cc", "Co", "Cs", "Zl", "Zp")
"""Categories of control, private and surrogate characters, and of line ends."""
_DIRECTION_MARKS = "\u061c\u200e\u200f"
_WRITTEN = ("AN", "AL", "L")
"""Bidirectional classes of format characters that are seen, such as Arabic number signs."""
_JOINERS = "\u200c\u200d"
_FLAG = "\U0001f3f4"
_TAGS = range(0xE0020, 0xE0080)
"""What stands behind a black flag to make it that of a land."""
_NO_CHARACTERS = (range(0x2065, 0x2066), range(0xFDD0, 0xFDF0), range(0xFFF0, 0xFFF9))


def name_from_header(content_disposition: str) -> str:
    """The safe name in a Content-Disposition header (RFC 6266), `FALLBACK` without one."""
    _, options = parse_options_header(content_disposition)
    return safe_name(options.get("filename", ""))


def safe_name(name: str) -> str:
    """A name for a new file: `harmless`, without dots in front, at most `LONGEST` bytes, and
    in a spelling that the locale has.
    """
    kept = harmless(name).lstrip(".").lstrip()
    return shortened(spelled(kept), LONGEST, _stored_bytes).strip() or FALLBACK


def sendable_name(name: str) -> str:
    """A file's name as it is shared, whatever its file system lets names be."""
    kept = harmless(name.encode(errors="surrogateescape").decode(errors="replace"))
    return FALLBACK if kept in ("", ".", "..") else kept


def harmless(name: str) -> str:
    """The name without separators and characters that hide or turn its parts.

    Joiners stay where they may join something (RFC 5892 A.1, A.2 and emoji): behind whatever is
    not ASCII.
    """
    kept = ""
    for character in name.translate(_SEPARATORS):
        if _belongs(character, kept[-1:]):
            kept += character
    return kept.strip()


def spelled(name: str) -> str:
    """The name in characters that the locale has: as it is, or composed, or with "_" for each
    that is missing.
    """
    composed = unicodedata.normalize("NFC", name)
    for spelling in (name, composed):
        if _is_writable(spelling):
            return spelling
    return "".join(character if _is_writable(character) else "_" for character in composed)


def other_names(name: str) -> Iterator[str]:
    """Names to take where one is in use, or cannot be had, as browsers do: "report (1).txt"."""
    stem, suffix = parts(name)
    if stem.endswith(".tar"):
        stem, suffix = stem.removesuffix(".tar"), f".tar{suffix}"
    number = 0
    while True:
        number += 1
        end = f" ({number}){suffix}"
        yield shortened(stem, LONGEST - _stored_bytes(end), _stored_bytes) + end


def plainest(name: str) -> str:
    """A name that every file system takes, with what is left of the suffix."""
    suffix = parts(name)[1].removeprefix(".")
    is_plain = suffix.isascii() and suffix.isalnum() and len(suffix) < 10
    return f"{FALLBACK}.{suffix}" if is_plain else FALLBACK


def _belongs(character: str, before: str) -> bool:
    """Whether a character may stay in a name, behind the one before it ("" at the beginning)."""
    code, category = ord(character), unicodedata.category(character)
    if character in _JOINERS:
        return not before.isascii() and before not in _JOINERS
    if code in _TAGS:
        return before == _FLAG or (before != "" and ord(before) in _TAGS)
    if category == "Cf":
        is_written = unicodedata.bidirectional(character) in _WRITTEN
        return is_written and character not in _DIRECTION_MARKS
    if category == "Cn":
        # Of a newer Unicode than this Python's, as this year's emoji are.
        is_none = code & 0xFFFE == 0xFFFE or any(code in some for some in _NO_CHARACTERS)
        return not is_none and code < 0xE0000
    return not category.startswith(_HARMFUL)


def _is_writable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _stored_bytes(name: str) -> int:
    return len(os.fsencode(name))
