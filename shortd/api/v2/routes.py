"""The HTTP side of ww7 v2: bodies in, envelopes out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.exceptions import InternalServerException

from shortd import errors
from shortd.api.v2 import envelope
from shortd.api.v2.registry import CALLS
from shortd.services import Services
from shortd.web.answers import retry_after_header
from shortd.web.follow import client_address

PREFIX = "/v2/"
BODY_LIMIT = 4 << 20
"""Bytes of a JSON body (NOTES "Small print")."""

_encode = msgspec.json.Encoder().encode


@post("/v2/{name:str}", request_max_body_size=BODY_LIMIT, status_code=200)
async def v2_call(request: Request[Any, Any, State]) -> Response[bytes]:
    name: str = request.path_params["name"]
    services: Services = request.app.state.services
    body = await request.body()
    return _answered(request, await envelope.answer(services, name, body, _address(request)))


@post(["/v2/file", "/v2/file_part_upload"], request_max_body_size=None, status_code=200)
async def v2_form(request: Request[Any, Any, State]) -> Response[bytes]:
    services: Services = request.app.state.services
    name = request.scope["path"].removeprefix(PREFIX).strip("/")
    content_type = request.headers.get("content-type", "")
    answer = await envelope.answer_form(
        services, name, content_type, _body(request), _address(request)
    )
    return _answered(request, answer)


async def _body(request: Request[Any, Any, State]) -> AsyncIterator[bytes]:
    """The body as it comes. BAD_REQUEST if the client leaves in the middle of it."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:
        raise errors.BAD_REQUEST("The body is not complete.") from None


def _address(request: Request[Any, Any, State]) -> str:
    return client_address(request.app.state.services, request.scope)


def _answered(request: Request[Any, Any, State], answer: envelope.Answer) -> Response[bytes]:
    services: Services = request.app.state.services
    name = answer.envelope.type if answer.envelope.type in CALLS else "unknown"
    services.metrics.calls[name, answer.http_status] += 1
    return render(answer)


def render(answer: envelope.Answer) -> Response[bytes]:
    """An answer as an HTTP response."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if answer.retry_after is not None:
        name, value = retry_after_header(answer.retry_after)
        headers[name.decode()] = value.decode()
    return Response(
        _encode(answer.envelope),
        status_code=answer.http_status,
        headers=headers,
        media_type="application/json",
    )


def refusal(request: Request[Any, Any, State], error: errors.ShortdError) -> Response[bytes]:
    """The envelope for a request that never became a call: wrong method, body too large."""
    services: Services = request.app.state.services
    name = request.scope["path"].removeprefix(PREFIX).strip("/")
    answer = render(envelope.refused(name[:64], error, services.clock.now()))
    if error.status == 405:
        answer.headers["allow"] = "POST, OPTIONS"
    return answer


HANDLERS = (v2_call, v2_form)
