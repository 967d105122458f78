"""Downloads: `/-/files/<filekey>` with a signature that allows it for a moment.

A user's file is never active content on our origin: it is an attachment in a sandbox unless
it is of a type that browsers merely show, and browsers are told not to guess.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.response import Stream

from shortd import errors
from shortd.blobs import Blobs
from shortd.models import Encryption, File, FilePart
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


@route("/-/files/{filekey:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def download(request: AnyRequest) -> Response[bytes] | Stream:
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
    chosen = plan(
        file.stored_size,
        filekey,
        kind,
        range_header=request.headers.get("range", ""),
        if_range=request.headers.get("if-range", ""),
        if_none_match=request.headers.get("if-none-match", ""),
    )
    headers += [
        *chosen.headers,
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{filekey}"'.encode()),
        (b"cache-control", b"private, no-cache"),
    ]
    if chosen.status != 304:
        headers.append((b"content-length", str(chosen.length).encode()))
    handover = services.settings.files.handover
    if handover and chosen.status == 200 and len(parts) == 1:
        path = services.settings.files.handover_prefix + parts[0].blob[:2] + "/" + parts[0].blob
        headers = [header for header in headers if header[0] != b"content-length"]
        return _answer(Plan(200, [], []), [*headers, (handover.encode(), path.encode())])
    if request.method == "HEAD" or not chosen.pieces:
        return _answer(chosen, headers)
    return Stream(
        _send(services.files.blobs, parts, chosen.pieces),
        status_code=chosen.status,
        headers={name.decode(): value.decode("latin-1") for name, value in headers},
        media_type=_content_type(headers),
    )


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


async def _send(
    blobs: Blobs, parts: Sequence[FilePart], pieces: Sequence[Piece]
) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        start, stop = piece
        offset = 0
        for part in parts:
            first, last = max(start, offset), min(stop, offset + part.size)
            if first < last:
                async for chunk in blobs.read(part.blob, first - offset, last - first):
                    yield chunk
            offset += part.size


def _answer(chosen: Plan, headers: list[tuple[bytes, bytes]]) -> Response[bytes]:
    return Response(
        b"",
        status_code=chosen.status,
        headers={name.decode(): value.decode("latin-1") for name, value in headers},
        media_type=_content_type(headers),
    )


def _content_type(headers: list[tuple[bytes, bytes]]) -> str:
    return dict(headers).get(b"content-type", OCTETS).decode("latin-1")


HANDLERS = (download,)
