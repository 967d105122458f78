"""Rows of plugins, counted as they come and go.

Only these functions write to PLUGIN_ROWS, so that what a plugin has used is always what its rows
come to. They know neither quotas nor types: those are the business of who calls them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from shortd.models.plugins import PluginRow, PluginUse
from shortd.store.schema import PLUGIN_ROWS, PLUGIN_USES
from shortd.store.sizes import stored_size
from shortd.store.txn import Txn, WriteTxn

RowKey = tuple[str, str, str]
"""(plugin, table, key)."""
ALL_TABLES = ""
"""Stands for the table where all of them are counted together."""


def size_of(row: PluginRow) -> int:
    """Bytes that a row counts as."""
    return stored_size(len(row.value))


def used(txn: Txn, plugin: str, table: str = ALL_TABLES) -> PluginUse:
    """What the rows of a plugin come to, or those of one table."""
    return PLUGIN_USES.get(txn, (plugin, table)) or PluginUse(0, 0)


def put_row(txn: WriteTxn, key: RowKey, row: PluginRow) -> int:
    """Makes or replaces a row; by how many bytes the plugin's grew."""
    old = PLUGIN_ROWS.get(txn, key)
    PLUGIN_ROWS.put(txn, key, row)
    grown = size_of(row) - (size_of(old) if old else 0)
    _count(txn, key, 0 if old else 1, grown)
    return grown


def delete_row(txn: WriteTxn, key: RowKey) -> bool:
    """Removes a row; whether there was one."""
    old = PLUGIN_ROWS.delete(txn, key)
    if old is None:
        return False
    _count(txn, key, -1, -size_of(old))
    return True


def plugins_with_rows(txn: Txn) -> Iterator[tuple[str, PluginUse]]:
    """All that keep something, by name."""
    for (plugin, table), use in PLUGIN_USES.scan(txn):
        if table == ALL_TABLES:
            yield plugin, use


def right_plugin_uses(txn: Txn) -> dict[tuple[str, str], PluginUse]:
    """What PLUGIN_USES has to hold by the rows there are."""
    rows: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for (plugin, table, _), row in PLUGIN_ROWS.scan(txn):
        for key in ((plugin, table), (plugin, ALL_TABLES)):
            rows[key] += 1
            sizes[key] += size_of(row)
    return {key: PluginUse(rows[key], sizes[key]) for key in rows}


def _count(txn: WriteTxn, key: RowKey, rows: int, size: int) -> None:
    plugin, table, _ = key
    for name in (table, ALL_TABLES):
        old = used(txn, plugin, name)
        new = PluginUse(old.rows + rows, old.size + size)
        if new.rows:
            PLUGIN_USES.put(txn, (plugin, name), new)
        else:
            PLUGIN_USES.delete(txn, (plugin, name))
