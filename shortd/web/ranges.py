"""Which bytes of a file a request wants (RFC 9110 section 14), as a plan of what to send."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from werkzeug.http import parse_etags, parse_if_range_header, parse_range_header

MAX_RANGES = 16
"""A request for more, or for overlapping ones, gets the whole file (RFC 9110 14.2 allows it)."""

Piece = bytes | tuple[int, int]
"""Bytes to send as they are, or (start, stop) of the file."""


class Plan(NamedTuple):
    """What to answer a request for a file."""

    status: int
    headers: list[tuple[bytes, bytes]]
    pieces: Sequence[Piece]

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(
            len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in self.pieces
        )


def plan(
    size: int,
    etag: str,
    content_type: bytes,
    *,
    range_header: str = "",
    if_range: str = "",
    if_none_match: str = "",
) -> Plan:
    """A plan for a file of `size` bytes with a strong, unquoted `etag`.

    304 for a copy the client has, 206 for one or several ranges, 416 for one outside the
    file, 200 with everything for whatever else.
    """
    kind = (b"content-type", content_type)
    if if_none_match and parse_etags(if_none_match).contains_weak(etag):
        return Plan(304, [], [])
    wanted = parse_range_header(range_header)
    condition = parse_if_range_header(if_range).etag if if_range else etag
    if wanted is None or wanted.units != "bytes" or condition != etag:
        return Plan(200, [kind], [(0, size)])
    ranges = [_absolute(start, stop, size) for start, stop in wanted.ranges]
    satisfiable = sorted(pair for pair in ranges if pair[0] < pair[1])
    if not satisfiable:
        return Plan(416, [(b"content-range", b"bytes */%d" % size)], [])
    overlap = any(one[1] > two[0] for one, two in pairwise(satisfiable))
    if overlap or len(ranges) > MAX_RANGES:
        return Plan(200, [kind], [(0, size)])
    if len(satisfiable) == 1:
        start, stop = satisfiable[0]
        return Plan(206, [kind, (b"content-range", _content_range(start, stop, size))], satisfiable)
    return _several([pair for pair in ranges if pair[0] < pair[1]], size, content_type)


def _several(ranges: Sequence[tuple[int, int]], size: int, content_type: bytes) -> Plan:
    """multipart/byteranges (RFC 9110 14.6), in the order asked for."""
    boundary = secrets.token_hex(16).encode()
    pieces: list[Piece] = []
    for start, stop in ranges:
        head = b"\r\n--%b\r\ncontent-type: %b\r\ncontent-range: %b\r\n\r\n"
        pieces.append(head % (boundary, content_type, _content_range(start, stop, size)))
        pieces.append((start, stop))
    pieces.append(b"\r\n--%b--\r\n" % boundary)
    kind = b"multipart/byteranges; boundary=" + boundary
    return Plan(206, [(b"content-type", kind)], pieces)


def _absolute(start: int, stop: int | None, size: int) -> tuple[int, int]:
    if start < 0:
        return max(0, size + start), size
    return start, size if stop is None else min(stop, size)


def _content_range(start: int, stop: int, size: int) -> bytes:
    return b"bytes %d-%d/%d" % (start, stop - 1, size)
