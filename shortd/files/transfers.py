"""What downloads and uploads ask of the connection that they go through.

ASGI has no words for it, so the scope of a request carries ours, under `extensions`. A server that
has none of them serves all the same, only slower.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

_SEND_FILE = "shortd.sendfile"
_EXPECT_UPLOAD = "shortd.upload"
_BODY = "shortd.body"

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work on another thread."""


class SendFile(Protocol):
    """Sends bytes of open files as part of the body of one response."""

    async def __call__(self, descriptor: int, start: int, length: int, run: Run) -> None:
        """Sends bytes [start, start + length) of a file; the response has been started.

        ConnectionError when the client is gone, OSError when the file ends before.
        """
        ...

    def check(self) -> None:
        """ConnectionError when the client is gone."""
        ...

    async def abort(self) -> None:
        """Ends the connection in the middle of a response; that is all a client can be told."""
        ...


class Body(Protocol):
    """The body of a request, whose memory is counted."""

    is_streamed: bool
    """Whether `stream` was called."""

    def stream(self) -> None:
        """Nothing is kept of what comes, but for what `keep` is told of."""
        ...

    def keep(self, piece: bytes, *, is_last: bool = False) -> None:
        """Counts what is to be kept in memory. BUSY or CREDENTIALS_FIRST if there is no room."""
        ...


def extensions(send_file: SendFile, expect_upload: Callable[[], None]) -> dict[str, Any]:
    """What a server puts into each scope."""
    return {_SEND_FILE: send_file, _EXPECT_UPLOAD: expect_upload}


def send_file_of(scope: Any) -> SendFile | None:
    """The way to send files as the response to this request; None if there is only ASGI's."""
    found: SendFile | None = (scope.get("extensions") or {}).get(_SEND_FILE)
    return found


def expect_upload(scope: Any) -> None:
    """Lets the body of this request take as long as an upload may, and as much. Any other has to
    come soon, and is kept in memory. Say it before anything is read.
    """
    expect: Callable[[], None] | None = (scope.get("extensions") or {}).get(_EXPECT_UPLOAD)
    if expect is not None:
        expect()
    if body := _body_of(scope):
        body.stream()


def is_upload(scope: Any) -> bool:
    """Whether `expect_upload` was said of this request."""
    body = _body_of(scope)
    return body is not None and body.is_streamed


def offer_body(scope: Any, body: Body) -> None:
    """Puts the body into a request's scope."""
    # A server may have one dictionary for all requests of a connection.
    scope["extensions"] = {**(scope.get("extensions") or {}), _BODY: body}


def withdraw_body(scope: Any) -> None:
    """Takes it out again: it knows its request, and a ring of both would wait for the garbage
    collector."""
    (scope.get("extensions") or {}).pop(_BODY, None)


def keep(scope: Any, piece: bytes, is_last: bool) -> None:
    """Counts a piece of an upload that stays in memory. BUSY or CREDENTIALS_FIRST."""
    if body := _body_of(scope):
        body.keep(piece, is_last=is_last)


def _body_of(scope: Any) -> Body | None:
    found: Body | None = (scope.get("extensions") or {}).get(_BODY)
    return found
