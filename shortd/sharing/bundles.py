"""Several files under one link: they stand in one stored file, one behind the other, and its
`Bundle` says which.

So they come in as one upload does, are charged, kept and deleted as one file is, and each of them
is a range of its bytes. This module must never name one by a path that could lead out of a folder.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from shortd import errors
from shortd.files.zip_streams import BlobRange, ZippedFile
from shortd.models.files import Bundle, BundleEntry, File, FilePart
from shortd.sharing.descriptions import described
from shortd.zips import MOST_FILES, zip_paths

PATH_CHARACTERS = 1024
"""Of one path as it is told."""
PATHS_BYTES = 256 << 10
"""Of all paths and types together, in UTF-8."""
_TYPE_CHARACTERS = 255


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a bundle, as its sender tells it."""

    path: str
    size: int
    filetype: str = ""
    utime: int = 0


def bundled(entries: Sequence[NewEntry]) -> Bundle:
    """The bundle of these files, their paths made safe for every system, and all different.

    INVALID_FIELD for none or too many, for types that are none, and for what is longer than may
    be kept.
    """
    if not 1 <= len(entries) <= MOST_FILES:
        raise errors.INVALID_FIELD(
            "There may be %(most)s files under one link.", field="entries", most=MOST_FILES
        )
    if any(len(entry.path) > PATH_CHARACTERS for entry in entries):
        raise errors.INVALID_FIELD(
            "The path of a file has %(most)s characters at most.",
            field="entries",
            most=PATH_CHARACTERS,
        )
    made = tuple(
        BundleEntry(path, entry.size, described("file", 0, entry.filetype).filetype, entry.utime)
        for path, entry in zip(zip_paths(e.path for e in entries), entries, strict=True)
    )
    if sum(len(f"{entry.path}{entry.filetype}".encode()) for entry in made) > PATHS_BYTES:
        raise errors.INVALID_FIELD("The paths are too long together.", field="entries")
    return Bundle(made)


class Content(msgspec.Struct, frozen=True):
    """A bundle that may be fetched."""

    file: File
    bundle: Bundle
    parts: Sequence[FilePart]

    def start_of(self, number: int) -> int:
        """Where in the stored bytes the file of this number begins, from 0."""
        return sum(entry.size for entry in self.bundle.entries[:number])

    def zipped(self, utime: int) -> list[ZippedFile]:
        """All its files, to be put into a zip, with `utime` for those whose time of change nobody
        knows. Some µs for each.
        """
        entries, files = self.bundle.entries, []
        starts = list(accumulate((part.size for part in self.parts), initial=0))
        first = 0
        for entry in entries:
            stop = first + entry.size
            ranges = []
            for number in range(bisect_right(starts, first) - 1, len(self.parts)):
                start, end = max(first, starts[number]), min(stop, starts[number + 1])
                if start >= end:
                    break
                blob = self.parts[number].blob
                ranges.append(BlobRange(blob, start - starts[number], end - start))
            files.append(ZippedFile(entry.path, entry.size, entry.utime or utime, ranges))
            first = stop
        return files
