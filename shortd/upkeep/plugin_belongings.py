"""What plugins keep, for operators: how much it is, and an end to it.

A plugin that is gone leaves its rows and its folder behind, as it may come back. Data of links
(`links.plugin_data`) are the links', and stay in any case.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from shortd.models.plugins import PluginBacklog
from shortd.plugin_runtime.belongings import folder_of
from shortd.plugin_runtime.outbox import Outbox
from shortd.store import Store
from shortd.store.plugin_rows import delete_row, plugins_with_rows, used
from shortd.store.portions import ROWS_PER_WRITE, in_portions
from shortd.store.room import Reserve
from shortd.store.schema import PLUGIN_BACKLOGS, PLUGIN_DAYS, PLUGIN_EVENTS, PLUGIN_ROWS
from shortd.store.txn import WriteTxn
from shortd.upkeep.plugin_folders import plugins_with_folders, size_of


class KeptByPlugin(msgspec.Struct, frozen=True):
    """What a plugin keeps."""

    name: str
    rows: int = 0
    row_bytes: int = 0
    """As its quota counts them."""
    files: int = 0
    file_bytes: int = 0
    events: int = 0
    """That it has not heard of yet."""

    @property
    def is_nothing(self) -> bool:
        return not (self.rows or self.files or self.events)


def all_kept(store: Store, directory: Path) -> list[KeptByPlugin]:
    """What each plugin keeps that keeps anything, by name."""
    with store.read() as txn:
        names = {name for name, _ in plugins_with_rows(txn)}
        names |= {name for (name,), backlog in PLUGIN_BACKLOGS.scan(txn) if backlog.rows}
    names |= {name for name, _ in plugins_with_folders(directory)}
    return [kept_by(store, directory, name) for name in sorted(names)]


def kept_by(store: Store, directory: Path, name: str) -> KeptByPlugin:
    """What one plugin keeps, whether or not it is there."""
    with store.read() as txn:
        use, backlog = used(txn, name), PLUGIN_BACKLOGS.get(txn, (name,)) or PluginBacklog()
    files, file_bytes = size_of(directory, name)
    return KeptByPlugin(name, use.rows, use.size, files, file_bytes, backlog.rows)


async def forget(store: Store, outbox: Outbox, name: str, *, is_running: bool) -> None:
    """Deletes the rows of a plugin, what it was still to hear of, and its folder; one that is at
    work has an empty one then. STORAGE_FULL, OSError.
    """
    await in_portions(store, partial(_delete_some, plugin=name))
    while keys := _some_events(store, name):
        await outbox.drop(keys)
    if not is_running:
        await store.write(partial(_delete_figures, plugin=name), Reserve.ALL)
    await asyncio.to_thread(_empty, folder_of(store.directory, name), is_running)


def _delete_some(txn: WriteTxn, rows: int, plugin: str) -> bool | None:
    found = [key for key, _ in islice(PLUGIN_ROWS.scan(txn, (plugin,)), rows)]
    for key in found:
        delete_row(txn, key)
    return len(found) < rows or None


def _some_events(store: Store, plugin: str) -> list[tuple[str, str, int]]:
    with store.read() as txn:
        return [key for key, _ in islice(PLUGIN_EVENTS.scan(txn, (plugin,)), ROWS_PER_WRITE)]


def _delete_figures(txn: WriteTxn, plugin: str) -> None:
    PLUGIN_BACKLOGS.delete(txn, (plugin,))
    PLUGIN_DAYS.delete(txn, (plugin,))


def _empty(folder: Path, is_running: bool) -> None:
    if folder.is_symlink():
        folder.unlink()
        return
    was_there = folder.is_dir()
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    if was_there and is_running:
        folder.mkdir(mode=0o700, exist_ok=True)
