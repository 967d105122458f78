"""Bodies of multipart/form-data as they come in: part after part, each in pieces.

What a part means is its reader's affair. Nothing is ever held in memory but a piece.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from copy import copy
from typing import TypeAlias

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from shortd import errors

HEADER_BYTES = 16 << 10
"""Most bytes of a part's header line: file names may be long and percent-encoded."""
MOST_PARTS = 16

Keep = Callable[[bytes, bool], None]
"""Told of what stays in memory, and whether it is the last; raises where there is no room for it.
"""

Event: TypeAlias = "MultipartSegment | bytes | None"
"""A part begins, some of its bytes, it ends."""


class Multiparts:
    """The parts of a body. BAD_FORM from any method for what is not such a body."""

    def __init__(
        self,
        content_type: str,
        body: AsyncIterator[bytes],
        keep: Keep | None = None,
        *,
        most: int = MOST_PARTS,
    ) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not boundary:
            raise errors.BAD_FORM("The body is not multipart/form-data.")
        self._events = _events(boundary, body, most)
        self._keep = keep or _keep_nothing

    async def next(self) -> MultipartSegment | None:
        """The next part; None where there is none. What is left of the one before is passed by."""
        async for event in self._events:
            if isinstance(event, MultipartSegment):
                return event
        return None

    async def payload(self) -> AsyncIterator[bytes]:
        """The pieces of the part that `next` gave."""
        async for event in self._events:
            if event is None:
                return
            assert not isinstance(event, MultipartSegment), "a part ends before the next begins"
            yield event

    async def text(self, most: int, field: str | None = None) -> bytes:
        """The whole part. BODY_TOO_LARGE beyond `most` bytes, about `field`."""
        found = bytearray()
        async for piece in self.payload():
            if len(found) + len(piece) > most:
                raise errors.BODY_TOO_LARGE(field=field)
            self._keep(piece, False)
            found += piece
        self._keep(b"", True)
        return bytes(found)

    async def aclose(self) -> None:
        """Lets the body go."""
        await self._events.aclose()


def _keep_nothing(piece: bytes, is_last: bool) -> None:
    pass


async def _events(
    boundary: str, body: AsyncIterator[bytes], most: int
) -> AsyncGenerator[Event, None]:
    try:
        # File names and the like come in any encoding (RFC 7578 4.2).
        with PushMultipartParser(
            boundary,
            max_header_size=HEADER_BYTES,
            max_segment_count=most,
            header_charset="latin-1",
            strict=True,
        ) as parser:
            event: Event = None
            async for chunk in body:
                for event in parser.parse(chunk):
                    yield event
                # What follows the last boundary means nothing, least of all its line break, which
                # may come by itself; a strict parser would refuse it. It ends a part: where bytes
                # of one came last, there was none.
                if not isinstance(event, bytes) and _is_complete(parser):
                    return
    except MultipartError as fault:
        told = f"The form cannot be read: {fault.args[0]}."
        raise errors.BAD_FORM("The form cannot be read.", english=told) from None


def _is_complete(parser: PushMultipartParser) -> bool:
    """Whether the last boundary has come. The parser tells only when it is closed, so a copy is."""
    try:
        copy(parser).close()
    except MultipartError:
        return False
    return True
