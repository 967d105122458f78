"""Segment files: their names and their making.

A segment's number only ever grows and names one file once; a name is never made twice, not
even to replace an empty file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"([0-9]{16})\.clicks")


@dataclass(slots=True, eq=False)
class Segment:
    """A segment this process has open for appending."""

    number: int
    fd: int
    sync_failed: bool = False
    """Set once by a failed fdatasync: a later one could succeed and mean nothing."""


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:016d}.clicks"


def list_segments(directory: Path) -> list[int]:
    """The numbers of the segments in a directory, ascending; other files are ignored."""
    names = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(name[1]) for name in names if name)


def create_segment(directory: Path, number: int) -> Segment:
    """Makes an empty segment, readable by its owner alone; OSError if it is there already.

    Its name survives power loss only after a `sync` of its folder.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    return Segment(number, os.open(segment_path(directory, number), flags, 0o600))
