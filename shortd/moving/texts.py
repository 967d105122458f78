"""Texts, numbers and names of a source, made fit to be kept.

Nothing here raises for what a source holds.
"""

from __future__ import annotations

import codecs
import re

from shortd.moving.records import MOST

TITLE_CHARACTERS = 512
NOTE_CHARACTERS = 4096
TAGS = 50
TAG_CHARACTERS = 64
TOLD_CHARACTERS = 2048
"""Of what a report quotes."""

_UNSHOWN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    r"\ufffe\uffff]"
)
_UNSHOWN_IN_NOTES = re.compile(r"(?![\n\t])" + _UNSHOWN.pattern)
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"\s*([+-]?)(\d[\d .,'\u00a0\u202f]*)\s*", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:[., '\u00a0\u202f]\d{3})+", re.ASCII)
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
BCRYPT_COST = 16
"""Each step doubles the work: one of 16 takes some seconds already."""
_NO = frozenset({"", "0", "f", "false", "n", "no", "off"})


def decoded(value: bytes) -> str:
    """UTF-8, or else Windows-1252: each value by itself."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _each_byte(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeDecodeError):
        raise fault
    return fault.object[fault.start : fault.end].decode("cp1252", "replace"), fault.end


codecs.register_error("shortd.moving.cp1252", _each_byte)
IN_CP1252 = "shortd.moving.cp1252"
"""A way to decode UTF-8: bytes that are none are taken as Windows-1252."""


def text_of(value: object) -> str:
    """Whatever a source has in a place for a text; nothing is the empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return decoded(value)
    if value is None or isinstance(value, (dict, list)):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def clean(text: str) -> str:
    """One line, without what nobody sees: formats' rule for titles, before they are cut."""
    return _SPACES.sub(" ", _UNSHOWN.sub(" ", text)).strip()


def told(text: str) -> str:
    """As much of a source's text as a report can quote."""
    shown = _UNSHOWN.sub(" ", text[: TOLD_CHARACTERS + 1])
    return shown if len(shown) <= TOLD_CHARACTERS else shown[:TOLD_CHARACTERS] + "…"


def title(text: str) -> str:
    """The title that comes of a text."""
    return clean(text)[:TITLE_CHARACTERS].rstrip()


def note(text: str) -> str:
    """The note that comes of a text: it has lines."""
    shown = _UNSHOWN_IN_NOTES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    return shown.strip()[:NOTE_CHARACTERS].rstrip()


def tag_names(names: list[str]) -> tuple[str, ...]:
    """Tags in their order, each once, as many and as long as a link can have."""
    cleaned = (clean(name)[:TAG_CHARACTERS].rstrip() for name in names)
    return tuple(dict.fromkeys(filter(None, cleaned)))[:TAGS]


def whole_number(value: object) -> int | None:
    """A number, which may have separators of thousands; None: it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 2**63 else None
    text = text_of(value)
    found = _NUMBER.fullmatch(text[:64]) if len(text) <= 64 else None
    if found is None:
        return None
    digits = found[2].strip()
    if not digits.isdecimal():
        if not _GROUPED.fullmatch(digits):
            whole, dot, fraction = digits.partition(".")
            if not dot or not whole.isdecimal() or fraction.strip("0"):
                return None
            digits = whole
        else:
            digits = re.sub(r"\D", "", digits)
    return int(found[1] + digits)


def count(value: object) -> int:
    """A number of clicks: 0 for none, and within what a row can keep."""
    return min(max(whole_number(value) or 0, 0), MOST)


def flag(value: object) -> bool:
    """Yes or no, as SQL, JSON or a table has it."""
    if isinstance(value, (bytes, str)):
        return text_of(value).strip().lower() not in _NO
    return bool(value)


def is_bcrypt(text: str) -> bool:
    """Whether a hash is one that can be verified here, and in a reasonable time."""
    found = _BCRYPT.fullmatch(text)
    return found is not None and 4 <= int(found["cost"]) <= BCRYPT_COST


def country(text: str) -> str:
    """Two capitals or digits; empty: unknown."""
    code = text.strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalnum() else ""
