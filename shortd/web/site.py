"""The server's own addresses: home page, robots.txt, favicon, assets, health."""

from __future__ import annotations

from functools import partial

from litestar import Request, Response, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from prometheus_client import CONTENT_TYPE_LATEST

from shortd import __version__, errors
from shortd.plugins.figures import states
from shortd.services import Services
from shortd.web.answers import Answer, json_answer, page
from shortd.web.follow import client_address
from shortd.web.pages import Pages, static_file

ROBOTS = b"User-agent: *\nDisallow: /\nAllow: /$\n"
"""Short links are for people who were given them, not for search engines."""
_FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
_FOR_A_DAY = (b"cache-control", b"public, max-age=86400")

AnyRequest = Request[object, object, State]
look = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""The decorator of addresses that only show something."""


def services_of(request: AnyRequest) -> Services:
    services: Services = request.app.state.services
    return services


def pages_of(request: AnyRequest) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


def response(answer: Answer) -> Response[bytes]:
    """An answer as Litestar sends it."""
    # Not as `media_type`, to which Litestar would add a second charset.
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers)


@look("/")
async def home(request: AnyRequest) -> Response[bytes]:
    return response(page(pages_of(request), "home.html"))


@look("/robots.txt")
async def robots() -> Response[bytes]:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), _FOR_A_DAY]
    return response(Answer(200, headers, ROBOTS))


@look("/favicon.ico")
async def favicon() -> Response[bytes]:
    return response(_asset("favicon.ico", _FOR_A_DAY))


@look("/-/static/{name:str}")
async def static(request: AnyRequest) -> Response[bytes]:
    return response(_asset(request.path_params["name"], _FOR_EVER))


@look("/-/health")
async def health(request: AnyRequest) -> Response[bytes]:
    """200 once ready; `status` says "degraded" while clicks cannot be made durable.

    A plugin that is switched off degrades nothing: redirects go on. `files` has what keeps
    unclaimed files from being deleted, or null. `mail` is for readers of the metrics alone: a
    mail that waits would tell a stranger that the account he named exists.
    """
    services = services_of(request)
    journal, drain = services.clicks.journal.status(), services.clicks.fault
    health = {
        "status": "ok" if journal.fault is None and drain is None else "degraded",
        "version": __version__,
        "journal": journal,
        "clicks": {"backlog": services.clicks.backlog, "fault": drain},
        "files": {"complaint": services.undertaker.complaint},
        "mail": services.delivery.outbox.status() if _may_look_inside(request) else None,
        "plugins": {
            "states": states(services.plugins),
            "events": {"waiting": services.events.waiting, "dropped": services.events.dropped},
        },
    }
    return response(json_answer(health))


@look("/-/metrics")
async def metrics(request: AnyRequest) -> Response[bytes]:
    """For Prometheus. Answers loopback and `[server] metrics_from` alone."""
    if not _may_look_inside(request):
        raise errors.NOT_ALLOWED()
    headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]
    return response(Answer(200, headers, services_of(request).metrics.text()))


def _may_look_inside(request: AnyRequest) -> bool:
    services = services_of(request)
    address = client_address(services, request.scope)
    if "x-forwarded-for" in request.headers and address == (request.scope["client"] or [""])[0]:
        # Through a proxy that nobody told us to trust: loopback is the proxy, not who asks.
        return False
    return services.metrics.may_read(address)


def _asset(name: str, caching: tuple[bytes, bytes]) -> Answer:
    found = static_file(name)
    if found is None:
        raise errors.NOT_FOUND()
    body, content_type, etag = found
    headers = [
        (b"content-type", content_type.encode()),
        (b"etag", etag.encode()),
        (b"x-content-type-options", b"nosniff"),
        caching,
    ]
    return Answer(200, headers, body)


HANDLERS = (home, robots, favicon, static, health, metrics)
