"""The plugins in words, as `shortd plugins` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.filesize import decimal

from shortd.plugin.hookspecs import DECIDE
from shortd.plugin_runtime.discovery import Found
from shortd.plugin_runtime.dropped import PassedOver
from shortd.plugin_runtime.order import decide_order


class Keeps(NamedTuple):
    """What a plugin keeps in the data directory."""

    rows: int
    files: int
    size: int
    """Bytes, of both."""


def facts(
    found: Sequence[Found], passed: Sequence[PassedOver], kept: Mapping[str, Keeps] | None
) -> Iterator[dict[str, object]]:
    """The plugins for programs, and what is none. `kept` is what they keep, by name; None where
    nobody knows."""
    for plugin in found:
        keeps = None if kept is None else kept.get(plugin.name, Keeps(0, 0, 0))
        yield {
            "name": plugin.name,
            "state": state_of(plugin),
            "fault": plugin.fault or None,
            "about": plugin.summary,
            "hooks": list(plugin.hooks),
            "origin": plugin.origin,
            "kept_bytes": None if keeps is None else keeps.size,
        }
    for name, keeps in _of_nobody(found, kept):
        yield _fact(name, "gone", "it is not here any more", "", keeps.size)
    for one in passed:
        yield _fact(one.path.name, "passed over", one.reason, str(one.path), None)


def state_of(plugin: Found) -> str:
    """Before it is started: disabled, faulty or ready."""
    return "disabled" if plugin.disabled else "faulty" if plugin.fault else "ready"


def _fact(name: str, state: str, fault: str, origin: str, kept: int | None) -> dict[str, object]:
    return {
        "name": name,
        "state": state,
        "fault": fault,
        "about": "",
        "hooks": [],
        "origin": origin,
        "kept_bytes": kept,
    }


def _of_nobody(
    found: Sequence[Found], kept: Mapping[str, Keeps] | None
) -> Iterator[tuple[str, Keeps]]:
    names = {plugin.name for plugin in found}
    for name, keeps in sorted((kept or {}).items()):
        if name not in names:
            yield name, keeps


def lines(
    found: Sequence[Found], passed: Sequence[PassedOver], kept: Mapping[str, Keeps] | None
) -> Iterator[str]:
    """A line or more for each plugin, then the order in which the decide hooks are asked, and what
    is no plugin."""
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
        keeps = (kept or {}).get(plugin.name)
        if keeps is not None:
            yield f"{'':<{width}}  {'':<8}  keeps {_kept_words(keeps)}"
    kinds = {plugin.name: plugin.kind for plugin in found if plugin.kind is not None}
    for hook in DECIDE:
        names = decide_order(kinds, hook)
        if names:
            yield f"order of {hook}: {', '.join(names)}"
    for name, keeps in _of_nobody(found, kept):
        yield f"gone: {name} keeps {_kept_words(keeps)}; `shortd plugins forget {name}` deletes it"
    for one in passed:
        yield f"passed over: {one.path}: {one.reason}"


def _kept_words(keeps: Keeps) -> str:
    return f"{keeps.rows} rows and {keeps.files} files, {decimal(keeps.size)}"
