"""The plugin calls (ours): set_plugin, get_plugin, get_plugins, get_panels."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.v2.link_calls import OneEntry, address_of
from shortd.api.v2.registry import Context, Credentials, Empty, Output, call
from shortd.models.links import Link
from shortd.plugin.hookspecs import DECIDE
from shortd.plugin.types import Counts, Panel
from shortd.plugin_runtime.deciding import shown_link
from shortd.plugin_runtime.figures import states
from shortd.plugin_runtime.running import Running

PluginName = Annotated[
    str, Meta(min_length=1, max_length=64, description="A plugin's name, as get_plugins has it.")
]


class SetPlugin(OneEntry, frozen=True, kw_only=True):
    plugin: PluginName
    data: Annotated[
        dict[str, Any] | None,
        Meta(description="As the plugin's schema has it; null removes what is there."),
    ]


class GetPlugin(OneEntry, frozen=True, kw_only=True):
    plugin: PluginName


class PluginData(Output, frozen=True, kw_only=True):
    """A link's data of a plugin, and its clicks by the plugin's choices."""

    data: dict[str, Any] | None
    clicks: dict[str, int]


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin of this server."""

    name: str
    state: str
    """on, or off until a restart."""
    summary: str
    hooks: list[str]
    data: dict[str, Any] | None
    """JSON Schema of a link's data; null where the plugin has none."""


class PluginsOutput(Output, frozen=True, kw_only=True):
    plugins: list[PluginInfo]
    order: dict[str, list[str]]
    """By decide hook, the plugins in the order in which they are asked."""


class PanelRow(msgspec.Struct, frozen=True):
    """A line of a panel: plain text."""

    label: str
    value: str | int


class PanelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin shows about a link."""

    plugin: str
    title: str
    rows: list[PanelRow]


class PanelsOutput(Output, frozen=True, kw_only=True):
    panels: list[PanelInfo]


@call("set_plugin", weight=1000)
async def set_plugin(ctx: Context, args: SetPlugin) -> Empty:
    """Gives a link data for a plugin, in place of what it had; null removes it."""
    address = address_of(ctx, args.shorturl)
    await ctx.services.links.plugin_data.change(
        ctx.account, address, args.plugin, lambda link: args.data, ctx.now
    )
    return Empty()


@call("get_plugin", weight=1000)
async def get_plugin(ctx: Context, args: GetPlugin) -> PluginData:
    """Shows a link's data for a plugin (null if none), and its clicks by choice."""
    link = ctx.services.links.links.get(ctx.account, address_of(ctx, args.shorturl))
    running = _running(ctx, args.plugin)
    return PluginData(
        data=msgspec.to_builtins(_data(running, link)),
        clicks=_counts(ctx, link, running).choices,
    )


@call("get_plugins", weight=1000)
async def get_plugins(ctx: Context, args: Credentials) -> PluginsOutput:
    """Lists the plugins that can be set, with the JSON Schema of their data."""
    plugins = ctx.services.plugin_runtime.plugins
    state = states(plugins)
    return PluginsOutput(
        plugins=[
            PluginInfo(
                name=name,
                state=state[name].state,
                summary=running.found.summary,
                hooks=list(running.found.hooks),
                data=None
                if running.plugin.Data is None
                else msgspec.json.schema(running.plugin.Data),
            )
            for name, running in plugins.running.items()
        ],
        order={hook: [one.name for one, _ in plugins.of_hook(hook)] for hook in DECIDE},
    )


@call("get_panels", weight=1000)
async def get_panels(ctx: Context, args: OneEntry) -> PanelsOutput:
    """What plugins have to show about a link to its owner: titles and rows of plain text."""
    link = ctx.services.links.links.get(ctx.account, address_of(ctx, args.shorturl))
    shown = shown_link(link, ctx.services.hosts.short_url(link))
    panels = []
    for running, hook in ctx.services.plugin_runtime.plugins.of_hook("panel"):
        try:
            data = _data(running, link)
        except errors.ShortdError:
            continue
        if data is None and running.plugin.Data is not None and not running.plugin.everywhere:
            continue
        panel = hook(shown, data, _counts(ctx, link, running))
        if hook.takes(Panel, answer=panel):
            try:
                rows = [
                    msgspec.convert({"label": label, "value": value}, PanelRow)
                    for label, value in panel.rows
                ]
                title = msgspec.convert(panel.title, str)
            # A Struct's fields can hold anything.
            except Exception as fault:
                hook.fail(fault)
                continue
            panels.append(PanelInfo(plugin=running.name, title=title, rows=rows))
    return PanelsOutput(panels=panels)


def _running(ctx: Context, name: str) -> Running:
    running = ctx.services.plugin_runtime.plugins.running.get(name)
    if running is None:
        raise errors.UNKNOWN_PLUGIN(field="plugin")
    return running


def _data(running: Running, link: Link) -> Any:
    """A link's data as the plugin's Struct; None if there is none. PLUGIN_FAILED if unreadable."""
    raw = link.plugins.get(running.name) if link.plugins else None
    if raw is None or running.decode is None:
        return None
    try:
        return running.decode(raw)
    except Exception as fault:
        running.guard.cannot_read(fault)
        raise errors.PLUGIN_FAILED(
            "The plugin no longer accepts the data of this link; set it anew.", field="plugin"
        ) from None


def _counts(ctx: Context, link: Link, running: Running) -> Counts:
    """The link's counts, with this plugin's choices alone."""
    with ctx.services.store.read() as txn:
        live = ctx.services.clicks.clicks.live(txn, link.id)
    own = f"{running.name}:"
    choices = {
        choice.removeprefix(own): clicks
        for choice, clicks in sorted((live.choices or {}).items())
        if choice.startswith(own)
    }
    return Counts(live.count, live.count_qr, live.last_utime, choices)
