"""Which bytes of a file a request wants, and on what condition (RFC 9110 sections 13 and 14), as a
plan of what to send.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from werkzeug.http import parse_etags, parse_range_header

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
    if_match: str | None = None,
    if_range: str = "",
    if_none_match: str = "",
) -> Plan:
    """A plan for a file of `size` bytes with a strong, unquoted `etag`. `if_match` is None where
    there is none, and not where it is empty.

    412 where another file is meant, 304 for a copy the client has, 206 for one or several ranges,
    416 for one outside the file, 200 with everything for whatever else.
    """
    kind = (b"content-type", content_type)
    if if_match is not None and not _matches(if_match, etag):
        return Plan(412, [], [])
    if if_none_match and parse_etags(if_none_match).contains_weak(etag):
        return Plan(304, [], [])
    ranges = wanted_ranges(range_header, size)
    # A date never matches: these files have none.
    is_changed = bool(if_range) and if_range.strip() != f'"{etag}"'
    if ranges is None or is_changed:
        return Plan(200, [kind], [(0, size)])
    satisfiable = [pair for pair in ranges if pair[0] < pair[1]]
    if not satisfiable:
        return Plan(416, [(b"content-range", b"bytes */%d" % size)], [])
    if any(one[1] > two[0] for one, two in pairwise(sorted(satisfiable))):
        return Plan(200, [kind], [(0, size)])
    if len(satisfiable) == 1:
        start, stop = satisfiable[0]
        return Plan(206, [kind, (b"content-range", _content_range(start, stop, size))], satisfiable)
    return _several(satisfiable, size, content_type)


def wanted_ranges(header: str, size: int) -> list[tuple[int, int]] | None:
    """The ranges that a Range header asks of a file, each as (start, stop), in its order; one that
    lies outside of the file is empty. None for what asks for no bytes, or for too many ranges.
    """
    units, separator, specs = header.partition("=")
    wanted = specs.split(",", MAX_RANGES)
    if not separator or len(wanted) > MAX_RANGES:
        return None
    found = []
    for spec in wanted:
        # One at a time: together it takes them in rising order alone, which no rule demands.
        parsed = parse_range_header(f"{units}={spec}")
        if parsed is None or parsed.units != "bytes":
            return None
        found += [_absolute(start, stop, size) for start, stop in parsed.ranges]
    return found


def goes_on(header: str, size: int) -> bool:
    """Whether a Range header asks for nothing but bytes behind the first one of a file."""
    ranges = wanted_ranges(header, size)
    return ranges is not None and all(start > 0 for start, _ in ranges)


def resumes(size: int, etag: str, *, range_header: str, if_match: str, if_range: str) -> bool:
    """Whether a request asks for ranges of a file and names its tag, as who has begun to fetch it
    can. "*" names none.
    """
    if wanted_ranges(range_header, size) is None:
        return False
    return if_range.strip() == f'"{etag}"' or f'"{etag}"' in _tags(if_match)


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


def _matches(if_match: str, etag: str) -> bool:
    """Whether If-Match names the tag, by the strong comparison (RFC 9110 8.8.3.2): one that is
    weak, or not quoted, is another.
    """
    tags = _tags(if_match)
    return tags == ["*"] or f'"{etag}"' in tags


def _tags(if_match: str) -> list[str]:
    return [tag.strip() for tag in if_match.split(",")]


def _absolute(start: int, stop: int | None, size: int) -> tuple[int, int]:
    if start < 0:
        return max(0, size + start), size
    return start, size if stop is None else min(stop, size)


def _content_range(start: int, stop: int, size: int) -> bytes:
    return b"bytes %d-%d/%d" % (start, stop - 1, size)
