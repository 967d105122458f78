"""What the plugins are and do: `/-/admin/plugins`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import Response

from shortd.plugin.hookspecs import DECIDE
from shortd.plugin_runtime.discovery import Found
from shortd.plugin_runtime.figures import PluginState, states
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins
from shortd.web.admin.operators import PATH, operator_of
from shortd.web.guard import show
from shortd.web.render import page
from shortd.web.routing import AnyRequest, services_of

TEMPLATE = "admin/plugins.html"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the calls of a hook."""

    name: str
    calls: int
    microseconds: int
    """Of one call, on average."""
    failures: int
    overruns: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin."""

    found: Found
    state: PluginState
    hooks: Sequence[Hook]


class PluginsPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/plugins.html."""

    rows: Sequence[Row]
    orders: Sequence[tuple[str, Sequence[str]]]
    """Of the decide hooks, the names of who is asked, in their order."""
    waiting: int
    """Events that plugins are still to hear of."""
    dropped: int


@show(f"{PATH}/plugins")
async def plugins(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    runtime = services_of(request).plugin_runtime
    known, found = states(runtime.plugins), runtime.plugins.found
    rows = [
        Row(found=one, state=known[one.name], hooks=_hooks(runtime.plugins, one)) for one in found
    ]
    orders = [
        (hook, [running.name for running, _ in runtime.plugins.of_hook(hook)]) for hook in DECIDE
    ]
    content = PluginsPage(
        rows=rows,
        orders=[(hook, names) for hook, names in orders if names],
        waiting=runtime.events.waiting,
        dropped=runtime.events.dropped,
    )
    return page(request, TEMPLATE, content)


def _hooks(plugins: Plugins, found: Found) -> list[Hook]:
    running = plugins.running.get(found.name)
    if running is None or running.found is not found:
        return []
    return [_hook(call) for call in running.guard.calls.values() if call.calls]


def _hook(call: GuardedCall) -> Hook:
    return Hook(
        name=call.hook,
        calls=call.calls,
        microseconds=round(call.nanoseconds / call.calls / 1000),
        failures=call.failures,
        overruns=call.overruns,
    )


HANDLERS = (plugins,)
