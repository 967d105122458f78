"""Downloads: `/-/files/<filekey>` with a signature that allows it for a moment.

A user's file is never active content on our origin: it is an attachment in a sandbox unless
it is of a type that browsers merely show, and browsers are told not to guess.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import quote

import structlog
from litestar import route
from litestar.enums import HttpMethod
from litestar.types import ASGIApp, Receive, Scope, Send
from werkzeug.http import parse_options_header

from shortd import errors
from shortd.file_names import shortened
from shortd.files.blobs import CHUNK_BYTES, Blobs
from shortd.files.transfers import send_file_of
from shortd.link_codes import escaped
from shortd.models.files import Encryption, File, FilePart
from shortd.models.links import Link
from shortd.sharing.addresses import FileAddress
from shortd.web.answers import NO_INDEX, NO_STORE, Answer, Headers
from shortd.web.guard import only_elsewhere
from shortd.web.ranges import Piece, Plan, plan, resumes
from shortd.web.routing import AnyRequest, services_of

OCTETS = b"application/octet-stream"
SHOWN = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"),
        *("audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav", "audio/webm", "audio/mp4"),
        *("audio/aac", "audio/flac", "video/mp4", "video/webm", "video/ogg", "application/pdf"),
    }
)
"""Types that a browser shows without running anything of them. SVG is none."""
_TEXT = "text/plain"
_RUN = frozenset(
    {
        *("script", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"),
        *("style", "xslt"),
    }
)
"""Values of Sec-Fetch-Dest (W3C Fetch Metadata 2.1): what a page loads in order to run it."""
_SHOWN_POLICY = (
    b"default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
)
"""Browsers show a picture, a sound or a film in a page of their own, with a style in it, and load a
sound or film anew from there. Nothing of this lets a file run anything."""
NAME_CHARACTERS = 255
"""Of a name in a header, at most."""
ENCODED_BYTES = 9 * 255
"""Of a name in a header as it is escaped: 255 characters of most languages."""


log = structlog.get_logger(__name__)


@route("/-/files/{filekey:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def download(request: AnyRequest) -> ASGIApp:
    """A file, or ranges of it. ADDRESS_EXPIRED without a valid signature."""
    services = services_of(request)
    now = services.clock.now()
    only_elsewhere(request)
    refuse_to_run(request)
    filekey: str = request.path_params["filekey"]
    address = services.sharing.addresses.read(filekey, request.query_params, now)
    file, asked = address.file, request.headers
    if file.entries:
        raise errors.NOT_FOUND()
    # A range is nothing that HEAD could ask for (RFC 9110 14.2).
    is_get = request.method == "GET"
    range_header = asked.get("range", "") if is_get else ""
    if address.is_over(now) or (is_get and address.is_for_head):
        goes_on = address.may_resume(now) and resumes(
            file.stored_size,
            filekey,
            range_header=range_header,
            if_match=_if_match(request) or "",
            if_range=asked.get("if-range", ""),
        )
        if not goes_on:
            return later(late(request, address))
    content = services.sharing.files.content(filekey)
    if content is None:
        raise errors.NOT_FOUND()
    file, parts = content
    return stored_answer(request, address.link, file, filekey, parts)


def stored_answer(
    request: AnyRequest,
    link: Link | None,
    file: File,
    etag: str,
    parts: Sequence[FilePart],
    *,
    start: int | None = None,
) -> ASGIApp:
    """What a request asks of the stored bytes of a link: all of `parts`, or `file.stored_size` of
    them from `start` on.
    """
    services, asked = services_of(request), request.headers
    is_get = request.method == "GET"
    kind, headers = presentation(file)
    # A file in a box is its owner's alone.
    if not file.box and services.visits.visits.is_listed(link):
        headers.remove(NO_INDEX)
    chosen = plan(
        file.stored_size,
        etag,
        kind,
        range_header=asked.get("range", "") if is_get else "",
        if_match=_if_match(request),
        if_range=asked.get("if-range", ""),
        if_none_match=", ".join(asked.getall("if-none-match", [])),
    )
    headers += [
        *chosen.headers,
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{etag}"'.encode()),
        (b"cache-control", b"private, no-cache"),
    ]
    handover = services.settings.files.handover
    if handover and chosen.status == 200 and len(parts) == 1 and start is None:
        path = services.settings.files.handover_prefix + parts[0].blob[:2] + "/" + parts[0].blob
        headers.append((handover.encode(), path.encode()))
        chosen = Plan(200, [], [])
    if chosen.status != 304:
        headers.append((b"content-length", str(chosen.length).encode()))
    pieces = [
        piece if isinstance(piece, bytes) else (piece[0] + (start or 0), piece[1] + (start or 0))
        for piece in (chosen.pieces if is_get else ())
    ]
    return _Download(services.sharing.files.blobs, chosen.status, headers, parts, pieces)


def _if_match(request: AnyRequest) -> str | None:
    asked = request.headers
    return ", ".join(asked.getall("if-match")) if "if-match" in asked else None


def refuse_to_run(request: AnyRequest) -> None:
    """NOT_ALLOWED for a page of this origin that would run the file, whatever its policy says."""
    fetched = request.headers.get("sec-fetch-dest", "")
    if fetched in _RUN and request.headers.get("sec-fetch-site") == "same-origin":
        raise errors.NOT_ALLOWED("A shared file is no part of this site's own pages.")


def late(request: AnyRequest, address: FileAddress) -> Answer:
    """To the short link, which decides anew. ADDRESS_EXPIRED where that answers with a page, which
    programs would take for the file, and for HEAD.
    """
    services, link = services_of(request), address.link
    is_encrypted = address.file.encryption is not Encryption.NONE
    if request.method != "GET" or is_encrypted or link is None or address.filekey:
        raise errors.ADDRESS_EXPIRED()
    here = services.visits.heads.of(request.scope["headers"]).host
    short_url = services.hosts.short_url(link)
    location = f"/{escaped(link.code)}" if here == link.host else short_url
    return Answer(302, [(b"location", location.encode("ascii")), NO_STORE, NO_INDEX])


def later(answer: Answer) -> ASGIApp:
    """An answer, where there might have been a file."""

    async def lead(scope: Scope, receive: Receive, send: Send) -> None:
        await answer.send(send)

    return lead


def presentation(file: File) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A file's Content-Type, and the headers that keep it harmless."""
    essence = file.filetype.partition(";")[0].strip().lower()
    is_plain = file.encryption is Encryption.NONE
    # Of what strangers have sent, nothing is ever shown on our origin.
    shown = is_plain and not file.box and (essence in SHOWN or essence == _TEXT)
    kind = file.filetype.encode() or OCTETS
    if file.encryption is not Encryption.NONE:
        kind = OCTETS
    elif essence == _TEXT and not parse_options_header(file.filetype)[1].get("charset"):
        kind += b"; charset=utf-8"
    return kind, [
        (b"content-disposition", disposition(file.filename or "file", attachment=not shown)),
        (b"content-security-policy", _SHOWN_POLICY if shown else b"sandbox"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        NO_INDEX,
    ]


def disposition(filename: str, *, attachment: bool) -> bytes:
    """Content-Disposition (RFC 6266), the name for old and new clients (RFC 8187).

    Long names are cut before their suffix: no file system takes them, and proxies give up on an
    answer whose headers are beyond 4 KiB.
    """
    kind = "attachment" if attachment else "inline"
    name = shortened(filename, NAME_CHARACTERS, len)
    fallback = "".join(
        character if character.isascii() and character.isprintable() else "_" for character in name
    )
    fallback = fallback.replace("\\", "_").replace('"', "_").replace("%", "_")
    encoded = _encoded(shortened(name, ENCODED_BYTES, lambda text: len(_encoded(text))))
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}".encode()


def _encoded(name: str) -> str:
    return quote(name, safe="")


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
        send_file = send_file_of(scope)
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
