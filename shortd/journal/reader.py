"""Reading segments back, in order, as far as they can be trusted.

It opens files by name and never touches the descriptors they are written through. What
cannot be read is skipped to the end of its segment and told to `Troubles`; the skip is what
keeps one broken record from stopping every later click.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from shortd.journal.frames import MAX_RECORD, Flaw, unframe
from shortd.journal.segments import segment_path
from shortd.journal.status import Troubles
from shortd.models.clicks import Position


class Piece(NamedTuple):
    """What `read_piece` found."""

    payloads: list[bytes]
    offset: int
    """Where the last whole record ends."""
    end: int
    """Where the segment ends."""
    flaw: Flaw | None
    """Why the bytes from `offset` to `end` cannot be read; None if they can, or are none."""


def read_range(
    directory: Path,
    segments: Iterable[tuple[int, int | None]],
    after: Position,
    until: Position,
    max_bytes: int,
    troubles: Troubles,
) -> tuple[list[bytes], Position]:
    """The payloads after a position, and the position behind the last of them.

    `segments` are ascending numbers up to that of `until`, each with its end as `read_piece`
    takes it. About `max_bytes` are read, but at least one record where there is one; the
    position is `until` once all are. Raises OSError.
    """
    payloads: list[bytes] = []
    position = after
    budget = max(max_bytes, MAX_RECORD)
    for number, end in segments:
        if budget < MAX_RECORD and payloads:
            return payloads, position
        start = position.offset if number == position.segment else 0
        try:
            path = segment_path(directory, number)
            piece = read_piece(path, start, end, max(budget, MAX_RECORD))
        except FileNotFoundError:
            piece = Piece([], start, max(start, end or 0), Flaw.MISSING)
        payloads += piece.payloads
        budget -= piece.offset - start
        if piece.flaw is not None:
            troubles.skip(number, piece.offset, piece.end - piece.offset, piece.flaw)
        elif piece.offset < piece.end:
            return payloads, Position(number, piece.offset)
        position = Position(number, piece.end)
    return payloads, until


def read_piece(path: Path, start: int, end: int | None, max_bytes: int) -> Piece:
    """Reads whole records from byte `start` on, at most `max_bytes` (>= `MAX_RECORD`) of them.

    `end` is where this process knows a record to end; None for a segment left by an earlier
    process, which ends where the file does and may end in a torn record. Raises OSError.
    """
    known = end is not None
    with path.open("rb") as file:
        if end is None:
            end = os.fstat(file.fileno()).st_size
        wanted = min(end - start, max_bytes)
        if wanted <= 0:
            return Piece([], start, end, None)
        file.seek(start)
        data = file.read(wanted)
    payloads, used, flaw = unframe(data)
    offset = start + used
    if len(data) < wanted:
        flaw = Flaw.CORRUPT
    elif flaw is Flaw.TORN and start + wanted < end and wanted - used < MAX_RECORD:
        flaw = None
    elif flaw is not None and known:
        flaw = Flaw.CORRUPT
    return Piece(payloads, offset, end, flaw)
