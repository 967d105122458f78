"""Routes of plugins, below `/-/x/NAME/` and nowhere else.

They are the plugin's own code on this server's origin: guarded, but not confined. A handler
that raises answers `plugin_failed`; one that cannot be mounted is left out, with all of its
plugin's routes, and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from shortd import errors
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins
from shortd.web.guard import only_elsewhere

PREFIX = "/-/x"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
"""What every answer has unless its handler says otherwise."""

AnyRequest = Request[Any, Any, State]
Render = Callable[[AnyRequest, Exception], Response[bytes]]


def plugin_routes(plugins: Plugins, render: Render) -> Iterator[Router]:
    """A router for each plugin with routes; `render` makes responses of exceptions."""
    for running, hook in plugins.of_hook("routes"):
        handlers = hook()
        if not hook.takes(list, tuple, answer=handlers) or not handlers:
            continue
        try:
            # Mounted for a try, where it can spoil nothing.
            Litestar([_router(running.name, hook, handlers, render)], openapi_config=None)
        except Exception as fault:
            hook.fail(fault)
            continue
        yield _router(running.name, hook, handlers, render)


def _router(name: str, hook: GuardedCall, handlers: Sequence[Any], render: Render) -> Router:
    def answer_fault(request: AnyRequest, fault: Exception) -> Response[bytes]:
        if not isinstance(fault, HTTPException | errors.ShortdError) or _is_server_error(fault):
            hook.fail(fault)
            fault = errors.PLUGIN_FAILED()
        return render(request, fault)

    return Router(
        f"{PREFIX}/{name}",
        route_handlers=handlers,
        before_request=only_elsewhere,
        exception_handlers={Exception: answer_fault},
        response_headers=HEADERS,
        include_in_schema=False,
    )


def _is_server_error(fault: Exception) -> bool:
    status = fault.status_code if isinstance(fault, HTTPException) else 0
    return status >= 500
