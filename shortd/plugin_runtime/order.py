"""The order in which plugins are asked: tryfirst, plain, trylast, and within them by name."""

from __future__ import annotations

from collections.abc import Mapping

from shortd.plugin.hookspecs import PROJECT


def decide_order(plugins: Mapping[str, object], hook: str) -> list[str]:
    """The names of those that implement a hook, in order; `plugins` are classes or instances."""
    ranks = []
    for name, plugin in plugins.items():
        options = getattr(getattr(plugin, hook), f"{PROJECT}_impl", None)
        if options is not None:
            ranks.append((options["trylast"] - options["tryfirst"], name))
    return [name for _, name in sorted(ranks)]
