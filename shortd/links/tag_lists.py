"""Names of tags, and how several stand in one text: with commas between them.

A comma of a name's own is written `\\,`. Backslashes mean something there alone, in front of a
separator: each two are one then. So all texts are what they always were, but for names that have a
comma, or end with a backslash in front of another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from shortd import errors

TAG_CHARACTERS = 64
TAGS = 50
"""Of a link."""
LIST_CHARACTERS = TAGS * (2 * TAG_CHARACTERS + 2)
"""The longest text that all of them can make."""


def split_tags(text: str, separator: str = ",") -> list[str]:
    """The names in a text."""
    names, name, position = [], "", 0
    for found in re.finditer(rf"(\\*){re.escape(separator)}", text):
        slashes = len(found[1])
        name += text[position : found.start()] + "\\" * (slashes // 2)
        position = found.end()
        if slashes % 2:
            name += separator
        else:
            names.append(name)
            name = ""
    names.append(name + text[position:])
    return without_doubles(names)


def joined_tags(names: Iterable[str], separator: str = ",", *, space: str = "") -> str:
    """Names as a text that `split_tags` reads; `space` stands behind each separator."""
    *others, last = [_escaped(name, separator) for name in names] or [""]
    ends = [re.sub(r"(\\+)\Z", r"\1\1", name) for name in others]
    return f"{separator}{space}".join([*ends, last])


def without_doubles(names: Iterable[str]) -> list[str]:
    """Names as links carry them, each once: each run of white space is one space."""
    lined = (" ".join(name.split()) for name in names)
    return list(dict.fromkeys(name for name in lined if name))


def check_length(name: str, field: str) -> None:
    """INVALID_FIELD for a name that is too long, or none."""
    if not name or len(name) > TAG_CHARACTERS:
        raise errors.INVALID_FIELD(
            "A tag has 1 to %(most)s characters.", field=field, most=TAG_CHARACTERS
        )


def check_number(names: Iterable[str], field: str) -> None:
    """INVALID_FIELD for too many."""
    if len(tuple(names)) > TAGS:
        raise errors.INVALID_FIELD("A link has at most %(most)s tags.", field=field, most=TAGS)


def _escaped(name: str, separator: str) -> str:
    return re.sub(rf"(\\*){re.escape(separator)}", rf"\1\1\\{separator}", name)
