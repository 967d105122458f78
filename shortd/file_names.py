"""Names of files, cut to what somebody takes: the client's disk, or the headers of an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath


def shortened(name: str, longest: int, size: Callable[[str], int]) -> str:
    """A name whose `size` is at most `longest`, of which the end, with its suffix, is kept.

    The size of a text must be the sum of its characters' sizes.
    """
    stem, suffix = parts(name)
    if not suffix or size(suffix) > longest // 2:
        stem, suffix = name, ""
    room = longest - size(suffix)
    if size(stem) > room:
        kept = 0
        for character in stem:
            room -= size(character)
            if room < 0:
                break
            kept += 1
        stem = stem[:kept]
    return stem + suffix


def parts(name: str) -> tuple[str, str]:
    """A name before its last suffix, and that with its dot; "" where there is none."""
    suffix = PurePath(name).suffix
    if not name.endswith(suffix):
        suffix = ""
    return name.removesuffix(suffix), suffix
