"""What plugins show a link's owner: small tables, cells beside it in the list, and the shares that
its variants are meant to have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.models.links import Link
from shortd.plugin.refused import sendable
from shortd.plugin.types import CHOICE_PATTERN, Counts, Panel, Words
from shortd.plugin_runtime.deciding import shown_link
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins, Running

PANELS = 8
"""Of one plugin about a link."""
COLUMNS = 3
"""Of one plugin in a list."""
CELL = 80
"""Characters of a cell, and of its title."""
ROWS = 100
"""Of one panel."""
SHARES = 100
"""Choices of one plugin whose shares are told."""
TEXT = 1000
"""Characters of anything in a panel."""

N = TypeVar("N", int, float)


class ShownPanel(msgspec.Struct, frozen=True):
    """A plugin's panel. Plain text."""

    plugin: str
    title: str
    rows: list[tuple[str, str | int]]


class Column(msgspec.Struct, frozen=True):
    """A plugin's cell beside a link in a list. Plain text."""

    plugin: str
    title: str
    cell: str | int


class Panels:
    """Asks all plugins that a link concerns; one that fails is passed over."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._hooks = {
            name: plugins.of_hook(name) for name in ("panel", "link_panels", "link_columns")
        }

    def of_link(
        self, link: Link, short_url: str, counts: Counts, say: errors.Words = str
    ) -> list[ShownPanel]:
        """All panels of a link. `counts` has the choices of all plugins; each sees its own. What
        are words is told as `say` has it.
        """
        shown = shown_link(link, short_url)
        found: list[ShownPanel] = []
        for running, hook, data in self._asked("panel", link):
            panel = hook(shown, data, _own(running, counts))
            if hook.takes(Panel, answer=panel):
                found += _read(running, hook, [panel], say)
        for running, hook, data in self._asked("link_panels", link):
            panels = hook(shown, data, _own(running, counts))
            if hook.takes(list, tuple, answer=panels):
                found += _read(running, hook, panels[:PANELS], say)
        return found

    def columns(self, link: Link, short_url: str) -> list[Column]:
        """What stands beside a link in the list; nothing is paid where no plugin says anything."""
        found: list[Column] = []
        for running, hook, data in self._asked("link_columns", link):
            cells = hook(shown_link(link, short_url), data)
            if not hook.takes(Mapping, answer=cells):
                continue
            try:
                taken = msgspec.convert(dict(islice(cells.items(), COLUMNS)), dict[str, str | int])
            # What it answered may be of any kind.
            except Exception as fault:
                hook.fail(fault)
                continue
            for title, cell in taken.items():
                shown = cell if isinstance(cell, int) else _cut(cell, CELL)
                found.append(Column(running.name, _cut(title, CELL), shown))
        return found

    def _asked(self, name: str, link: Link) -> Iterator[tuple[Running, GuardedCall, Any]]:
        """Whom a link concerns of those that implement a hook."""
        for running, hook in self._hooks[name]:
            concerned, data = _concerned(running, link)
            if concerned:
                yield running, hook, data

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
                own = msgspec.convert(
                    dict(islice((answer or {}).items(), SHARES)), dict[str, float]
                )
            except Exception as fault:
                running.shares.fail(fault)
                continue
            meant |= {
                f"{running.name}:{choice}": share
                for choice, share in own.items()
                if CHOICE_PATTERN.fullmatch(choice) and isfinite(share) and 0 <= share <= 100
            }
        return meant


def _own(running: Running, counts: Counts) -> Counts:
    return msgspec.structs.replace(counts, choices=own_choices(running, counts.choices))


def _read(
    running: Running, hook: GuardedCall, panels: Sequence[Any], say: errors.Words
) -> Iterator[ShownPanel]:
    """The panels that can be shown; a Struct's fields can hold anything."""
    for panel in panels:
        try:
            told = {
                "plugin": running.name,
                "title": panel.title,
                "rows": [*islice(panel.rows, ROWS)],
            }
            taken = msgspec.convert(told, ShownPanel)
        except Exception as fault:
            hook.fail(fault)
            continue
        rows = [
            (_said(label, say), value if isinstance(value, int) else _said(value, say))
            for label, value in taken.rows
        ]
        yield msgspec.structs.replace(taken, title=_said(taken.title, say), rows=rows)


def _said(text: str, say: errors.Words) -> str:
    shown = _cut(text, TEXT)
    return say(shown) if shown and isinstance(text, Words) else shown


def _cut(text: str, most: int) -> str:
    """As much of a text as is shown."""
    shown = sendable(text, most)
    return shown if len(text) <= most else shown[:-1] + "…"


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
