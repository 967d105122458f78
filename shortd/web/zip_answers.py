"""Zips as answers: sent while they are made, with their length told before.

Each waits for its client, and counts with what large answers may hold together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from shortd.files.transfers import send_file_of
from shortd.files.zip_streams import ZippedFile, ZipStream, zip_of, zipped
from shortd.services import Services
from shortd.web.answers import NO_INDEX, Headers
from shortd.web.downloads import disposition

ZIP = b"application/zip"

log = structlog.get_logger(__name__)


async def zip_answer(
    services: Services, files: Sequence[ZippedFile], name: str, *, with_body: bool = True
) -> ASGIApp:
    """Files as one zip to be saved as `name`; without a body it says how long that would be.

    BUSY, or ANSWER_TOO_LARGE, where its list of files finds no room in memory.
    """
    stream = await zip_of(services.sharing.files.blobs, files)
    services.limits.answers.check(stream.kept_bytes)
    headers = [
        (b"content-type", ZIP),
        (b"content-length", str(stream.size).encode()),
        (b"content-disposition", disposition(name, attachment=True)),
        (b"content-security-policy", b"sandbox"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"accept-ranges", b"none"),
        (b"cache-control", b"private, no-cache"),
        NO_INDEX,
    ]
    return _ZipAnswer(services, stream, headers, with_body)


class _ZipAnswer:
    def __init__(
        self, services: Services, stream: ZipStream, headers: Headers, with_body: bool
    ) -> None:
        self._services = services
        self._stream = stream
        self._headers = headers
        self._with_body = with_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        blobs, stream = self._services.sharing.files.blobs, self._stream
        connection = send_file_of(scope)
        with self._services.limits.answers.sending(stream.kept_bytes):
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            try:
                if self._with_body:
                    async with aclosing(zipped(blobs, stream)) as pieces:
                        async for piece in pieces:
                            if connection is not None:
                                connection.check()
                            await send(
                                {"type": "http.response.body", "body": piece, "more_body": True}
                            )
            except OSError as fault:
                if connection is None:
                    raise
                if not isinstance(fault, ConnectionError):
                    # A deleted file, as a rule: its link went while it was on its way.
                    log.warning("zip_cut_short", error=str(fault))
                await connection.abort()
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
