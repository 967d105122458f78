"""Form bodies of ww7 v2: one `query` with the call's JSON, one file part of any name, streamed.

The parts come in either order (NOTES "Files"). A file that comes before its query is written
to disk as far as any account could be allowed to; nothing is ever held in memory but the
query and a chunk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from copy import copy
from typing import TypeAlias

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from shortd import errors
from shortd.blobs import Blob, Blobs, BlobWriter

QUERY_BYTES = 1 << 20
"""Most bytes of the `query` part."""
HEADER_BYTES = 16 << 10
"""Most bytes of a part's header line: file names may be long and percent-encoded."""

Event: TypeAlias = "MultipartSegment | bytes | None"
"""A part begins, some of its bytes, it ends."""


class Form:
    """A form as it comes in. Use as a context manager: leaving it drops what was not saved."""

    def __init__(
        self, content_type: str, body: AsyncIterator[bytes], blobs: Blobs, largest: int
    ) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not boundary:
            raise errors.BAD_FORM("The body is not multipart/form-data.")
        self._events = _events(boundary, body)
        self._blobs = blobs
        self._largest = largest
        self._query: bytes | None = None
        self._writer: BlobWriter | None = None

    async def __aenter__(self) -> Form:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._events.aclose()
        if self._writer is not None:
            await self._writer.discard()

    @property
    def received(self) -> int:
        """Bytes of the file part so far."""
        return 0 if self._writer is None else self._writer.size

    async def query(self) -> bytes:
        """The JSON text of the `query` part. BAD_FORM, FILE_TOO_LARGE, STORAGE_FULL."""
        while self._query is None:
            segment = await self._next_segment()
            if segment is None:
                raise errors.BAD_FORM("The form has no part `query`.", field="query")
            if segment.name == "query":
                self._query = await self._read_query()
            else:
                await self._write(self._begin(), self._largest)
        return self._query

    async def save(self, largest: int) -> Blob:
        """The file part as a finished blob, now the caller's, once the whole form was read.

        FILE_TOO_LARGE as soon as it exceeds `largest` bytes; BAD_FORM, STORAGE_FULL.
        """
        if self.received > largest:
            raise errors.FILE_TOO_LARGE("The body is larger than it may be.")
        while (segment := await self._next_segment()) is not None:
            if segment.name == "query":
                raise errors.BAD_FORM("The form has two parts `query`.", field="query")
            await self._write(self._begin(), largest)
        if self._writer is None:
            raise errors.BAD_FORM("The form has no file part.")
        blob = await self._writer.finish()
        self._writer = None
        return blob

    def _begin(self) -> BlobWriter:
        if self._writer is not None:
            raise errors.BAD_FORM("The form has two file parts.")
        self._writer = self._blobs.create()
        return self._writer

    async def _write(self, writer: BlobWriter, largest: int) -> None:
        async for chunk in self._payload():
            if writer.size + len(chunk) > largest:
                raise errors.FILE_TOO_LARGE("The body is larger than it may be.")
            await writer.write(chunk)

    async def _read_query(self) -> bytes:
        text = bytearray()
        async for chunk in self._payload():
            text += chunk
            if len(text) > QUERY_BYTES:
                raise errors.BODY_TOO_LARGE(field="query")
        return bytes(text)

    async def _next_segment(self) -> MultipartSegment | None:
        async for event in self._events:
            if isinstance(event, MultipartSegment):
                return event
        return None

    async def _payload(self) -> AsyncIterator[bytes]:
        """The chunks of the part that `_next_segment` began."""
        async for event in self._events:
            if event is None:
                return
            assert not isinstance(event, MultipartSegment), "a part ends before the next begins"
            yield event


async def _events(boundary: str, body: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    try:
        with PushMultipartParser(
            boundary, max_header_size=HEADER_BYTES, max_segment_count=16, strict=True
        ) as parser:
            async for chunk in body:
                for event in parser.parse(chunk):
                    yield event
                # What follows the last boundary means nothing, least of all its line break, which
                # may come by itself; a strict parser would refuse it.
                if _is_complete(parser):
                    return
    except MultipartError as fault:
        raise errors.BAD_FORM(f"The form cannot be read: {fault.args[0]}.") from None


def _is_complete(parser: PushMultipartParser) -> bool:
    """Whether the last boundary has come. The parser tells only when it is closed, so a copy is."""
    try:
        copy(parser).close()
    except MultipartError:
        return False
    return True
