"""Codes of links as texts: which can be kept, what they have in common, how addresses have them.

Most codes are plain letters, digits, `-` and `_`. Wide ones may be nearly anything, for links that
come from elsewhere: who may make them is told by `links.codes`. Nothing here may take two codes for
one, but `folded`, which is for hosts that ignore case.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from urllib.parse import quote

MOST_BYTES = 400
"""Of a code in UTF-8."""
MOST_CHARACTERS = 3 * MOST_BYTES
"""Of a text that may come to a code when it is composed."""
FOLD_BYTES = 16

_UNESCAPED = re.compile(r"[A-Za-z0-9_.~-]*[A-Za-z0-9_-]", re.ASCII)
_ESCAPED_AS_WELL = re.compile(r"(?:^|(?<=/))/|[/.~]$")
_FOLDED_AWAY = (".", "..")
"""Segments of a path that clients take out of it, escaped or not (RFC 3986 5.2.4, WHATWG URL)."""


def composed(text: str) -> str | None:
    """The code that a text is kept as: in the form NFC. None if it can be none, or is too long.

    Controls (C0, DEL, C1) are in no code, nor are halves of surrogate pairs, which UTF-8 does not
    have. What shows nothing or turns the direction of writing may be: addresses have it escaped.
    """
    if not text or len(text) > MOST_CHARACTERS:
        return None
    code = text if text.isascii() else unicodedata.normalize("NFC", text)
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        return None
    if size > MOST_BYTES or any(unicodedata.category(character) == "Cc" for character in code):
        return None
    return code


def is_reachable(code: str) -> bool:
    """Whether clients can ask for it: they fold some segments away, however they are written."""
    return not any(segment in _FOLDED_AWAY for segment in code.split("/"))


def escaped(code: str) -> str:
    """A code as it stands behind an address's first slash (RFC 3986).

    A slash is written as one, but where it would stand behind another: `//` begins a host in a
    reference, and proxies merge them. What stands at the end is written so that nobody who finds an
    address in a text leaves it out.
    """
    if _UNESCAPED.fullmatch(code):
        return code
    return _ESCAPED_AS_WELL.sub(lambda found: f"%{ord(found[0]):02X}", quote(code, safe="/"))


def folded(code: str) -> str:
    """What all spellings of a code that differ in case alone have in common (Unicode 3.13, D145).

    `ß` and `ss` are one, letters of other widths and without their accents are not.
    """
    if code.isascii():
        return code.lower()
    decomposed = unicodedata.normalize("NFD", code)
    return unicodedata.normalize("NFC", decomposed.casefold())


def fold_digest(code: str) -> bytes:
    """`FOLD_BYTES` of a hash of that: a folded code may be longer than any key."""
    return blake2b(folded(code).encode(), digest_size=FOLD_BYTES).digest()


def is_short(code: str) -> bool:
    """Whether a code is so short and plain that all its spellings can be gone through."""
    return len(code) <= SHORT and code.isascii() and code.isalnum()


SHORT = 6
"""Characters of such a code at most: up to 64 spellings. Nearly all drawn ones are."""


def spellings(code: str) -> list[str]:
    """All codes that are a short one but for case, each once."""
    found = [""]
    for character in code:
        lower, upper = character.lower(), character.upper()
        both = (lower, upper) if lower != upper else (lower,)
        found = [start + one for start in found for one in both]
    return found
