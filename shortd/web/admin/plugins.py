"""What the plugins are and do: `/-/admin/plugins`, and a page of each, bundled or not.

Nothing of a plugin's own is called for it, so that one that fails can be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import Response

from shortd import errors
from shortd.models.audit import Action
from shortd.plugin import NoServer
from shortd.plugin.hookspecs import DECIDE
from shortd.plugin_runtime.discovery import Found
from shortd.plugin_runtime.figures import PluginState, states
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins, Running
from shortd.web import forms
from shortd.web.admin import settings
from shortd.web.admin.operators import PATH, noted, operator_of
from shortd.web.guard import act, show
from shortd.web.navigation import Entry, navigation_of
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

PLUGINS = f"{PATH}/plugins"
TEMPLATE = "admin/plugins.html"
ONE = "admin/plugin.html"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the calls of a hook."""

    name: str
    reason: str = ""
    """Why it is paused; empty while it is not."""
    calls: int = 0
    microseconds: int = 0
    """Of one call, on average."""
    failures: int = 0
    overruns: int = 0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin."""

    found: Found
    state: PluginState
    entries: Sequence[Entry]
    """Pages of its own."""


class PluginsPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/plugins.html."""

    rows: Sequence[Row]
    orders: Sequence[tuple[str, Sequence[str]]]
    """Of the decide hooks, the names of who is asked, in their order."""
    waiting: int
    """Events that plugins are still to hear of."""
    dropped: int


class PluginPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/plugin.html."""

    row: Row
    hooks: Sequence[Hook]
    settings: Sequence[settings.Row]
    used: int | None
    """Bytes of its own tables; None where it has none, as it does not run."""
    quota: int
    waiting: int
    dropped: int


@show(PLUGINS)
async def plugins(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    runtime = services_of(request).plugin_runtime
    orders = [
        (hook, [running.name for running, _ in runtime.plugins.of_hook(hook)]) for hook in DECIDE
    ]
    content = PluginsPage(
        rows=[_row(request, one) for one in runtime.plugins.found],
        orders=[(hook, names) for hook, names in orders if names],
        waiting=runtime.events.waiting,
        dropped=runtime.events.dropped,
    )
    return page(request, TEMPLATE, content)


@show(f"{PLUGINS}/{{plugin:str}}")
async def plugin(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    services, one = services_of(request), _found(request)
    runtime = services.plugin_runtime
    running = _running(runtime.plugins, one)
    used, quota = _room(running)
    content = PluginPage(
        row=_row(request, one),
        hooks=_hooks(one, running),
        settings=settings.of_plugin(services, one.name),
        used=used,
        quota=quota,
        waiting=runtime.events.waiting_of(one.name),
        dropped=runtime.events.dropped_of(one.name),
    )
    return page(request, ONE, content)


@act(f"{PLUGINS}/{{plugin:str}}/resume", status_code=303)
async def resume(request: AnyRequest) -> Response[bytes]:
    """Has the hooks called again that are paused. With none, nothing is to be done."""
    operator_of(request)
    one = _found(request)
    forms.charge(request, "")
    runtime, words = services_of(request).plugin_runtime, language_of(request).gettext
    address = f"{PLUGINS}/{one.name}"
    if _running(runtime.plugins, one) is None:
        raise errors.NOT_FOUND()
    async with noted(request, Action.RESUME_PLUGIN, one.name):
        hooks = runtime.resume(one.name)
    if not hooks:
        return see(request, address, words("No hook of it was paused."))
    said = words("On again: %(hooks)s.") % {"hooks": ", ".join(hooks)}
    return see(request, address, said)


def _found(request: AnyRequest) -> Found:
    """The plugin that the address names; of two, the one that is used. NOT_FOUND."""
    name, known = request.path_params["plugin"], services_of(request).plugin_runtime.plugins.found
    named = [one for one in known if one.name == name]
    if not named:
        raise errors.NOT_FOUND()
    return next((one for one in named if one.kind is not None), named[0])


def _row(request: AnyRequest, one: Found) -> Row:
    known = states(services_of(request).plugin_runtime.plugins)
    return Row(found=one, state=known[one.name], entries=navigation_of(request).of_plugin(one.name))


def _running(plugins: Plugins, one: Found) -> Running | None:
    running = plugins.running.get(one.name)
    return running if running is not None and running.found is one else None


def _hooks(one: Found, running: Running | None) -> list[Hook]:
    """What it has, in the order of the kit's page, and whatever else was called."""
    if running is None:
        return []
    calls = running.guard.calls
    names = dict.fromkeys((*one.hooks, *(name for name, call in calls.items() if call.calls)))
    return [_hook(calls[name]) if name in calls else Hook(name=name) for name in names]


def _hook(call: GuardedCall) -> Hook:
    return Hook(
        name=call.hook,
        reason=call.reason,
        calls=call.calls,
        microseconds=round(call.nanoseconds / call.calls / 1000) if call.calls else 0,
        failures=call.failures,
        overruns=call.overruns,
    )


def _room(running: Running | None) -> tuple[int | None, int]:
    """Bytes that it uses of its own, and may use."""
    if running is None:
        return None, 0
    try:
        store = running.server.belongings.store
        return store.used_bytes, store.quota_bytes
    except NoServer:
        return None, 0


HANDLERS = (plugins, plugin, resume)
