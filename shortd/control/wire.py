"""What goes over the socket: one line of JSON that asks, one that answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

SOCKET = "admin.sock"
REQUEST_BYTES = 8 << 20
"""A batch of an import has 2 MiB, or a single row."""
ANSWER_BYTES = 1 << 26

Rows = list[list[str]]
"""What a command answers: a table, its head first, or sentences as rows of one cell."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that asks."""

    command: str
    args: dict[str, Any]


class Reply(msgspec.Struct, frozen=True):
    """A line that answers."""

    rows: Rows = []
    refusal: str = ""
    """Why not; empty if it was done."""


@contextmanager
def short_path(directory: Path) -> Iterator[str]:
    """The socket's path in a form that fits an address, which has 108 bytes (unix(7))."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
