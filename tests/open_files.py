"""Files of processes that go on while they are looked at: those they have open, as Linux tells it
(proc(5)), and those they keep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def open_files(process: int | str = "self") -> list[Path]:
    """Where the descriptors of a process lead: paths, and names such as "socket:[5]".

    A process goes on while it is looked at: what it closes in between is left out.
    """
    found = []
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(descriptor.readlink())
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder, at any depth."""
    # Unlike `rglob`, this minds no folder that went away in between.
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(parent, name)).is_file())


def contents_below(folder: Path) -> Iterator[bytes]:
    """What stands in the files of a folder. What goes away in between is left out."""
    for path in files_below(folder):
        with suppress(FileNotFoundError):
            yield path.read_bytes()
