"""The application: services composed into one Litestar app, and errors into answers."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Litestar, Request, Response, asgi
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive, Send

from shortd import errors
from shortd.api.v2 import routes as v2
from shortd.api.v2.reference import HANDLERS as REFERENCE_HANDLERS
from shortd.services import Services
from shortd.web.answers import error_answer
from shortd.web.follow import Follow
from shortd.web.pages import Pages
from shortd.web.site import HANDLERS as SITE_HANDLERS
from shortd.web.site import response

_BY_STATUS = {
    404: errors.NOT_FOUND,
    405: errors.METHOD_NOT_ALLOWED,
    413: errors.BODY_TOO_LARGE,
}

log = structlog.get_logger(__name__)


def create_app(services: Services) -> Litestar:
    """The ASGI application over open services."""
    pages = Pages(services.settings.public_url)
    follow = Follow(services, pages)

    @asgi("/{segment:str}")
    async def link(scope: HTTPScope, receive: Receive, send: Send) -> None:
        await follow(scope, receive, send)

    return Litestar(
        route_handlers=[v2.v2_call, *REFERENCE_HANDLERS, *SITE_HANDLERS, link],
        exception_handlers={Exception: _render_exception},
        openapi_config=None,
        logging_config=None,
        state=State({"services": services, "pages": pages}),
    )


def _render_exception(request: Request[Any, Any, State], fault: Exception) -> Response[bytes]:
    """The one place where an exception becomes a response."""
    error = _catalogued(fault)
    if error.status == 500:
        log.error("request_failed", path=request.url.path, exc_info=fault)
    if request.url.path.startswith(v2.PREFIX):
        return v2.refusal(request, error)
    return response(error_answer(request.app.state.pages, error, request.headers.get("accept", "")))


def _catalogued(fault: Exception) -> errors.ShortdError:
    if isinstance(fault, errors.ShortdError):
        return fault
    if isinstance(fault, HTTPException):
        if fault.status_code in _BY_STATUS:
            return _BY_STATUS[fault.status_code]()
        if 400 <= fault.status_code < 500:
            return errors.BAD_REQUEST()
    return errors.INTERNAL()
