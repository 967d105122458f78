"""What a source does not tell by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

UTC = ZoneInfo("UTC")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The choices of whoever imports; their defaults suit most sources."""

    timezone: ZoneInfo = UTC
    """Of local times without an offset."""
    database_timezone: ZoneInfo | None = None
    """The zone of a MySQL server that took UTC for its own time (YOURLS, Polr): times of a dump in
    UTC are shifted back."""
    prefix: str | None = None
    """Of the tables of a dump; None: to be found."""
    dates: Literal["", "mdy", "dmy"] = ""
    """How 03/04/2021 is to be read; empty: such a time is unreadable."""
    site: str = ""
    """The base URL of the peer, where only its short URLs tell codes; empty: to be found."""
    api_key: str = ""
    """For an API."""
    workdir: Path = Path(tempfile.gettempdir())
    """Where the rows of a source are kept in order while it is open: about as much as the source
    itself, unpacked, and as much again for a copy of a database."""
    most_staged: int | None = None
    """Bytes of these rows; None: as many as the disk has room for."""
    pause: Callable[[], None] | None = None
    """Called again and again while a source is read, before anything is told of it. What it raises
    ends that."""
