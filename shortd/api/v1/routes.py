"""The HTTP side of Shorten World v1: bodies in, answers out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.datastructures import State
from litestar.types import HTTPScope

from shortd import errors
from shortd.api.v1 import answers
from shortd.api.v1.registry import CALLS, Context
from shortd.limits.repeats import Answered
from shortd.services import Services
from shortd.web.answers import retry_after_header
from shortd.web.bodies import whole_body
from shortd.web.routing import client_address, keys_of

PREFIX = "/v1/"
BODY_LIMIT = 1 << 20
"""Bytes of a body: the longest list of destinations fits in."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_encode = msgspec.json.Encoder().encode


@route(
    "/v1/{path:path}",
    # Litestar would answer OPTIONS by itself, with a status that the document does not have.
    http_method=[HttpMethod.POST, HttpMethod.OPTIONS],
    request_max_body_size=None,
    status_code=200,
)
async def v1_call(request: Request[Any, Any, State]) -> Response[bytes]:
    if request.method != HttpMethod.POST:
        raise errors.METHOD_NOT_ALLOWED()
    services: Services = request.app.state.services
    name, address = _name(request), client_address(services, request.scope)
    body = await whole_body(services, request.scope, request.receive, BODY_LIMIT)
    with services.limits.repeats.asked(keys_of(request.scope)) as attempt:
        running = answers.answer(
            services,
            name,
            body,
            authorization=request.headers.get("authorization", ""),
            address=address,
            attempt=attempt,
        )
        try:
            answer = await running
        except Answered as before:
            services.metrics.calls[f"v1/{name}", 200] += 1
            return _sent(before.body)
        response = _render(answer)
        try:
            services.limits.answers.check(len(response.content))
        except errors.ShortdError as error:
            answer = answers.refused(error, services.clock.now())
            response = _render(answer)
        if not answer.status.code:
            await attempt.keep(response.content)
    shown = f"v1/{name}" if name in CALLS else "unknown"
    services.metrics.calls[shown, answer.status.code or 200] += 1
    return response


def account_of(services: Services, scope: HTTPScope) -> str | None:
    """The account whose access token comes with a request; None if there is no good one."""
    authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    ctx = Context(services, "", services.clock.now(), authorization)
    try:
        bearer = services.accounts.access_tokens.authenticate_bearer(ctx.access_token, ctx.now)
    except errors.ShortdError:
        return None
    return bearer.account.userid


def refusal(request: Request[Any, Any, State], error: errors.ShortdError) -> Response[bytes]:
    """The answer to a request that never became a call: wrong method, body too large."""
    services: Services = request.app.state.services
    return _render(answers.refused(error, services.clock.now()))


def _name(request: Request[Any, Any, State]) -> str:
    return request.scope["path"].removeprefix(PREFIX).strip("/")


def _render(answer: answers.Answer) -> Response[bytes]:
    headers = {}
    if answer.retry_after is not None:
        name, value = retry_after_header(answer.retry_after)
        headers[name.decode()] = value.decode()
    if answer.http_status == 401:
        # RFC 9110 11.6.1.
        headers["www-authenticate"] = "Bearer"
    return _sent(_encode(answer.body()), answer.http_status, headers)


def _sent(
    body: bytes, status: int = 200, headers: Mapping[str, str] = NO_HEADERS
) -> Response[bytes]:
    return Response(
        body,
        status_code=status,
        headers={"cache-control": "no-store", "x-content-type-options": "nosniff", **headers},
        media_type="application/json",
    )


HANDLERS = (v1_call,)
