"""Downloads: `/-/files/<filekey>` with a signature that allows it for a moment.

A user's file is never active content on our origin: it is an attachment in a sandbox unless
it is of a type that browsers merely show, and browsers are told not to guess.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import structlog
from litestar import route
from litestar.enums import HttpMethod
from litestar.types import ASGIApp, Receive, Scope, Send

from shortd import errors
from shortd.blobs import CHUNK_BYTES, Blobs
from shortd.models import Encryption, File, FilePart
from shortd.sendfile import EXTENSION, SendFile
from shortd.web.answers import Headers
from shortd.web.ranges import Piece, Plan, plan
from shortd.web.site import AnyRequest, services_of

OCTETS = b"application/octet-stream"
_SHOWN = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"),
        *("audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav", "audio/webm", "audio/mp4"),
        *("audio/aac", "audio/flac", "video/mp4", "video/webm", "video/ogg", "application/pdf"),
    }
)
"""Types that a browser shows without running anything of them. SVG is none."""
_TEXT = "text/plain"


log = structlog.get_logger(__name__)


@route("/-/files/{filekey:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def download(request: AnyRequest) -> ASGIApp:
    """A file, or ranges of it. ADDRESS_EXPIRED without a valid signature."""
    services = services_of(request)
    filekey: str = request.path_params["filekey"]
    expires = request.query_params.get("expires", "")
    services.unlocking.verify(
        filekey,
        int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 20 else 0,
        request.query_params.get("signature", ""),
        services.clock.now(),
    )
    content = services.files.content(filekey)
    if content is None:
        raise errors.NOT_FOUND()
    file, parts = content
    kind, headers = presentation(file)
    # A range is nothing that HEAD could ask for (RFC 9110 14.2).
    chosen = plan(
        file.stored_size,
        filekey,
        kind,
        range_header=request.headers.get("range", "") if request.method == "GET" else "",
        if_range=request.headers.get("if-range", ""),
        if_none_match=request.headers.get("if-none-match", ""),
    )
    headers += [
        *chosen.headers,
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{filekey}"'.encode()),
        (b"cache-control", b"private, no-cache"),
    ]
    handover = services.settings.files.handover
    if handover and chosen.status == 200 and len(parts) == 1:
        path = services.settings.files.handover_prefix + parts[0].blob[:2] + "/" + parts[0].blob
        headers.append((handover.encode(), path.encode()))
        chosen = Plan(200, [], [])
    if chosen.status != 304:
        headers.append((b"content-length", str(chosen.length).encode()))
    pieces = chosen.pieces if request.method == "GET" else ()
    return _Download(services.files.blobs, chosen.status, headers, parts, pieces)


def presentation(file: File) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A file's Content-Type, and the headers that keep it harmless."""
    essence = file.filetype.partition(";")[0].strip().lower()
    shown = file.encryption is Encryption.NONE and (essence in _SHOWN or essence == _TEXT)
    kind = file.filetype.encode() or OCTETS
    if file.encryption is not Encryption.NONE:
        kind = OCTETS
    elif essence == _TEXT:
        kind = b"text/plain; charset=utf-8"
    policy = b"default-src 'none'; frame-ancestors 'none'" if shown else b"sandbox"
    return kind, [
        (b"content-disposition", disposition(file.filename, attachment=not shown)),
        (b"content-security-policy", policy),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]


def disposition(filename: str, *, attachment: bool) -> bytes:
    """Content-Disposition (RFC 6266), the name for old and new clients (RFC 8187)."""
    kind = "attachment" if attachment else "inline"
    fallback = "".join(
        character if character.isascii() and character.isprintable() else "_"
        for character in filename
    )
    fallback = fallback.replace("\\", "_").replace('"', "_").replace("%", "_")
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{quote(filename, safe='')}".encode()


class _Download:
    """A response: moved by the kernel where the server offers that, else read and sent."""

    def __init__(
        self,
        blobs: Blobs,
        status: int,
        headers: Headers,
        parts: Sequence[FilePart],
        pieces: Sequence[Piece],
    ) -> None:
        self._blobs = blobs
        self._status = status
        self._headers = headers
        self._parts = parts
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions: dict[str, Any] = scope.get("extensions") or {}
        send_file: SendFile | None = extensions.get(EXTENSION)
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        try:
            for piece in self._pieces:
                if isinstance(piece, bytes):
                    await _send_bytes(piece, send)
                    continue
                for blob, start, length in _cut(self._parts, *piece):
                    with await self._blobs.open(blob) as file:
                        if send_file is not None:
                            await send_file(file.fileno(), start, length, self._blobs.run)
                        else:
                            await self._read(file.fileno(), start, length, send)
        except OSError as fault:
            if send_file is None:
                raise
            if not isinstance(fault, ConnectionError):
                # A deleted file, as a rule: its link went while it was on its way.
                log.warning("download_cut_short", error=str(fault))
            await send_file.abort()
        else:
            await _send_bytes(b"", send, more=False)

    async def _read(self, descriptor: int, start: int, length: int, send: Send) -> None:
        while length:
            read = partial(os.pread, descriptor, min(length, CHUNK_BYTES), start)
            chunk = await self._blobs.run(read)
            if not chunk:
                raise OSError("the file is shorter than it was")
            await _send_bytes(chunk, send)
            start += len(chunk)
            length -= len(chunk)


async def _send_bytes(data: bytes, send: Send, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


def _cut(parts: Sequence[FilePart], start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """Where bytes [start, stop) of a file are: blob, offset in it, length."""
    offset = 0
    for part in parts:
        first, last = max(start, offset), min(stop, offset + part.size)
        if first < last:
            yield part.blob, first - offset, last - first
        offset += part.size


HANDLERS = (download,)
