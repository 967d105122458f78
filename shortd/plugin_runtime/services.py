"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortd.clock import Clock
from shortd.hosts import Hosts
from shortd.plugin_runtime.checking import Checks
from shortd.plugin_runtime.deciding import Deciders
from shortd.plugin_runtime.events import Events
from shortd.plugin_runtime.panels import Panels
from shortd.plugin_runtime.running import Plugins, Prepared, start_plugins
from shortd.security.secrets import secret
from shortd.settings import Settings
from shortd.store import Store


@dataclass(frozen=True)
class PluginServices:
    """The plugins that run, and who asks and tells them."""

    plugins: Plugins
    deciders: Deciders
    events: Events
    panels: Panels
    checks: Checks


async def open_plugins(
    store: Store,
    settings: Settings,
    prepared: Prepared,
    hosts: Hosts,
    clock: Clock,
    country_of: Callable[[str], str] | None,
) -> PluginServices:
    """Starts the plugins, and wires who asks and tells them."""
    key = await secret(store, "plugins")
    plugins = start_plugins(prepared, settings.public_url, hosts.names, key, clock)
    events = Events(plugins, hosts.short_url, country_of)
    if events.hear_changes:
        store.watch(events.changed)
    return PluginServices(
        plugins,
        Deciders(plugins, hosts.names, hosts.short_url),
        events,
        Panels(plugins),
        Checks(plugins, hosts.short_url, clock),
    )
