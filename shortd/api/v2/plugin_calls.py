"""The plugin calls (ours): set_plugin, get_plugin, get_plugins, get_panels."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.v2.link_calls import OneEntry, address_of
from shortd.api.v2.registry import Context, Credentials, Empty, Output, call
from shortd.clicks.clicks import LiveCounts
from shortd.models.links import Link
from shortd.plugin.hookspecs import DECIDE
from shortd.plugin.types import Counts
from shortd.plugin_runtime.figures import states
from shortd.plugin_runtime.panels import data_of, own_choices
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
    shares: dict[str, float]
    """What share of the visitors each choice is meant to have, in percent."""


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin of this server."""

    name: str
    state: str
    """on, or paused: some of its hooks have failed and are tried again later."""
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
    meant = ctx.services.plugin_runtime.panels.shares(link, ctx.services.hosts.short_url(link))
    return PluginData(
        data=msgspec.to_builtins(data_of(running, link)),
        clicks=own_choices(running, _live(ctx, link).choices or {}),
        shares=own_choices(running, meant),
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
    live = _live(ctx, link)
    counts = Counts(live.count, live.count_qr, live.last_utime, live.choices or {})
    short_url = ctx.services.hosts.short_url(link)
    panels = [
        PanelInfo(
            plugin=panel.plugin,
            title=panel.title,
            rows=[PanelRow(label, value) for label, value in panel.rows],
        )
        for panel in ctx.services.plugin_runtime.panels.of_link(link, short_url, counts)
    ]
    return PanelsOutput(panels=panels)


def _running(ctx: Context, name: str) -> Running:
    running = ctx.services.plugin_runtime.plugins.running.get(name)
    if running is None:
        raise errors.UNKNOWN_PLUGIN(field="plugin")
    return running


def _live(ctx: Context, link: Link) -> LiveCounts:
    with ctx.services.store.read() as txn:
        return ctx.services.clicks.clicks.live(txn, link.id)
