"""What came over a connection and was not parsed yet, in pieces that the parser may have.

A parser that is given everything at once makes a request of each of ten thousand lines before
anybody is asked whether they are wanted. So a piece ends where a head ends, and whoever takes
pieces can stop behind each request. This module must never know what a request means.
"""

from __future__ import annotations

import re

CHUNKED_BYTES = 16 * 1024
"""The longest piece of a body in chunks, the smallest of which have six bytes."""
END_OF_HEAD = b"\r\n\r\n"
_BLANK = re.compile(rb"[\r\n]+")


class Intake:
    """The bytes of one connection, in the order they came."""

    __slots__ = ("_at", "_data", "_tail")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._tail = b""
        """The end of the piece before, where the next one goes on with it."""

    def __bool__(self) -> bool:
        return bool(self._data)

    @property
    def held(self) -> int:
        """Bytes of memory that it takes."""
        return len(self._data)

    def take(self, data: bytes) -> None:
        """Adds what came."""
        self._data = self._data[self._at :] + data if self._data else data
        self._at = 0

    def put_back(self, data: bytes) -> None:
        """What comes before all the rest after all."""
        self._data = data + self._data[self._at :]
        self._at = 0

    def drop(self) -> None:
        """Forgets all of it."""
        self._data, self._at, self._tail = b"", 0, b""

    def skip_blank(self) -> int:
        """Passes over empty lines in front of a request (RFC 9112 2.2): how many bytes."""
        blank = _BLANK.match(self._data, self._at)
        self._tail = b""
        if blank is None:
            return 0
        self._advance(blank.end())
        return len(blank[0])

    def head_piece(self) -> bytes:
        """What came of a head, and nothing behind it. Empty if there is nothing."""
        begin = self._at
        piece = self._data[begin : self._end(len(self._data))]
        self._tail = (self._tail + piece[-3:])[-3:]
        self._advance(begin + len(piece))
        return piece

    def body_piece(self, left: int | None) -> memoryview:
        """What came of a body of which `left` bytes are to come. None: it ends in an empty line,
        and nothing behind one is in the piece.
        """
        begin = self._at
        if left is not None:
            end = min(begin + left, len(self._data))
        else:
            end = self._end(min(begin + CHUNKED_BYTES, len(self._data)))
            self._tail = (self._tail + self._data[max(begin, end - 3) : end])[-3:]
        piece = memoryview(self._data)[begin:end]
        self._advance(end)
        return piece

    def _end(self, limit: int) -> int:
        """Where the next empty line ends, but not behind `limit`."""
        data, begin, tail = self._data, self._at, self._tail
        if tail:
            # It may be in two pieces.
            seam = (tail + data[begin : begin + 3]).find(END_OF_HEAD)
            if seam >= 0:
                return min(limit, begin + seam + len(END_OF_HEAD) - len(tail))
        end = data.find(END_OF_HEAD, begin, limit)
        return limit if end < 0 else end + len(END_OF_HEAD)

    def _advance(self, end: int) -> None:
        self._at = end
        if end == len(self._data):
            self._data, self._at = b"", 0
