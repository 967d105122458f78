"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from shortd.clock import Clock
from shortd.hosts import Hosts
from shortd.ids import random_text
from shortd.plugin_runtime.belongings import Grounds
from shortd.plugin_runtime.checking import Checks
from shortd.plugin_runtime.deciding import Deciders
from shortd.plugin_runtime.deliveries import Deliveries
from shortd.plugin_runtime.events import Events
from shortd.plugin_runtime.jobs import Jobs
from shortd.plugin_runtime.network import Network
from shortd.plugin_runtime.outbox import Outbox
from shortd.plugin_runtime.panels import Panels
from shortd.plugin_runtime.running import Plugins, Prepared, start_plugins
from shortd.security.secrets import secret
from shortd.settings import Settings
from shortd.settings.quantities import bytes_of
from shortd.store import Store
from shortd.store.timeline import Timeline

EVENT_ID_LENGTH = 22
"""Base-62 characters of an event's id: 131 bits."""


@dataclass(frozen=True)
class PluginServices:
    """The plugins that run, and who asks and tells them."""

    plugins: Plugins
    deciders: Deciders
    events: Events
    panels: Panels
    checks: Checks
    grounds: Grounds

    def close(self) -> None:
        """Ends the plugins, behind the last event (`Events.end`). They may read until then."""
        self.checks.close()
        self.plugins.stop()
        self.grounds.close()

    def resume(self, name: str) -> list[str]:
        """Ends all pauses of a plugin's hooks, and has it told of what has waited for that; the
        hooks that had one. LookupError if no such plugin runs.
        """
        hooks = self.plugins.running[name].guard.resume()
        self.events.deliveries.hurry(name)
        return hooks


async def open_plugins(
    store: Store,
    settings: Settings,
    prepared: Prepared,
    hosts: Hosts,
    clock: Clock,
    country_of: Callable[[str], str] | None,
    timeline: Timeline,
    random: Random,
    network: Network | None = None,
) -> PluginServices:
    """Starts the plugins, and wires who asks and tells them. `random` is for ids of events,
    `network` a test's.
    """
    key = await secret(store, "plugins")
    grounds = Grounds(store, bytes_of(settings.plugins.quota), settings.public_url, network)
    plugins = start_plugins(prepared, settings.public_url, hosts.names, key, clock, grounds)
    new_id = partial(random_text, random, EVENT_ID_LENGTH)
    outbox = Outbox(store, plugins, hosts.short_url, clock.now, new_id, country_of)
    events = Events(
        plugins,
        outbox,
        Deliveries(store, outbox, clock.now, timeline.believed_now),
        Jobs(store, plugins, settings.plugins.daily, clock.now),
        hosts.short_url,
        clock.now,
        new_id,
        country_of,
        settings.clicks.ip,
    )
    if events.hear_changes:
        store.watch(events.changed)
    return PluginServices(
        plugins,
        Deciders(plugins, hosts.names, hosts.short_url),
        events,
        Panels(plugins),
        Checks(plugins, hosts.short_url, clock),
        grounds,
    )
