"""A form with files, read as it comes: they go to disk, the fields stay in memory.

Whose it is, is known before the first byte, so that fields may stand behind the file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType

from litestar.exceptions import InternalServerException

from shortd import errors
from shortd.files.blobs import Blob, Blobs, BlobWriter
from shortd.files.multiparts import Multiparts
from shortd.sharing.descriptions import Description
from shortd.web.routing import AnyRequest
from shortd.web.share.making import of_upload

FILE = "file"
FIELD_BYTES = 4096


class Received:
    """What came. As a context manager it drops the files that nobody took."""

    def __init__(self, blobs: Blobs, most: int = 1) -> None:
        """`most` files are taken."""
        self.lists: dict[str, list[str]] = {}
        self.descriptions: list[Description] = []
        """Of the files that were chosen."""
        self._blobs = blobs
        self._most = most
        self._writer: BlobWriter | None = None
        self._chosen: list[Blob] = []
        self._others: list[Blob] = []

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
        for blob in (*self._chosen, *self._others):
            await self._blobs.delete(blob.name)

    def take(self) -> list[Blob]:
        """The files that were chosen, which are the caller's now."""
        blobs, self._chosen = self._chosen, []
        return blobs

    async def read(self, request: AnyRequest, largest: int) -> None:
        """Reads the whole form. BAD_FORM, STORAGE_FULL, FILE_TOO_LARGE for a file beyond `largest`
        bytes."""
        parts = Multiparts(request.headers.get("content-type", ""), body_of(request))
        try:
            while (part := await parts.next()) is not None:
                name = part.name or ""
                if name != FILE:
                    raw = await parts.text(FIELD_BYTES, name)
                    self.lists.setdefault(name, []).append(raw.decode("utf-8", "replace"))
                elif len(self._chosen) + len(self._others) == self._most:
                    raise errors.BAD_FORM("The body is not the form of this page.")
                else:
                    filename = _text(part.filename or "").replace("%22", '"')
                    blob = await self._saved(parts, largest)
                    if filename:
                        kind = part.content_type or ""
                        self._chosen.append(blob)
                        self.descriptions.append(of_upload(filename, blob.size, kind))
                    else:
                        # Browsers send an empty one where none was chosen.
                        self._others.append(blob)
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


def announced(request: AnyRequest) -> int:
    """Bytes that the body says it has; 0 where it does not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0


def _text(name: str) -> str:
    """A name that was read byte by byte."""
    return name.encode("latin-1", "replace").decode("utf-8", "replace")
