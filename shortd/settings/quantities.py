"""Amounts with a unit, as settings have them: "64 MiB"."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
_AMOUNT = re.compile(r"([0-9]{1,15}) ?(|B|KiB|MiB|GiB)", re.ASCII | re.IGNORECASE)
_MOST = 1 << 50


def bytes_of(text: str) -> int:
    """The bytes of an amount such as "64 MiB". ValueError for what is none."""
    found = _AMOUNT.fullmatch(text.strip())
    size = int(found[1]) * _UNITS[found[2].upper()] if found else _MOST + 1
    if size > _MOST:
        raise ValueError("expected a number of bytes, such as 64 MiB, 512 KiB or 1 GiB")
    return size


def amount(text: str) -> str:
    """An amount as it is kept: as it was written."""
    bytes_of(text)
    return text.strip()
