"""What plugins are given once the services are there."""

from __future__ import annotations

import asyncio

from shortd.plugin_runtime.running import Plugins
from shortd.plugin_services.links import PluginLinks, Rooms


def hand_over(plugins: Plugins, rooms: Rooms) -> None:
    """Gives each plugin what it does through them, on the loop that runs now."""
    home = asyncio.get_running_loop()
    for running in plugins.running.values():
        running.server.links = PluginLinks(running.name, rooms, home)
