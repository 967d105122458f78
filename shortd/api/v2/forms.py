"""Form bodies of ww7 v2: one `query` with the call's JSON, one file part of any name, streamed.

The parts come in either order (docs/api.md, "Calls"). Of a file that comes before its query, nobody
knows whose it is: little of it is taken, of one form and of all together. Nothing is ever held in
memory but the query and a chunk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from multipart import MultipartSegment

from shortd import errors
from shortd.files.blobs import Blob, Blobs, BlobWriter, Discarded
from shortd.files.multiparts import Keep, Multiparts
from shortd.files.sizes import too_large

QUERY_BYTES = 1 << 20
"""Most bytes of the `query` part."""
UNKNOWN_BYTES = 8 << 20
"""Most bytes of a file before the query that tells whose it is."""
ALL_UNKNOWN_BYTES = 64 << 20
"""The same of all forms together."""
NAME_SHOWN = 64
"""Characters of a part's name that an error tells."""


class Form:
    """A form as it comes in. Use as a context manager: leaving it drops what was not saved."""

    unknown: ClassVar[int] = 0
    """Bytes that all forms have taken before their queries."""

    def __init__(
        self, content_type: str, body: AsyncIterator[bytes], blobs: Blobs, keep: Keep
    ) -> None:
        self._parts = Multiparts(content_type, body, keep)
        self._blobs = blobs
        self._unknown = 0
        self._query: bytes | None = None
        self._writer: BlobWriter | Discarded | None = None
        self._is_kept = True
        self._file = ""
        """Name of the part that is the file."""

    async def __aenter__(self) -> Form:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._now_known()
        await self._parts.aclose()
        if self._writer is not None:
            await self._writer.discard()

    @property
    def received(self) -> int:
        """Bytes of the file part so far."""
        return 0 if self._writer is None else self._writer.size

    async def query(self) -> bytes:
        """The JSON text of the `query` part. BAD_FORM, CREDENTIALS_FIRST, BUSY, STORAGE_FULL."""
        while self._query is None:
            segment = await self._parts.next()
            if segment is None:
                raise errors.BAD_FORM("The form has no part `query`.", field="query")
            if segment.name == "query":
                self._query = await self._parts.text(QUERY_BYTES, "query")
            else:
                writer = self._begin(segment)
                async for chunk in self._parts.payload():
                    self._take_unknown(len(chunk))
                    await writer.write(chunk)
        self._now_known()
        return self._query

    def _take_unknown(self, size: int) -> None:
        self._unknown += size
        Form.unknown += size
        if self._unknown > UNKNOWN_BYTES:
            raise errors.CREDENTIALS_FIRST(
                "A file so large has to come behind its query.", field="query"
            )
        if Form.unknown > ALL_UNKNOWN_BYTES:
            raise errors.BUSY(retry_after=5)

    def _now_known(self) -> None:
        Form.unknown -= self._unknown
        self._unknown = 0

    async def save(self, largest: int) -> Blob:
        """The file part as a finished blob, now the caller's, once the whole form was read.

        FILE_TOO_LARGE as soon as it exceeds `largest` bytes; BAD_FORM, STORAGE_FULL.
        """
        if self.received > largest:
            raise too_large(largest)
        while (segment := await self._parts.next()) is not None:
            if segment.name == "query":
                raise errors.BAD_FORM("The form has two parts `query`.", field="query")
            await self._write(self._begin(segment), largest)
        if self._writer is None:
            raise errors.BAD_FORM("The form has no file part.")
        blob = await self._writer.finish()
        self._writer = None
        return blob

    async def digest(self, largest: int) -> bytes:
        """SHA-256 of the file part, which is not kept. Raises what `save` does."""
        self._is_kept = False
        blob = await self.save(largest)
        if blob.name:
            await self._blobs.delete(blob.name)
        return blob.sha256

    def _begin(self, segment: MultipartSegment) -> BlobWriter | Discarded:
        name = _shown(segment.name or "")
        if self._writer is not None:
            raise errors.BAD_FORM(
                f"Beside `query` a form has one part, the file; this one has `{self._file}`"
                f" and `{name}`."
            )
        self._file = name
        self._writer = self._blobs.create() if self._is_kept else Discarded()
        return self._writer

    async def _write(self, writer: BlobWriter | Discarded, largest: int) -> None:
        async for chunk in self._parts.payload():
            if writer.size + len(chunk) > largest:
                raise too_large(largest)
            await writer.write(chunk)


def _shown(name: str) -> str:
    """A part's name for an error message."""
    text = name.encode("latin-1", "replace").decode("utf-8", "replace")
    return "".join(filter(str.isprintable, text))[:NAME_SHOWN]
