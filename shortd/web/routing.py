"""What all handlers of pages begin and end with: the request, its services, an answer sent."""

from __future__ import annotations

from functools import partial

from litestar import Litestar, Request, Response, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.plugins import PluginProtocol
from litestar.types import HTTPScope

from shortd.limits import repeats
from shortd.services import Services
from shortd.web.answers import JSON_HEADERS, NO_STORE, Answer

AnyRequest = Request[object, object, State]
look = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""The decorator of addresses that only show something."""
GONE = "client disconnected prematurely"
"""Litestar's detail, with status 500, when a client leaves in the middle of its body."""
HOME = "/-/home"
"""Where the home page is in any case."""


def services_of(request: AnyRequest) -> Services:
    services: Services = request.app.state.services
    return services


def home_of(services: Services) -> str:
    """The address of the home page: that of the host alone, unless who asks for that is sent
    elsewhere."""
    hosts = services.hosts
    return HOME if hosts.sends_to(hosts.pages.number, "root") else "/"


def base_path_of(request: AnyRequest) -> str:
    """The path of the host that is asked, for what programs read: in pages and headers it is put
    before addresses as they leave (`base_path`)."""
    services = services_of(request)
    return services.hosts.paths.of(services.visits.heads.of(request.scope["headers"]).host)


def response(answer: Answer) -> Response[bytes]:
    """An answer as Litestar sends it."""
    # Not as `media_type`, to which Litestar would add a second charset.
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers)


def sent_json(text: str) -> Response[bytes]:
    """A JSON document that is written already, not to be cached."""
    return response(Answer(200, [*JSON_HEADERS, NO_STORE], text.encode()))


def attachment_headers(media_type: str, name: str) -> dict[str, str]:
    """Of a file of our own making, to be saved under this name (RFC 6266), which has no quotes."""
    return {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def attachment(content: bytes, media_type: str, name: str) -> Response[bytes]:
    """Such a file."""
    return Response(content, headers=attachment_headers(media_type, name))


def keys_of(scope: HTTPScope) -> list[str]:
    """The Idempotency-Keys of a request, as they are written."""
    wanted = repeats.HEADER.encode()
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]


def client_address(services: Services, scope: HTTPScope) -> str:
    """The client's address, as far as it can be believed."""
    client = scope["client"]
    return services.visitors.proxies.of_headers(client[0] if client else "", scope["headers"])


class Routed(Litestar):
    """Litestar without plugins: its own are for models of pydantic and attrs, which it imports
    wherever they are installed, 7 MB of a server that has no such models."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return plugins
