"""A list as it is in force: its contents, what it was read from, and what went wrong since.

What cannot be read, fetched or verified changes nothing: the last good contents stay, in memory and
as a copy in the plugin's folder, which a start reads before it asks anybody.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from shortd_safety.contents import MOST_BYTES, BadList, Contents, Facts, read_list
from shortd_safety.fetching import Fetched
from shortd_safety.hosts import Target
from shortd_safety.settings import ListSettings

_KEPT = ".list"
_NEW = ".new"


class BlockList:
    """One list. Reads from any thread; what changes it belongs to one thread."""

    def __init__(self, source: ListSettings, folder: Path) -> None:
        """Takes in the copy that was kept, if it is of this list."""
        self.source = source
        self.contents: Contents | None = None
        self.fault = ""
        """Why it could not be brought up to date; empty if it could."""
        self.looked_utime = 0
        """When it was last found to be up to date, in µs."""
        self._refused = ""
        """The stamp of a file that cannot be used."""
        name = blake2b(source.origin.encode(), digest_size=12).hexdigest()
        self._kept = folder / f"{name}{_KEPT}"
        self._load()

    @property
    def stamp(self) -> str:
        """Of what is in force."""
        return "" if self.contents is None else self.contents.facts.stamp

    @property
    def kept_in(self) -> str:
        """The name of its copy."""
        return self._kept.name

    def find(self, target: Target) -> str | None:
        """The entry that somebody who goes there meets."""
        contents = self.contents
        return None if contents is None else contents.find(target)

    def read_file(self, now: int) -> None:
        """Reads the file again if it has changed. BadList, OSError."""
        with open(self.source.file, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BadList("it is no file")
            stamp = f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"
            if stamp == self._refused:
                return
            if stamp != self.stamp:
                self._refused = stamp
                self._take(file.read(MOST_BYTES + 1), stamp, now)
        self.is_good(now)

    def take_fetched(self, fetched: Fetched | None, now: int) -> None:
        """What was fetched and vouched for; None: it is still the same. BadList, OSError."""
        if fetched is not None:
            self._take(fetched.content, fetched.etag, now)
        self.is_good(now)

    def is_good(self, now: int) -> None:
        """Notes that what is in force is up to date."""
        self.fault, self._refused, self.looked_utime = "", "", now

    def _take(self, content: bytes, stamp: str, now: int) -> None:
        facts = Facts(self.source.origin, stamp, now)
        contents = read_list(content, facts, subdomains=self.source.subdomains)
        if self.source.unsigned and not contents.facts.entries:
            raise BadList("it has no entries")
        # In force even where the disk has no room for the copy.
        self.contents = contents
        _replace(self._kept, contents.dump())

    def _load(self) -> None:
        try:
            contents = Contents.load(self._kept.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, BadList, ValueError, msgspec.MsgspecError) as fault:
            self.fault = said(fault)
            return
        if contents.facts.origin == self.source.origin:
            self.contents = contents
            self.looked_utime = contents.facts.utime


def said(fault: Exception) -> str:
    """What went wrong, in a line."""
    words = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    line = " ".join((words or type(fault).__name__).split())
    return line[:300]


def sweep(folder: Path, names: Collection[str]) -> None:
    """Removes copies of lists that are none any more, and what a crash has left."""
    for path in folder.iterdir():
        if path.suffix in (_KEPT, _NEW) and path.name not in names:
            with suppress(OSError):
                path.unlink()


def now() -> int:
    """Unix time in µs."""
    return time.time_ns() // 1000


def _without_waiting(path: str, flags: int) -> int:
    # Opening a pipe waits for whoever writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def _replace(path: Path, content: bytes) -> None:
    """Puts a file in the place of another: whenever that ends, the one or the other is there."""
    new = path.with_suffix(_NEW)
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
