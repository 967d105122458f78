"""The plugins in words, as `shortd plugins` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shortd.plugin.hookspecs import DECIDE
from shortd.plugin_runtime.discovery import Found
from shortd.plugin_runtime.order import decide_order


def facts(found: Sequence[Found]) -> Iterator[dict[str, object]]:
    """The plugins for programs."""
    for plugin in found:
        yield {
            "name": plugin.name,
            "state": state_of(plugin),
            "fault": plugin.fault or None,
            "about": plugin.summary,
            "hooks": list(plugin.hooks),
            "origin": plugin.origin,
        }


def state_of(plugin: Found) -> str:
    """Before it is started: disabled, faulty or ready."""
    return "disabled" if plugin.disabled else "faulty" if plugin.fault else "ready"


def lines(found: Sequence[Found]) -> Iterator[str]:
    """A line or two for each plugin, then the order in which the decide hooks are asked."""
    if not found:
        yield "No plugins."
    width = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        state = state_of(plugin)
        about = plugin.fault or plugin.summary or plugin.origin
        yield f"{plugin.name:<{width}}  {state:<8}  {about}"
        if plugin.kind is not None:
            hooks = ", ".join(plugin.hooks) or "no hooks"
            yield f"{'':<{width}}  {'':<8}  {hooks}  ({plugin.origin})"
    kinds = {plugin.name: plugin.kind for plugin in found if plugin.kind is not None}
    for hook in DECIDE:
        names = decide_order(kinds, hook)
        if names:
            yield f"order of {hook}: {', '.join(names)}"
