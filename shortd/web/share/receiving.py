"""A form with one file, read as it comes: the file goes to disk, the fields stay in memory.

Whose it is, is known before the first byte, so that fields may stand behind the file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType

from litestar.exceptions import InternalServerException
from multipart import MultipartSegment

from shortd import errors
from shortd.files.blobs import Blob, Blobs, BlobWriter
from shortd.files.multiparts import Multiparts
from shortd.sharing.descriptions import Description
from shortd.web.routing import AnyRequest
from shortd.web.share.making import of_upload

FILE = "file"
FIELD_BYTES = 4096


class Received:
    """What came. As a context manager it drops a file that nobody took."""

    def __init__(self, blobs: Blobs) -> None:
        self.lists: dict[str, list[str]] = {}
        self.description: Description | None = None
        """Of the file; None where none was chosen."""
        self._blobs = blobs
        self._writer: BlobWriter | None = None
        self._blob: Blob | None = None

    async def __aenter__(self) -> Received:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            await self._writer.discard()
        if self._blob is not None:
            await self._blobs.delete(self._blob.name)

    def take(self) -> Blob:
        """The file, which is the caller's now."""
        assert self._blob is not None, "no file came"
        blob, self._blob = self._blob, None
        return blob

    async def read(self, request: AnyRequest, largest: int) -> None:
        """Reads the whole form. BAD_FORM, STORAGE_FULL, FILE_TOO_LARGE beyond `largest` bytes."""
        parts = Multiparts(request.headers.get("content-type", ""), body_of(request))
        try:
            while (part := await parts.next()) is not None:
                name = part.name or ""
                if name != FILE:
                    raw = await parts.text(FIELD_BYTES, name)
                    self.lists.setdefault(name, []).append(raw.decode("utf-8", "replace"))
                elif self._writer is not None or self._blob is not None:
                    raise errors.BAD_FORM("The body is not the form of this page.")
                else:
                    filename = filename_of(part)
                    self._blob = blob = await self._saved(parts, largest)
                    if filename:
                        kind = part.content_type or ""
                        self.description = of_upload(filename, blob.size, kind)
        finally:
            await parts.aclose()

    async def _saved(self, parts: Multiparts, largest: int) -> Blob:
        self._writer = writer = self._blobs.create()
        async for piece in parts.payload():
            if writer.size + len(piece) > largest:
                raise errors.FILE_TOO_LARGE(field=FILE)
            await writer.write(piece)
        blob = await writer.finish()
        self._writer = None
        return blob


async def body_of(request: AnyRequest) -> AsyncIterator[bytes]:
    """The body as it comes. BAD_REQUEST if the client leaves in the middle of it."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:
        raise errors.BAD_REQUEST("The body is not complete.") from None


def filename_of(part: MultipartSegment) -> str:
    """The name that a browser gives its file, which was read byte by byte; empty if it has none."""
    name = (part.filename or "").encode("latin-1", "replace").decode("utf-8", "replace")
    return name.replace("%22", '"')
