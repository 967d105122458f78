"""The plugins of a running server: how they are, and the end of their pauses."""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.control.noted import noted
from shortd.control.registry import Args, Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.plugin_runtime.discovery import discover
from shortd.plugin_runtime.listing import at_work, found
from shortd.services import Services


class NamedPlugin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin, by its name."""

    name: str


@look("plugins list")
def plugins(view: View, args: Args) -> Portions:
    """All of them; as they are found where no server runs."""
    if view.services is None:
        yield list(found(discover(view.settings)))
        return
    runtime = view.services.plugin_runtime
    yield list(at_work(runtime.plugins, runtime.events))


@act("plugins on")
async def plugins_on(services: Services, args: NamedPlugin) -> Rows:
    """Has the hooks of a plugin called again that are paused."""
    runtime = services.plugin_runtime
    if args.name not in runtime.plugins.running:
        raise errors.UNKNOWN_PLUGIN(f"No plugin {args.name} is at work: see shortd plugins.")
    async with noted(services, Action.RESUME_PLUGIN, args.name):
        hooks = runtime.resume(args.name)
    if not hooks:
        return [[f"No hook of {args.name} was paused."]]
    return [[f"{args.name} is on again: {', '.join(hooks)}."]]
