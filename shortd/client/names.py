"""File names that come from a server, made safe to be created here.

A name must never leave its folder, hide, or play tricks with a terminal, whatever the server says.
"""

from __future__ import annotations

import unicodedata

from werkzeug.http import parse_options_header

LONGEST = 200
"""Bytes of UTF-8; file systems take 255."""
FALLBACK = "download"
_SEPARATORS = str.maketrans("/\\", "__")
_HARMFUL = ("C", "Zl", "Zp")
"""Categories of control, format (text direction among them), surrogate and private characters,
and of line ends."""


def name_from_header(content_disposition: str) -> str:
    """The safe name in a Content-Disposition header (RFC 6266), `FALLBACK` without one."""
    _, options = parse_options_header(content_disposition)
    return safe_name(options.get("filename", ""))


def safe_name(name: str) -> str:
    """The name without separators, harmful characters, and dots or spaces in front."""
    kept = "".join(
        character
        for character in name.translate(_SEPARATORS)
        if not unicodedata.category(character).startswith(_HARMFUL)
    )
    kept = kept.strip().lstrip(".").lstrip()
    return _shortened(kept) or FALLBACK


def _shortened(name: str) -> str:
    """At most `LONGEST` bytes, of which the end, with its suffix, is kept."""
    stem, dot, suffix = name.rpartition(".")
    tail = f"{dot}{suffix}".encode()
    if not stem or len(tail) > LONGEST // 2:
        return name.encode()[:LONGEST].decode(errors="ignore")
    return stem.encode()[: LONGEST - len(tail)].decode(errors="ignore") + tail.decode()
