"""The HTTP side of ww7 v2: bodies in, envelopes out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import structlog
from litestar import HttpMethod, Request, Response, post
from litestar.datastructures import State
from litestar.exceptions import InternalServerException
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from shortd import errors
from shortd.api.v2 import envelope
from shortd.api.v2.registry import CALLS
from shortd.services import Services
from shortd.web.answers import Answer, json_answer, retry_after_header
from shortd.web.follow import client_address
from shortd.web.site import response

PREFIX = "/v2/"
BODY_LIMIT = 4 << 20
"""Bytes of a JSON body (NOTES "Small print")."""

_JSON_CALLS = {PREFIX + name: name for name, call in CALLS.items() if not call.form}
_HOST = re.compile(rb"[A-Za-z0-9.:\[\]_-]*")

log = structlog.get_logger(__name__)


def call_of(scope: HTTPScope) -> str | None:
    """The JSON call that a request plainly is. Of all others, bad ones among them, Litestar's
    router makes what they are, for more than many a call costs.
    """
    name = _JSON_CALLS.get(scope["path"])
    if name is None or scope["method"] != HttpMethod.POST:
        return None
    return name if _HOST.fullmatch(_header(scope, b"host")) else None


async def serve(
    services: Services, name: str, scope: HTTPScope, receive: Receive, send: Send
) -> None:
    """Answers a JSON call, as an ASGI application."""
    try:
        body = await _whole_body(scope, receive)
        answer = await envelope.answer(services, name, body, client_address(services, scope))
        rendered = _counted(services, answer)
    except errors.ShortdError as error:
        rendered = _refused(services, name, error)
    except Exception as fault:
        log.error("request_failed", path=scope["path"], exc_info=fault)
        rendered = _refused(services, name, errors.INTERNAL())
    await rendered.send(send)


@post("/v2/{name:str}")
async def v2_call(request: Request[Any, Any, State]) -> ASGIApp:
    return partial(serve, request.app.state.services, request.path_params["name"])


@post(["/v2/file", "/v2/file_part_upload"], request_max_body_size=None, status_code=200)
async def v2_form(request: Request[Any, Any, State]) -> Response[bytes]:
    services: Services = request.app.state.services
    name = request.scope["path"].removeprefix(PREFIX).strip("/")
    content_type = request.headers.get("content-type", "")
    answer = await envelope.answer_form(
        services, name, content_type, _body(request), client_address(services, request.scope)
    )
    return response(_counted(services, answer))


async def _body(request: Request[Any, Any, State]) -> AsyncIterator[bytes]:
    """The body as it comes. BAD_REQUEST if the client leaves in the middle of it."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:
        raise errors.BAD_REQUEST("The body is not complete.") from None


def refusal(request: Request[Any, Any, State], error: errors.ShortdError) -> Response[bytes]:
    """The envelope for a request that never became a call: wrong method, body too large."""
    name = request.scope["path"].removeprefix(PREFIX).strip("/")
    refused = _refused(request.app.state.services, name, error)
    if error.status == 405:
        refused.headers.append((b"allow", b"POST, OPTIONS"))
    return response(refused)


async def _whole_body(scope: HTTPScope, receive: Receive) -> bytes:
    """BODY_TOO_LARGE as soon as it is known to be; BAD_REQUEST if the client leaves before."""
    announced = _header(scope, b"content-length")
    if announced.isdigit() and int(announced) > BODY_LIMIT:
        raise errors.BODY_TOO_LARGE()
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise errors.BAD_REQUEST()
        body += event["body"]
        if len(body) > BODY_LIMIT:
            raise errors.BODY_TOO_LARGE()
        if not event.get("more_body"):
            return bytes(body)


def _header(scope: HTTPScope, wanted: bytes) -> bytes:
    """The first header of that name; empty if there is none."""
    for name, value in scope["headers"]:
        if name == wanted:
            return value
    return b""


def _counted(services: Services, answer: envelope.Answer) -> Answer:
    """What a call came to, as an HTTP response and in the metrics."""
    name = answer.envelope.type if answer.envelope.type in CALLS else "unknown"
    services.metrics.calls[name, answer.http_status] += 1
    return _rendered(answer)


def _refused(services: Services, name: str, error: errors.ShortdError) -> Answer:
    return _rendered(envelope.refused(name[:64], error, services.clock.now()))


def _rendered(answer: envelope.Answer) -> Answer:
    wait = answer.retry_after
    headers = [] if wait is None else [retry_after_header(wait)]
    return json_answer(answer.envelope, answer.http_status, headers)


HANDLERS = (v2_call, v2_form)
