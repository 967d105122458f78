"""Rows that plugins keep, and what they come to."""

from __future__ import annotations

import msgspec


class PluginRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row of a plugin's own table, stored under (plugin, table, key)."""

    value: bytes
    """As msgpack. What it means only the plugin knows."""


class PluginUse(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the rows of a plugin's table come to, stored under (plugin, table); of all its tables
    together, under (plugin, "")."""

    rows: int
    size: int
    """Bytes, as `store.plugin_rows` counts them."""
