"""What plugins keep, and its end, for `shortd plugins`."""

from __future__ import annotations

from shortd import errors
from shortd.control.noted import noted
from shortd.control.registry import Args, Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.plugin.types import NAME_PATTERN
from shortd.services import Services
from shortd.upkeep.plugin_belongings import all_kept, forget, kept_by


class NoArgs(Args, frozen=True):
    """None."""


class OnePlugin(Args, frozen=True):
    plugin: str


@look("plugins kept list")
def plugins_kept(view: View, args: NoArgs) -> Portions:
    yield all_kept(view.store, view.settings.data_dir)


@act("plugins forget")
async def plugins_forget(services: Services, args: OnePlugin) -> Rows:
    name = args.plugin
    plugins = services.plugin_runtime.plugins
    if not NAME_PATTERN.fullmatch(name):
        raise errors.UNKNOWN_PLUGIN()
    kept = kept_by(services.store, services.store.directory, name)
    is_known = any(one.name == name for one in plugins.found)
    if kept.is_nothing:
        if not is_known:
            raise errors.UNKNOWN_PLUGIN("There is no plugin of this name, and nothing it has kept.")
        return [[f"The plugin {name} keeps nothing."]]
    is_running, outbox = name in plugins.running, services.plugin_runtime.events.outbox
    detail = f"{kept.rows} rows, {kept.files} files"
    async with noted(services, Action.FORGET_PLUGIN, name, detail=detail):
        await forget(services.store, outbox, name, is_running=is_running)
    said = [
        [
            f"Deleted {kept.rows} rows, {kept.files} files and {kept.events} waiting events of the"
            f" plugin {name}. What links have of it stays."
        ]
    ]
    if is_running:
        said.append(
            ["It is still there, and may keep new ones: [plugins] disabled leaves plugins out."]
        )
    return said
