"""The HTTP side of sqwish: parameters in, documents out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import structlog
from litestar import Response, route
from litestar.enums import HttpMethod

from shortd import errors
from shortd.api.sqwish import documents, parameters, uploads
from shortd.api.sqwish.documents import Document, Format
from shortd.api.sqwish.registry import CALLS, Context
from shortd.files.transfers import expect_upload
from shortd.limits.repeats import Answered, Attempt
from shortd.services import Services
from shortd.web.answers import Answer, Headers, retry_after_header
from shortd.web.routing import AnyRequest, client_address, keys_of, response, services_of
from shortd.web.share.receiving import body_of

FORM_BYTES = 1 << 16
METHODS = [HttpMethod.GET, HttpMethod.POST]
UPLOAD_METHODS = [HttpMethod.POST]
_PATH = re.compile(r"(?P<name>[^/.]+)\.(?P<suffix>[^/.]+)")

# A key stands in the address: it is to stay out of caches and of Referer headers.
_HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
]

log = structlog.get_logger(__name__)


@route(
    [f"/{name}.{written}" for name in CALLS for written in Format],
    http_method=METHODS,
    request_max_body_size=FORM_BYTES,
)
async def sqwish_call(request: AnyRequest) -> Response[bytes]:
    """One call, in either format."""
    name = request.scope["path"].strip("/").partition(".")[0]
    # What follows a GET is no form.
    form = await request.body() if request.method == HttpMethod.POST else b""
    return await _answered(request, lambda ctx: CALLS[name].run(ctx), form)


@route(
    [f"/{uploads.NAME}.{written}" for written in Format],
    http_method=UPLOAD_METHODS,
    request_max_body_size=None,
    status_code=200,
)
async def sqwish_upload(request: AnyRequest) -> Response[bytes]:
    """A file, in either format."""
    expect_upload(request.scope)
    length = request.headers.get("content-length", "")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
    content_type = request.headers.get("content-type", "")
    body = body_of(request)
    return await _answered(
        request, lambda ctx: uploads.upload(ctx, request.scope, content_type, size, body)
    )


async def _answered(
    request: AnyRequest, run: Callable[[Context], Awaitable[Document]], form: bytes = b""
) -> Response[bytes]:
    """Runs a call, and says what came of it."""
    services = services_of(request)
    name, _, suffix = request.scope["path"].strip("/").partition(".")
    status = 200
    retry_after = None
    with services.limits.repeats.asked(keys_of(request.scope)) as attempt:
        try:
            document = await _run(services, request, name, Format(suffix), run, form, attempt)
        except Answered as before:
            services.metrics.calls[f"sqwish/{name}", status] += 1
            return _answer(before.body, Format(suffix), status, None)
        except errors.ShortdError as error:
            document = documents.refusal(error)
            status, retry_after = error.status, error.retry_after
        # Thousands of addresses are not to hold the event loop up.
        body = await asyncio.to_thread(documents.render, document, Format(suffix))
        try:
            services.limits.answers.check(len(body))
        except errors.ShortdError as error:
            status, retry_after = error.status, error.retry_after
            body = documents.render(documents.refusal(error), Format(suffix))
        if status == 200:
            await attempt.keep(body)
    services.metrics.calls[f"sqwish/{name}", status] += 1
    return _answer(body, Format(suffix), status, retry_after)


async def _run(
    services: Services,
    request: AnyRequest,
    name: str,
    written: Format,
    run: Callable[[Context], Awaitable[Document]],
    form: bytes,
    attempt: Attempt,
) -> Document:
    """Runs a call. Raises ShortdError and `Answered` alone."""
    scope = request.scope
    try:
        content_type = request.headers.get("content-type", "")
        ctx = Context(
            services,
            client_address(services, scope),
            services.clock.now(),
            parameters.read(scope["query_string"], form, content_type),
            written=written,
            is_prefetch=services.visits.heads.read(
                dict(scope["headers"]), scope["headers"]
            ).is_prefetch,
            attempt=attempt,
        )
        return await run(ctx)
    except (errors.ShortdError, Answered):
        raise
    except Exception:
        log.exception("call_failed", call=f"sqwish/{name}")
        raise errors.INTERNAL() from None


def format_of(path: str) -> Format | None:
    """What a refusal at this path is written in; None if it is no affair of sqwish's."""
    match = _PATH.fullmatch(path.strip("/"))
    if match is None:
        return None
    if match["suffix"] in list(Format):
        return Format(match["suffix"])
    return Format.JSON if match["name"] in (*CALLS, uploads.NAME) else None


def methods_of(path: str) -> list[HttpMethod] | None:
    """The methods of the call at this path, whose format may be none; None if no call is there."""
    match = _PATH.fullmatch(path.strip("/"))
    if match is None or match["name"] not in (*CALLS, uploads.NAME):
        return None
    return UPLOAD_METHODS if match["name"] == uploads.NAME else METHODS


def refusal(error: errors.ShortdError, written: Format, path: str) -> Response[bytes]:
    """The answer to a request that never became a call: wrong path or method, body too large."""
    body = documents.render(documents.refusal(error), written)
    answer = _answer(body, written, error.status, error.retry_after)
    if error.status == 405:
        methods = methods_of(path) or METHODS
        answer.headers["allow"] = ", ".join(sorted([*methods, HttpMethod.OPTIONS]))
    return answer


def _answer(
    body: bytes, written: Format, status: int, retry_after: float | None
) -> Response[bytes]:
    headers = [(b"content-type", written.content_type.encode()), *_HEADERS]
    if retry_after is not None:
        headers.append(retry_after_header(retry_after))
    return response(Answer(status, headers, body))


HANDLERS = (sqwish_call, sqwish_upload)
