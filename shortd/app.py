"""The application: services composed into one Litestar app, and errors into answers."""

from __future__ import annotations

from collections.abc import Coroutine
from copy import copy
from functools import cache, partial
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, NotFoundException
from litestar.types import HTTPScope, Receive, Scope, Send
from litestar.utils import normalize_path

from shortd import errors
from shortd.api.put import routes as put
from shortd.api.put.wishes import FOLDER, name_in
from shortd.api.reference.routes import HANDLERS as REFERENCE_HANDLERS
from shortd.api.sqwish import routes as sqwish
from shortd.api.v1 import routes as v1
from shortd.api.v2 import routes as v2
from shortd.api.v2.registry import CALLS
from shortd.clock import SECOND
from shortd.files.transfers import is_upload
from shortd.limits.answers import SMALL_BYTES
from shortd.links.addresses import LINK_PATH, Named, named_by, read_path, unescaped_path
from shortd.security.summed_log import UPLOAD_REFUSED
from shortd.services import Services
from shortd.web import calls, session
from shortd.web.account.download import HANDLERS as MY_DATA_HANDLERS
from shortd.web.account.factors import HANDLERS as FACTORS_HANDLERS
from shortd.web.account.issuers import HANDLERS as ISSUER_HANDLERS
from shortd.web.account.kept_forms import SignInAgain
from shortd.web.account.keys import HANDLERS as KEYS_HANDLERS
from shortd.web.account.login_links import HANDLERS as LOGIN_LINK_HANDLERS
from shortd.web.account.overview import HANDLERS as ACCOUNT_HANDLERS
from shortd.web.account.signing_in import HANDLERS as SIGNING_IN_HANDLERS
from shortd.web.account.ways import HANDLERS as WAYS_HANDLERS
from shortd.web.admin import HANDLERS as ADMIN_HANDLERS
from shortd.web.admin.operators import as_seen
from shortd.web.answers import Answer, error_answer, paced
from shortd.web.base_path import BelowPaths
from shortd.web.bodies import IncomingBody
from shortd.web.boxes.pages import HANDLERS as BOXES_HANDLERS
from shortd.web.cors import Cors, answer_preflight
from shortd.web.downloads import HANDLERS as DOWNLOAD_HANDLERS
from shortd.web.extensions import PREFIX, open_extensions, seen_of_plugins
from shortd.web.figures import FaultFigures, RequestFigures
from shortd.web.frame import HANDLERS as FRAME_HANDLERS
from shortd.web.home.pages import HANDLERS as HOME_HANDLERS
from shortd.web.links import HANDLERS as LINK_HANDLERS
from shortd.web.links.jobs import Jobs
from shortd.web.pages import Pages, open_pages
from shortd.web.proxied import Proxied
from shortd.web.render import see
from shortd.web.routing import GONE, Routed, client_address, response
from shortd.web.session import SignInFirst
from shortd.web.share.pages import HANDLERS as SHARE_HANDLERS
from shortd.web.site import HANDLERS as SITE_HANDLERS
from shortd.web.teams import HANDLERS as TEAM_HANDLERS
from shortd.web.tools import HANDLERS as TOOLS_HANDLERS
from shortd.web.visitor.bundle import HANDLERS as BUNDLE_HANDLERS
from shortd.web.visitor.follow import Follow, link_refusal, sent_away
from shortd.web.visitor.mailed import HANDLERS as MAILED_HANDLERS
from shortd.web.visitor.opening import HANDLERS as OPENING_HANDLERS
from shortd.web.visitor.reporting import HANDLERS as REPORTING_HANDLERS
from shortd.web.visitor.sending import HANDLERS as SENDING_HANDLERS
from shortd.web.visitor.unlock import HANDLERS as UNLOCK_HANDLERS

_BY_STATUS = {
    404: errors.NOT_FOUND,
    405: errors.METHOD_NOT_ALLOWED,
    413: errors.BODY_TOO_LARGE,
}

_OWN = ("/-/", "/.well-known/", v1.PREFIX, v2.PREFIX)
"""Addresses below these are the server's own, whatever they look like."""

_NO_CODES = ("/-/", "/.well-known/")

_WITHOUT_BODY = frozenset({"GET", "HEAD"})
"""Methods of requests whose body nobody reads: visits do not pay for the others."""

log = structlog.get_logger(__name__)


class App:
    """The ASGI application. The shape of a path decides: one code is a link, the rest Litestar's.

    Links stand in front of Litestar because its router costs more than the redirect itself,
    and their shape can never be one of the server's own addresses. So do the JSON calls of v2.
    """

    def __init__(self, services: Services, *, lazily: bool = False) -> None:
        """`lazily`: what answers for a plugin is made when somebody first asks, and what is wrong
        with its routes may be found only then."""
        self._services = services
        self._pages = open_pages(services.settings, services.hosts.paths)
        self._below = BelowPaths(services) if services.hosts.paths else None
        self._follow = Follow(services, self._pages)
        self._figures = RequestFigures()
        services.metrics.register(self._figures)
        services.metrics.register(FaultFigures(services))
        origins = services.settings.server.cors_origins
        self._cors = Cors(origins, self._methods_at) if origins else None
        self._proxied = Proxied(services) if services.settings.auth.proxy.peers else None
        extensions = open_extensions(
            services.plugin_runtime.plugins, _render_exception, lazily=lazily
        )
        self._mounted = extensions.mounted
        # A copy has the same routes, and a state of its own.
        self._litestar = copy(_routed())
        services.links.codes.is_own = self.is_own
        self._litestar.state = State(
            {
                "services": services,
                "pages": self._pages,
                "follow": self._follow,
                "jobs": Jobs(),
                "navigation": extensions.navigation,
                "tables": {},
                "since": services.clock.now(),
                "weights": {name: call.weight for name, call in CALLS.items()},
            }
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if self._below is not None and scope["type"] == ScopeType.HTTP:
            send = self._below.enter(scope, send)
        if self._proxied is not None and scope["type"] == ScopeType.HTTP:
            return self._behind_proxy(self._proxied, scope, receive, send)
        return self._any(scope, receive, send)

    async def _behind_proxy(
        self, proxied: Proxied, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        await proxied.enter(scope)
        await self._any(scope, receive, send)

    def _any(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if self._cors is not None and scope["type"] == ScopeType.HTTP:
            send, preflight = self._cors.enter(scope, send)
            if preflight is not None:
                return answer_preflight(send, preflight)
        if scope["type"] == ScopeType.HTTP and scope["method"] not in _WITHOUT_BODY:
            return self._with_body(scope, receive, send)
        return self._serve(scope, receive, send)

    async def _with_body(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        body = IncomingBody(
            self._services.limits.bodies, scope, receive, self._address_of, self._account_of
        )
        try:
            await self._serve(scope, body.receive, send)
        finally:
            body.close()

    def _address_of(self, scope: HTTPScope) -> str:
        return client_address(self._services, scope)

    def _account_of(self, scope: HTTPScope, start: bytes) -> str | None:
        if scope["path"].startswith(v1.PREFIX):
            return v1.account_of(self._services, scope)
        if scope["path"].startswith(v2.PREFIX):
            return v2.account_of(self._services, start)
        found = session.of_scope(self._services, scope)
        return None if found is None else found.account.userid

    def _serve(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if scope["type"] == ScopeType.HTTP:
            since = self._services.clock.elapsed()
            path = LINK_PATH.fullmatch(scope["path"])
            # What ends like an image or a preview may be a code as well.
            named = None
            if path is not None and path.end("code") == path.end():
                named = Named(path["code"])
            if named is not None and scope["method"] in _WITHOUT_BODY:
                return self._link(scope, named, send, since)
            send = self._paced(scope, send, since)
            if scope["path"] == "/" and scope["method"] in _WITHOUT_BODY:
                answer = self._follow.root(scope)
                if answer is not None:
                    return answer.send(send)
            if scope["method"] == put.METHOD and (name := self._file_at(scope)) is not None:
                return self._put(name, scope, receive, send)
            if named is not None:
                return self._link(scope, named, send)
            if call := v2.call_of(scope):
                return v2.serve(self._services, call, scope, receive, send)
            if path is not None or not self.is_own(scope["path"]):
                return self._perhaps_link(scope, receive, send)
            return self._routed_to(scope["path"])(scope, receive, send)
        return self._litestar(scope, receive, send)

    def _routed_to(self, path: str) -> Litestar:
        """What has the handlers of an address that is the server's own."""
        routed = normalize_path(path)
        if not routed.startswith(f"{PREFIX}/"):
            return self._litestar
        mounted = self._mounted.get(routed.removeprefix(f"{PREFIX}/").partition("/")[0])
        if mounted is None or mounted.app is None:
            return self._litestar
        mounted.app.state = self._litestar.state
        return mounted.app

    def _begun(self, scope: HTTPScope, since: int, status: int) -> None:
        """An answer goes out."""
        taken = self._services.clock.elapsed() - since
        self._figures.observe(_kind(scope["path"]), taken / SECOND)
        if status >= 400 and is_upload(scope):
            self._services.security.log.note(
                UPLOAD_REFUSED, self._address_of(scope), status=str(status)
            )

    def is_own(self, path: str) -> bool:
        """Whether the server itself answers at a path, so that no link can be there."""
        routed = normalize_path(path)
        if path.startswith(_OWN) or routed.startswith(_OWN):
            return True
        try:
            self._litestar.asgi_router.handle_routing(path=routed, method="GET")
        except NotFoundException:
            return False
        except HTTPException:
            # For other methods.
            return True
        return True

    async def _put(self, name: str, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if not await put.serve(self._services, name, scope, receive, send):
            await self._perhaps_link(scope, receive, send)

    def _file_at(self, scope: HTTPScope) -> str | None:
        """The name of the file that a PUT of this path is; None if it is none."""
        path = scope["path"]
        is_others = path != "/" and not path.startswith(FOLDER.decode()) and self.is_own(path)
        return None if is_others else name_in(scope)

    def _methods_at(self, scope: HTTPScope, method: str) -> str | None:
        """Methods of the API that a request with this one is for; None if it is for none."""
        path = scope["path"]
        if path.startswith((v1.PREFIX, v2.PREFIX)):
            return "POST"
        if method == put.METHOD and self._file_at(scope) is not None:
            return put.METHOD
        methods = sqwish.methods_of(path)
        return None if methods is None else ", ".join(methods)

    async def _perhaps_link(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answers at an address that is none of the server's own, nor a plain code."""
        raw_path = scope.get("raw_path") or b""
        text = unescaped_path(scope["path"], raw_path)
        try:
            named = None if text is None else self._follow.named(scope, text)
            if named is None and (path := read_path(scope["path"], raw_path)):
                named = named_by(path)
            if named is None:
                self._follow.missed(scope)
        except Exception as fault:
            await self._refusal(scope, fault).send(send)
        else:
            if named is None:
                await self._litestar(scope, receive, send)
            else:
                await self._link(scope, named, send)

    async def _link(
        self, scope: HTTPScope, named: Named, send: Send, since: int | None = None
    ) -> None:
        """`send` is `paced`, or else the request began at `since`: whoever only wants to go where a
        link leads pays for nothing that larger answers need on their way."""
        try:
            if named.image:
                answer = await self._follow.image(scope, named)
            else:
                answer = self._follow.answer(scope, named)
        except Exception as fault:
            answer = self._refusal(scope, fault)
        await self._services.clicks.clicks.flushed()
        if since is not None:
            if len(answer.body) > SMALL_BYTES:
                send = self._paced(scope, send, since)
            else:
                self._figures.observe("link", (self._services.clock.elapsed() - since) / SECOND)
        await answer.send(send)

    def _paced(self, scope: HTTPScope, send: Send, since: int) -> Send:
        return paced(self._services.limits.answers, send, partial(self._begun, scope, since))

    def _refusal(self, scope: HTTPScope, fault: Exception) -> Answer:
        """What a visit is told that came to nothing."""
        if isinstance(fault, errors.ShortdError):
            reader = self._pages.reader(self._services.visits.heads.of(scope["headers"]))
            return link_refusal(self._pages, fault, reader)
        log.error("request_failed", path=scope["path"], exc_info=fault)
        return link_refusal(self._pages, errors.INTERNAL(), None)


def _kind(path: str) -> str:
    """One of `RequestFigures`' kinds."""
    if path.startswith("/-/"):
        return "page"
    return "api" if path.startswith(_OWN) or sqwish.format_of(path) is not None else "link"


@cache
def _routed() -> Litestar:
    """The server's own addresses. Handlers find what they work with in the app's state, so that
    they are the same ones for all services: of Apps in one process, each would spend as long on it
    as on a thousand redirects."""
    return Routed(
        route_handlers=[
            *sqwish.HANDLERS,
            *v1.HANDLERS,
            *v2.HANDLERS,
            *put.HANDLERS,
            *ADMIN_HANDLERS,
            *BOXES_HANDLERS,
            *BUNDLE_HANDLERS,
            *DOWNLOAD_HANDLERS,
            *FRAME_HANDLERS,
            *HOME_HANDLERS,
            *LINK_HANDLERS,
            *MAILED_HANDLERS,
            *REFERENCE_HANDLERS,
            *SITE_HANDLERS,
            *SIGNING_IN_HANDLERS,
            *ISSUER_HANDLERS,
            *LOGIN_LINK_HANDLERS,
            *WAYS_HANDLERS,
            *ACCOUNT_HANDLERS,
            *MY_DATA_HANDLERS,
            *KEYS_HANDLERS,
            *FACTORS_HANDLERS,
            *OPENING_HANDLERS,
            *REPORTING_HANDLERS,
            *SENDING_HANDLERS,
            *SHARE_HANDLERS,
            *TEAM_HANDLERS,
            *TOOLS_HANDLERS,
            *UNLOCK_HANDLERS,
        ],
        exception_handlers={Exception: _render_exception},
        openapi_config=None,
        logging_config=None,
    )


def _render_exception(request: Request[Any, Any, State], fault: Exception) -> Response[bytes]:
    """The one place where an exception becomes a response."""
    if isinstance(fault, SignInFirst):
        return SignInAgain(request)
    error = as_seen(request, _catalogued(fault))
    headers = (fault.headers or {}) if isinstance(fault, HTTPException) else {}
    if error.kind is errors.METHOD_NOT_ALLOWED:
        error = seen_of_plugins(request, error, headers.get("allow", "").split(", "))
    if error.status == 500:
        log.error("request_failed", path=request.scope["path"], exc_info=fault)
    if request.scope["path"].startswith(v2.PREFIX):
        return v2.refusal(request, error)
    if request.scope["path"].startswith(v1.PREFIX):
        return v1.refusal(request, error)
    if (written := sqwish.format_of(request.scope["path"])) is not None:
        return sqwish.refusal(error, written, request.scope["path"])
    if error.kind is errors.NOT_FOUND and (away := _elsewhere(request)) is not None:
        return response(away)
    pages: Pages = request.app.state.pages
    heads = request.app.state.services.visits.heads
    reader = pages.reader(heads.of(request.scope["headers"]))
    if error.kind is errors.SECOND_FACTOR_REQUIRED and reader is not None:
        return see(request, session.SECOND_FACTOR)
    answer = error_answer(pages, error, reader, calls.words(request))
    if error.kind is errors.METHOD_NOT_ALLOWED and "allow" in headers:
        # Litestar's order is a set's, another one in every process.
        methods = sorted(headers["allow"].split(", "))
        answer.headers.append((b"allow", ", ".join(methods).encode()))
    return response(answer)


def _elsewhere(request: Request[Any, Any, State]) -> Answer | None:
    """Where its host sends who asks for what is not there, as for a code; None for addresses that
    could be none: below the server's own and well-known ones (RFC 8615)."""
    if request.scope["method"] not in _WITHOUT_BODY or request.scope["path"].startswith(_NO_CODES):
        return None
    services: Services = request.app.state.services
    host = services.visits.heads.of(request.scope["headers"]).host
    location = services.hosts.sends_to(host, "unknown")
    return sent_away(location) if location else None


def _catalogued(fault: Exception) -> errors.ShortdError:
    if isinstance(fault, errors.ShortdError):
        return fault
    if isinstance(fault, HTTPException):
        if fault.detail == GONE:
            return errors.BAD_REQUEST()
        if fault.status_code in _BY_STATUS:
            return _BY_STATUS[fault.status_code]()
        if 400 <= fault.status_code < 500:
            return errors.BAD_REQUEST()
    return errors.INTERNAL()
