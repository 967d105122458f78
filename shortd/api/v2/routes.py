"""The HTTP side of ww7 v2: bodies in, envelopes out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from typing import Any

import structlog
from litestar import HttpMethod, Request, Response, post
from litestar.datastructures import State
from litestar.exceptions import InternalServerException
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from shortd import errors
from shortd.api.v2 import envelope
from shortd.api.v2.registry import CALLS, JsonObject
from shortd.files.transfers import expect_upload, keep
from shortd.limits.repeats import Answered, Attempt
from shortd.services import Services
from shortd.web import calls
from shortd.web.answers import JSON_HEADERS, NO_STORE, Answer, json_answer, retry_after_header
from shortd.web.bodies import whole_body
from shortd.web.routing import client_address, keys_of, response

PREFIX = "/v2/"
BODY_LIMIT = 4 << 20
"""Bytes of a JSON body."""

_JSON_CALLS = {PREFIX + name: name for name, call in CALLS.items() if not call.form}
# Nobody can parse half a body. Whoever writes these into another string of his has named an account
# of his all the same.
_USERID = re.compile(rb'"userid"\s*:\s*"([A-Za-z0-9]{1,64})"')
_TOKEN = re.compile(rb'"token"\s*:\s*"([A-Za-z0-9]{1,64})"')
_HOST = re.compile(rb"[A-Za-z0-9.:\[\]_-]*")

log = structlog.get_logger(__name__)


def call_of(scope: HTTPScope) -> str | None:
    """The JSON call that a request plainly is. Of all others, bad ones among them, Litestar's
    router makes what they are, for more than many a call costs.
    """
    name = _JSON_CALLS.get(scope["path"])
    if name is None or scope["method"] != HttpMethod.POST or _header(scope, calls.HEADER):
        return None
    return name if _HOST.fullmatch(_header(scope, b"host")) else None


async def serve(
    services: Services,
    name: str,
    scope: HTTPScope,
    receive: Receive,
    send: Send,
    credentials: JsonObject | None = None,
    words: errors.Words = str,
) -> None:
    """Answers a JSON call, as an ASGI application, for whose `credentials` come with the request
    and not in its body, and refuses it in `words`."""
    # What was made of a list is let go of before it is sent, which may take long.
    rendered = await _answer(services, name, scope, receive, credentials, words)
    await rendered.send(send)


async def _answer(
    services: Services,
    name: str,
    scope: HTTPScope,
    receive: Receive,
    credentials: JsonObject | None,
    words: errors.Words,
) -> Answer:
    try:
        address = client_address(services, scope)
        body = await whole_body(services, scope, receive, BODY_LIMIT)
        agent = _header(scope, b"user-agent").decode("latin-1")
        with services.limits.repeats.asked(keys_of(scope)) as attempt:
            running = envelope.answer(
                services, name, body, address, receive, agent, credentials, attempt
            )
            return await _kept(services, name, running, attempt, words)
    except errors.ShortdError as error:
        return _refused(services, name, error, words)
    except Exception as fault:
        log.error("request_failed", path=scope["path"], exc_info=fault)
        return _refused(services, name, errors.INTERNAL(), words)


@post("/v2/{name:str}")
async def v2_call(request: Request[Any, Any, State]) -> ASGIApp:
    return partial(
        serve,
        request.app.state.services,
        request.path_params["name"],
        credentials=calls.credentials(request),
        words=calls.words(request),
    )


@post(["/v2/file", "/v2/file_part_upload"], request_max_body_size=None, status_code=200)
async def v2_form(request: Request[Any, Any, State]) -> Response[bytes]:
    services: Services = request.app.state.services
    expect_upload(request.scope)
    name = request.scope["path"].removeprefix(PREFIX).strip("/")
    content_type = request.headers.get("content-type", "")
    credentials = calls.credentials(request)
    with services.limits.repeats.asked(keys_of(request.scope)) as attempt:
        running = envelope.answer_form(
            services,
            name,
            content_type,
            _body(request),
            client_address(services, request.scope),
            partial(keep, request.scope),
            credentials,
            attempt,
        )
        return response(await _kept(services, name, running, attempt, calls.words(request)))


async def _body(request: Request[Any, Any, State]) -> AsyncIterator[bytes]:
    """The body as it comes. BAD_REQUEST if the client leaves in the middle of it."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:
        raise errors.BAD_REQUEST("The body is not complete.") from None


def account_of(services: Services, start: bytes) -> str | None:
    """The account whose credentials stand in the beginning of a body, which may be cut anywhere;
    None if there are no good ones.
    """
    userid, token = _USERID.search(start), _TOKEN.search(start)
    if userid is None:
        return None
    try:
        account = services.accounts.logins.authenticate(
            userid[1].decode(), token and token[1].decode(), services.clock.now()
        )
    except errors.ShortdError:
        return None
    return account.userid


def refusal(request: Request[Any, Any, State], error: errors.ShortdError) -> Response[bytes]:
    """The envelope for a request that never became a call: wrong method, body too large."""
    name = request.scope["path"].removeprefix(PREFIX).strip("/")
    refused = _refused(request.app.state.services, name, error, calls.words(request))
    if error.status == 405:
        refused.headers.append((b"allow", b"POST, OPTIONS"))
    return response(refused)


def _header(scope: HTTPScope, wanted: bytes) -> bytes:
    """The first header of that name; empty if there is none."""
    for name, value in scope["headers"]:
        if name == wanted:
            return value
    return b""


async def _kept(
    services: Services,
    name: str,
    running: Awaitable[envelope.Answer],
    attempt: Attempt,
    words: errors.Words,
) -> Answer:
    """What a call comes to, or what it came to before; kept for who asks again."""
    try:
        answer = await running
    except Answered as before:
        services.metrics.calls[name, 200] += 1
        return Answer(200, [*JSON_HEADERS, NO_STORE], before.body)
    rendered = _counted(services, answer, words)
    if rendered.status == 200:
        await attempt.keep(rendered.body)
    return rendered


def _counted(services: Services, answer: envelope.Answer, words: errors.Words) -> Answer:
    """What a call came to, as an HTTP response and in the metrics."""
    rendered = _rendered(answer, words)
    try:
        services.limits.answers.check(len(rendered.body))
    except errors.ShortdError as error:
        weight = answer.envelope.weight
        answer = envelope.refused(answer.envelope.type, error, answer.envelope.utime, weight)
        rendered = _rendered(answer, words)
    name = answer.envelope.type if answer.envelope.type in CALLS else "unknown"
    services.metrics.calls[name, answer.http_status] += 1
    return rendered


def _refused(
    services: Services, name: str, error: errors.ShortdError, words: errors.Words
) -> Answer:
    return _rendered(envelope.refused(name[:64], error, services.clock.now()), words)


def _rendered(answer: envelope.Answer, words: errors.Words) -> Answer:
    wait = answer.retry_after
    headers = [] if wait is None else [retry_after_header(wait)]
    return json_answer(answer.said(words).envelope, answer.http_status, headers)


HANDLERS = (v2_call, v2_form)
