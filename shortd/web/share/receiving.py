"""A form with files, read as it comes: the files go to disk, the fields stay in memory.

Whose they are, is known before the first byte, so that fields may stand behind the files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import NamedTuple

from litestar.exceptions import InternalServerException
from multipart import MultipartSegment

from shortd import errors
from shortd.files.blobs import Blob, Blobs, BlobWriter
from shortd.files.multiparts import Multiparts
from shortd.files.sizes import too_large
from shortd.sharing.descriptions import Description
from shortd.web.routing import AnyRequest
from shortd.web.share.making import of_upload

FILE = "file"
FIELD_BYTES = 4096
MOST_FILES = 100
"""In one form: each is a file on disk. Scripts put many into one upload."""
_OTHER_PARTS = 16


class Coming(NamedTuple):
    """A file that came."""

    description: Description
    path: str
    """As the browser has it: with folders, where one was chosen."""
    blob: Blob


class Received:
    """What came. As a context manager it drops files that nobody took."""

    def __init__(self, blobs: Blobs) -> None:
        self.lists: dict[str, list[str]] = {}
        self.files: list[Coming] = []
        """Those that were chosen and that nobody has taken."""
        self._blobs = blobs
        self._writer: BlobWriter | None = None
        self._blob: Blob | None = None
        """What came where no file was chosen."""

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
        left = [file.blob for file in self.files]
        for blob in left if self._blob is None else [*left, self._blob]:
            await self._blobs.delete(blob.name)

    def take(self, count: int) -> list[Coming]:
        """The first of the files, which are the caller's now."""
        taken, self.files = self.files[:count], self.files[count:]
        return taken

    async def read(self, request: AnyRequest, largest: int, of_each: int | None = None) -> None:
        """Reads the whole form. BAD_FORM, STORAGE_FULL, INVALID_FIELD for too many files,
        FILE_TOO_LARGE where they have more than `largest` bytes together, or one more than
        `of_each`.
        """
        of_each = largest if of_each is None else of_each
        kind = request.headers.get("content-type", "")
        parts = Multiparts(kind, body_of(request), most=MOST_FILES + 1 + _OTHER_PARTS)
        try:
            while (part := await parts.next()) is not None:
                name = part.name or ""
                if name != FILE:
                    raw = await parts.text(FIELD_BYTES, name)
                    self.lists.setdefault(name, []).append(raw.decode("utf-8", "replace"))
                elif len(self.files) == MOST_FILES:
                    raise errors.INVALID_FIELD(
                        "There may be %(most)s files in one form.", field=FILE, most=MOST_FILES
                    )
                elif self._blob is not None:
                    raise errors.BAD_FORM("The body is not the form of this page.")
                else:
                    filename = filename_of(part)
                    blob = await self._saved(parts, min(largest, of_each))
                    largest -= blob.size
                    if not filename:
                        self._blob = blob
                        continue
                    kind = part.content_type or ""
                    self.files.append(Coming(of_upload(filename, blob.size, kind), filename, blob))
        finally:
            await parts.aclose()

    async def _saved(self, parts: Multiparts, largest: int) -> Blob:
        self._writer = writer = self._blobs.create()
        async for piece in parts.payload():
            if writer.size + len(piece) > largest:
                raise too_large(largest, FILE)
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


def filename_of(part: MultipartSegment) -> str:
    """The name that a browser gives its file, which was read byte by byte; empty if it has none."""
    name = (part.filename or "").encode("latin-1", "replace").decode("utf-8", "replace")
    return name.replace("%22", '"')
