"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortd.clock import Clock
from shortd.hosts import Hosts
from shortd.plugin_runtime.belongings import Grounds
from shortd.plugin_runtime.deciding import Deciders
from shortd.plugin_runtime.events import Events
from shortd.plugin_runtime.network import Network
from shortd.plugin_runtime.panels import Panels
from shortd.plugin_runtime.running import Plugins, Prepared, start_plugins
from shortd.security.secrets import secret
from shortd.settings import Settings
from shortd.settings.quantities import bytes_of
from shortd.store import Store


@dataclass(frozen=True)
class PluginServices:
    """The plugins that run, and who asks and tells them."""

    plugins: Plugins
    deciders: Deciders
    events: Events
    panels: Panels
    grounds: Grounds

    def close(self) -> None:
        """Ends the hooks that are at work, then the plugins. They need the store until then."""
        self.events.close()
        self.plugins.stop()
        self.grounds.close()


async def open_plugins(
    store: Store,
    settings: Settings,
    prepared: Prepared,
    hosts: Hosts,
    clock: Clock,
    country_of: Callable[[str], str] | None,
    network: Network | None = None,
) -> PluginServices:
    """Starts the plugins, and wires who asks and tells them. `network` is a test's."""
    key = await secret(store, "plugins")
    quota = bytes_of(settings.plugins.quota)
    grounds = Grounds(store, quota, settings.public_url, network)
    plugins = start_plugins(prepared, settings.public_url, hosts.names, key, clock, grounds)
    events = Events(plugins, hosts.short_url, country_of)
    if events.hear_changes:
        store.watch(events.changed)
    deciders = Deciders(plugins, hosts.names, hosts.short_url)
    return PluginServices(plugins, deciders, events, Panels(plugins), grounds)
