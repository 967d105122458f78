"""Routes of plugins as Litestar mounts them.

One that cannot be mounted is left out, with all of its plugin's routes, and reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, cast

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from litestar.utils import is_async_callable, normalize_path

from shortd import errors
from shortd.plugin import Access, Caller
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins, Running
from shortd.web.extensions.access import Sent, access_of, admit, caller_of
from shortd.web.extensions.answers import Bounded, permit_all
from shortd.web.routing import GONE, Routed
from shortd.web.session import SignInFirst

PREFIX = "/-/x"

AnyRequest = Request[Any, Any, State]
Render = Callable[[AnyRequest, Exception], Response[bytes]]
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Mounted:
    """A plugin with routes."""

    def __init__(
        self,
        running: Running,
        hook: GuardedCall,
        router: Router,
        looks: Mapping[str, Access],
        render: Render,
    ) -> None:
        self.running = running
        self.hook = hook
        self.looks = looks
        """Who may look at what, by paths."""
        self._router = router
        self._render = render

    @cached_property
    def app(self) -> Litestar | None:
        """Answers all that is below its name; None if Litestar makes nothing of the routes. One for
        each: the routes of plugins belong to one server, and the server's own, which all servers of
        a process share, take a third of a second to make."""
        try:
            with mounting():
                return Routed(
                    [self._router],
                    exception_handlers={Exception: self._render},
                    openapi_config=None,
                    logging_config=None,
                )
        except Exception as fault:
            self.hook.fail(fault)
            return None


def plugin_routes(plugins: Plugins, render: Render, *, lazily: bool) -> Iterator[Mounted]:
    """Of each plugin with routes; `render` makes responses of exceptions. `lazily`: what answers
    is made when somebody asks, and only then is it known whether Litestar takes it."""
    for running, hook in plugins.of_hook("routes"):
        with mounting():
            handlers = hook()
        if not hook.takes(list, tuple, answer=handlers) or not handlers:
            continue
        try:
            with mounting():
                router = _router(running.name, hook, handlers, render)
            looks = _checked(router.routes)
        except Exception as fault:
            hook.fail(fault)
            continue
        mounted = Mounted(running, hook, router, looks, render)
        if lazily or mounted.app is not None:
            yield mounted


@contextmanager
def mounting() -> Iterator[None]:
    """Around what makes Litestar's handlers of plugins' functions: it would have authors mark what
    we give them with a type of its own, and say where plain functions run, which we do."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*Use of a synchronous callable")
        warnings.filterwarnings("ignore", ".*Inferred dependency field 'caller'")
        yield


def _checked(routes: Iterable[BaseRoute]) -> dict[str, Access]:
    """Who may look at what, by paths without parameters. Raises for routes that cannot be."""
    looks = {}
    for route in routes:
        if not isinstance(route, HTTPRoute):
            raise TypeError("routes are of HTTP alone: no websockets, no ASGI applications")
        for handler in route.route_handlers:
            access = access_of(_options_of(handler))
            if handler.cache:
                # Litestar would show to anybody what was made for somebody.
                raise ValueError(f"{route.path}: what routes answer cannot be cached here")
            if "GET" in handler.http_methods and not route.path_parameters:
                looks[route.path] = access
    return looks


def _options_of(handler: BaseRouteHandler) -> dict[str, Any]:
    """What is said of a route, and of all around it: Litestar puts it together as it mounts it."""
    said: dict[str, Any] = {}
    for layer in handler.ownership_layers:
        said.update(layer.opt or {})
    return said


def seen_of_plugins(
    request: AnyRequest, error: errors.ShortdError, methods: Iterable[str]
) -> errors.ShortdError:
    """What a wrong method is answered with, where there may be a plugin's routes for these: as with
    operators' pages, nobody hears of what is not there for him."""
    if not request.scope["path"].startswith(f"{PREFIX}/"):
        return error
    try:
        admit(request, _laxest(request, methods))
    except errors.ShortdError as refusal:
        return refusal if refusal.kind is errors.NOT_FOUND else error
    except (Sent, SignInFirst):
        pass
    return error


def _laxest(request: AnyRequest, methods: Iterable[str]) -> Access:
    """Who may use anything there."""
    path, found = normalize_path(request.scope["path"]), {Access.OPERATOR}
    for method in methods:
        with suppress(HTTPException):
            # Litestar's own way to a handler.
            routed = request.app.asgi_router.handle_routing(path=path, method=cast(Any, method))
            handler = routed[1]
            if "access" in handler.opt:
                found.add(access_of(handler.opt))
    return next(one for one in Access if one in found)


def _enter(request: AnyRequest) -> None:
    handler: BaseRouteHandler = request.scope["route_handler"]
    if request.method == "OPTIONS" and "access" not in handler.opt:
        # Litestar's, for all that is there.
        admit(request, _laxest(request, ALL_METHODS))
    else:
        admit(request, access_of(handler.opt))


def _router(name: str, hook: GuardedCall, handlers: Sequence[Any], render: Render) -> Router:
    def refuse(request: AnyRequest, fault: Exception) -> Response[bytes]:
        if isinstance(fault, Sent):
            return permit_all(request.scope, fault.answer)
        is_told = isinstance(fault, HTTPException | errors.ShortdError | SignInFirst)
        if not is_told or (_is_server_error(fault) and getattr(fault, "detail", "") != GONE):
            hook.fail(fault)
            fault = errors.PLUGIN_FAILED()
        return permit_all(request.scope, render(request, fault))

    def bounded(app: Any) -> Bounded:
        return Bounded(app, hook, _enter, refuse)

    router = Router(
        f"{PREFIX}/{name}",
        route_handlers=handlers,
        middleware=[bounded],
        dependencies={"caller": Provide(caller_of, sync_to_thread=False)},
        signature_namespace={"Caller": Caller},
        exception_handlers={Exception: refuse},
        include_in_schema=False,
    )
    for route in router.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else []
        has_head = any("HEAD" in handler.http_methods for handler in handlers)
        for handler in handlers:
            if "GET" in handler.http_methods and not has_head:
                # As with our own addresses; whoever sends the answer leaves its body out.
                handler.http_methods = {*handler.http_methods, "HEAD"}
            # Where the author says nothing, a plain function does not hold up the event loop.
            if handler.sync_to_thread is None and not is_async_callable(handler.fn):
                handler.sync_to_thread = True
    return router


def _is_server_error(fault: Exception) -> bool:
    status = fault.status_code if isinstance(fault, HTTPException) else 0
    return status >= 500
