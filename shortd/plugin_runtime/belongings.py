"""What each plugin of a running server has of its own, made when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from shortd.plugin_runtime.http import PluginHttp
from shortd.plugin_runtime.network import Network, Outside
from shortd.plugin_runtime.rows import PluginStore, Reading
from shortd.store import Store
from shortd.store.data_directory import PLUGIN_FOLDERS


class Grounds:
    """What all plugins' belongings stand on."""

    def __init__(
        self, store: Store, quota: int, public_url: str, network: Network | None = None
    ) -> None:
        """On the server's event loop, which is home to all writes. `network` is a test's."""
        self.store = store
        self.reading = Reading(store)
        self.quota = quota
        self.public_url = public_url
        self.home = asyncio.get_running_loop()
        self.network: Network = network or Outside()

    def close(self) -> None:
        """Before the store is: whoever still reads is waited for."""
        self.reading.close()
        self.network.close()


class PluginBelongings:
    """Those of one plugin; see `shortd.plugin.belongings`."""

    def __init__(self, plugin: str, grounds: Grounds, bad_row: Callable[[Exception], None]) -> None:
        self._plugin = plugin
        self._grounds = grounds
        self._bad_row = bad_row

    @cached_property
    def store(self) -> PluginStore:
        grounds = self._grounds
        return PluginStore(
            self._plugin, grounds.store, grounds.reading, grounds.quota, grounds.home, self._bad_row
        )

    @property
    def folder(self) -> Path:
        folder = folder_of(self._grounds.store.directory, self._plugin)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @cached_property
    def http(self) -> PluginHttp:
        return PluginHttp(self._grounds.network, self._grounds.public_url)


def folder_of(directory: Path, plugin: str) -> Path:
    """The folder of a plugin in a data directory, whether or not it was made."""
    return directory / PLUGIN_FOLDERS / plugin
