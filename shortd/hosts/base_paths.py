"""Hosts that are ours below a path alone, as where another program has the rest of the name.

A proxy passes requests with that path or without it, and both mean the same: where an address
begins with the path, the path is cut, before anything else is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlsplit


class BasePaths:
    """The paths of a server's hosts, by hosts' numbers. False where there is none."""

    def __init__(self, paths: Mapping[int, str]) -> None:
        self._paths = {number: path for number, path in paths.items() if path}
        self.all = frozenset(self._paths.values())

    def __bool__(self) -> bool:
        return bool(self._paths)

    def of(self, number: int) -> str:
        """Begins with a slash and ends with none; empty for a host that has its name to itself."""
        return self._paths.get(number, "")


NO_PATHS = BasePaths({})


def path_of(base_url: str) -> str:
    """The path of a base URL, which ends with no slash; empty where there is none."""
    return urlsplit(base_url).path


def behind(base_path: str, address: bytes) -> bytes | None:
    """What stands behind a base path in the path of a request or a URL, with its query if it has
    one; the root for the base path alone. None for what does not begin with it.

    Each segment may be spelled with escapes, as servers take them for the letters that they are.
    """
    if not base_path:
        return address
    path, mark, query = address.partition(b"?")
    base = base_path.encode()
    if path.startswith(base) and path[len(base) : len(base) + 1] in (b"", b"/"):
        rest = path[len(base) :]
    elif b"%" in path:
        segments = base.split(b"/")
        given = path.split(b"/", len(segments))
        if [*map(unquote_to_bytes, given[: len(segments)])] != segments:
            return None
        rest = b"/" + given[len(segments)] if len(given) > len(segments) else b""
    else:
        return None
    return (rest or b"/") + mark + query
