"""What bookmarks, keywords of browsers and phones say of a link to make, in the query of `/-/new`.

Android has one field for whatever is shared: an address alone, or one behind a few words, in
`text`; some apps put it into `title`. No address is ever made up of words.
"""

from __future__ import annotations

import re
from collections import Counter

from litestar.datastructures import MultiDict

_ADDRESS = re.compile(r"https?://[^\s<>\"“”„«»]+", re.IGNORECASE)
# One word that looks like an address whose scheme was left out.
_BARE = re.compile(r"[\w-]+(\.[\w-]+)+([:/?#]\S*)?")
_BEHIND = ".,;:!?…'\u2019"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def read(query: MultiDict[str]) -> tuple[str, str]:
    """The addresses, one a line, and the title."""
    title: str = query.get("title", "").strip()
    if url := "\n".join(filter(None, map(str.strip, query.getall("url", [])))):
        return url, title
    if found := addresses(query.get("text", "")):
        return found, title
    if found := addresses(title):
        # What was shared as a title is none.
        return found, ""
    return "", title


def addresses(text: str) -> str:
    """Those in a text, one a line, each once."""
    bare = text.strip()
    if _BARE.fullmatch(bare):
        return bare
    return "\n".join(dict.fromkeys(map(_without_end, _ADDRESS.findall(text))))


def _without_end(address: str) -> str:
    """An address without what ends the sentence that it stands in."""
    # Counted once: of what strangers send, all may be brackets.
    left, end = Counter(address), len(address)
    while end:
        last = address[end - 1]
        opening = _PAIRS.get(last)
        is_behind = opening is not None and left[opening] < left[last]
        if not (is_behind or last in _BEHIND):
            break
        left[last] -= 1
        end -= 1
    return address[:end]
