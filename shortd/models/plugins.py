"""Rows about plugins: what they keep, what they are still to hear of, and when their jobs ran."""

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


class PluginEvent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Something that happened, for a plugin whose hook has not heard of it yet."""

    hook: str
    id: str
    """What the plugin knows it by."""
    utime: int
    """When it happened."""
    facts: bytes
    """What the hook is given; `plugin_runtime.facts` reads it."""
    attempts: int = 0
    """How often the hook has failed to take it."""
    next_utime: int = 0
    """Not before then it is told again."""


class PluginBacklog(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What waits for a plugin, in all."""

    rows: int = 0
    bytes: int = 0
    """Of their facts, with `ROW_BYTES` for each row."""
    serial: int = 0
    """Of the next event."""
    dropped: int = 0
    """Events that it never heard of: there was no room, or it took none for days."""


ROW_BYTES = 128


class PluginDays(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The days on which a plugin's daily job was begun."""

    days: tuple[int, ...] = ()
    """The latest ones, as days of the server's calendar (`date.toordinal`)."""
