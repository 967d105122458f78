"""What goes over the socket: one line of JSON that asks, and one or more that answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

SOCKET = "admin.sock"
LANGUAGE = 2
"""Which shape requests and replies have: a server may be older than the command that asks it."""
REQUEST_BYTES = 8 << 20
"""A batch of an import has 2 MiB, or a single row."""
ANSWER_BYTES = 1 << 26
"""Of one line."""

Rows = list[list[str]]
"""What a command that acts answers: sentences as rows of one cell, or a table, its head first."""
Record = dict[str, Any]
"""One thing that a command shows: what `--json` prints of it."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that asks."""

    command: str
    args: dict[str, Any]
    language: int = LANGUAGE


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that answers."""

    records: Sequence[Any] = ()
    """What a command shows, or a part of it."""
    more: bool = False
    """Another line follows."""
    rows: Rows = []
    """What was done."""
    refused: Sequence[str] = ()
    """What of several was not done, and why."""
    refusal: str = ""
    """Why nothing was done."""


@contextmanager
def short_path(directory: Path) -> Iterator[str]:
    """The socket's path in a form that fits an address, which has 108 bytes (unix(7))."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
