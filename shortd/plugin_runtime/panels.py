"""What plugins show a link's owner: small tables, and the shares that its variants are meant to
have."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.models.links import Link
from shortd.plugin.types import Counts, Panel
from shortd.plugin_runtime.deciding import shown_link
from shortd.plugin_runtime.running import Plugins, Running

N = TypeVar("N", int, float)


class ShownPanel(msgspec.Struct, frozen=True):
    """A plugin's panel. Plain text."""

    plugin: str
    title: str
    rows: list[tuple[str, str | int]]


class Panels:
    """Asks all plugins that a link concerns; one that fails is passed over."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def of_link(self, link: Link, short_url: str, counts: Counts) -> list[ShownPanel]:
        """All panels of a link. `counts` has the choices of all plugins; each sees its own."""
        shown, found = shown_link(link, short_url), []
        for running, hook in self._plugins.of_hook("panel"):
            concerned, data = _concerned(running, link)
            if not concerned:
                continue
            own = msgspec.structs.replace(counts, choices=own_choices(running, counts.choices))
            panel = hook(shown, data, own)
            if hook.takes(Panel, answer=panel):
                try:
                    taken = msgspec.convert(
                        {"plugin": running.name, "title": panel.title, "rows": list(panel.rows)},
                        ShownPanel,
                    )
                # A Struct's fields can hold anything.
                except Exception as fault:
                    hook.fail(fault)
                    continue
                found.append(taken)
        return found

    def shares(self, link: Link, short_url: str) -> dict[str, float]:
        """What share of the visitors each choice is meant to have, in percent, by its whole name
        such as "ab:1"."""
        meant: dict[str, float] = {}
        for running in self._plugins.running.values():
            concerned, data = _concerned(running, link)
            if not concerned or data is None:
                continue
            answer = running.shares(data, shown_link(link, short_url))
            try:
                own = msgspec.convert(answer or {}, dict[str, float])
            except Exception as fault:
                running.shares.fail(fault)
                continue
            meant |= {
                f"{running.name}:{choice}": share
                for choice, share in own.items()
                if isfinite(share) and 0 <= share <= 100
            }
        return meant


def data_of(running: Running, link: Link) -> Any:
    """A link's data as the plugin's Struct; None if there is none. PLUGIN_FAILED if unreadable."""
    raw = link.plugins.get(running.name) if link.plugins else None
    if raw is None or running.decode is None:
        return None
    try:
        return running.decode(raw)
    except Exception as fault:
        running.guard.cannot_read(fault)
        raise errors.PLUGIN_FAILED(
            "The plugin no longer accepts the data of this link; set it anew.", field="plugin"
        ) from None


def own_choices(running: Running, choices: Mapping[str, N]) -> dict[str, N]:
    """What is known of one plugin's choices, by the names that it gave them."""
    own = f"{running.name}:"
    return {
        choice.removeprefix(own): known
        for choice, known in sorted(choices.items())
        if choice.startswith(own)
    }


def _concerned(running: Running, link: Link) -> tuple[bool, Any]:
    """Whether a link is this plugin's business, and its data if it has any."""
    try:
        data = data_of(running, link)
    except errors.ShortdError:
        return False, None
    is_concerned = data is not None or running.plugin.Data is None or running.plugin.everywhere
    return is_concerned, data
