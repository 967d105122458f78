"""Which user agents are robots, by the list of the package crawler-user-agents.

The list is kept as data, and matched by RE2: a hostile agent costs 0.2 ms at most, where Python's
own patterns take 70 ms. Tools for scripts (curl, python-requests) are on the list, but none of
ours: who runs one is an ordinary visitor.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec
import re2

_PACKAGE = "crawleruseragents"
_FILE = "crawler-user-agents.json"
_SCRIPTS = "http-library"
"""Tag of what fetches pages for somebody's script."""


class _Entry(msgspec.Struct):
    pattern: str
    tags: tuple[str, ...] = ()


def bot_name(user_agent: str) -> str:
    """The name by which the list knows a robot ("Googlebot"); empty if it does not.

    An unseen agent takes 5 to 60 µs. The first call ever reads the list (30 ms).
    """
    patterns, all_of_them = _list()
    found = all_of_them.Match(user_agent)
    if not found:
        return ""
    match = re2.search(patterns[min(found)], user_agent)
    name: str = match[0] if match else ""
    return name.strip(" /;:()[]+-") or patterns[min(found)]


@cache
def _list() -> tuple[list[str], re2.Set]:
    """All patterns, and the set that finds those that match. Importing the package would keep
    its half a megabyte of examples in memory.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(f"{_PACKAGE} is not installed")
    raw = (Path(spec.origin).parent / _FILE).read_bytes()
    entries = msgspec.json.decode(raw, type=list[_Entry])
    patterns = [entry.pattern for entry in entries if _SCRIPTS not in entry.tags]
    options = re2.Options()
    options.never_capture = True
    all_of_them = re2.Set.SearchSet(options)
    for pattern in patterns:
        all_of_them.Add(pattern)
    all_of_them.Compile()
    return patterns, all_of_them
