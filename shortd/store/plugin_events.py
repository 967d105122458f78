"""What the events that wait for plugins come to, by the rows there are.

`plugin_runtime.outbox` counts them as they come and go; nothing here writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import structs

from shortd.models.plugins import ROW_BYTES, PluginBacklog
from shortd.store.schema import PLUGIN_BACKLOGS, PLUGIN_EVENTS
from shortd.store.txn import Txn


def wrong_backlogs(txn: Txn) -> Iterator[tuple[str, PluginBacklog]]:
    """What PLUGIN_BACKLOGS has to hold where it does not, by plugin. What was dropped is known to
    nothing else, and stays; a serial is never one that an event has.
    """
    rows: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    serials: dict[str, int] = {}
    for (plugin, _, serial), event in PLUGIN_EVENTS.scan(txn):
        rows[plugin] += 1
        sizes[plugin] += len(event.facts) + ROW_BYTES
        serials[plugin] = max(serials.get(plugin, 0), serial + 1)
    counted = {plugin: backlog for (plugin,), backlog in PLUGIN_BACKLOGS.scan(txn)}
    for plugin in sorted(rows.keys() | counted.keys()):
        there = counted.get(plugin, PluginBacklog())
        right = structs.replace(
            there,
            rows=rows[plugin],
            bytes=sizes[plugin],
            serial=max(there.serial, serials.get(plugin, 0)),
        )
        if right != there:
            yield plugin, right
