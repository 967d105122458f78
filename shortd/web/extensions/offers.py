"""What plugins add to the pages, found once when the app is made: routes, entries, buttons.

What cannot be used is left out and counted as a failure of the hook that said it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shortd.plugin import Access, SignInOffer
from shortd.plugin_runtime.running import Plugins, Running
from shortd.web.extensions.frame import PluginFrame
from shortd.web.extensions.routes import PREFIX, Mounted, Render, plugin_routes
from shortd.web.extensions.threads import own_threads
from shortd.web.navigation import Entry, Navigation

MOST_PAGES = 5
"""Of one plugin in the navigation."""
MOST_OFFERS = 5
TITLE_CHARACTERS = 30
LABEL_CHARACTERS = 40


class Extensions(NamedTuple):
    """What the app is composed with."""

    mounted: Mapping[str, Mounted]
    """What answers below `/-/x/NAME/`, by name."""
    navigation: Navigation


def open_extensions(plugins: Plugins, render: Render, *, lazily: bool) -> Extensions:
    """Of all plugins that run. `render` makes responses of exceptions; `lazily` as in
    `plugin_routes`."""
    mounted = [*plugin_routes(plugins, render, lazily=lazily)]
    if mounted:
        own_threads()
    looks = {one.running.name: one.looks for one in mounted}
    offers: dict[str, list[tuple[str, str]]] = {}
    for running, hook in plugins.of_hook("authenticate"):
        offered = hook()
        if not hook.takes(list, tuple, answer=offered):
            continue
        try:
            offers[running.name] = [*_offers(running.name, offered, looks.get(running.name, {}))]
        except Exception as fault:
            hook.fail(fault)
    for running in plugins.running.values():
        begins = next((address for address, _ in offers.get(running.name, ())), "")
        running.server.frame = PluginFrame(running.plugin, begins)
    entries = [entry for one in mounted for entry in _entries(one)]
    return Extensions(
        {one.running.name: one for one in mounted},
        Navigation(entries, [offer for found in offers.values() for offer in found]),
    )


def _entries(mounted: Mounted) -> list[Entry]:
    try:
        return [*_read_entries(mounted.running, mounted.looks)]
    except Exception as fault:
        mounted.hook.fail(fault)
        return []


def _read_entries(running: Running, looks: Mapping[str, Access]) -> Iterator[Entry]:
    pages = dict(running.plugin.pages)
    if len(pages) > MOST_PAGES:
        raise ValueError(f"pages has more than {MOST_PAGES} entries")
    for title, path in pages.items():
        address = _address(running.name, path)
        if address.rstrip("/") not in looks:
            raise ValueError(f"pages: there is no route for GET of {path!r}")
        yield Entry(
            running.name, _text(title, TITLE_CHARACTERS), address, looks[address.rstrip("/")]
        )


def _offers(
    name: str, offered: Sequence[object], looks: Mapping[str, Access]
) -> Iterator[tuple[str, str]]:
    if len(offered) > MOST_OFFERS:
        raise ValueError(f"more than {MOST_OFFERS} buttons")
    for offer in offered:
        if not isinstance(offer, SignInOffer):
            raise TypeError(f"authenticate answered {type(offer).__name__}, not SignInOffer")
        address = _address(name, offer.path)
        if looks.get(address.rstrip("/")) is not Access.PUBLIC:
            raise ValueError(f"there is no public route for GET of {offer.path!r}")
        yield address, _text(offer.label, LABEL_CHARACTERS)


def _address(name: str, path: str) -> str:
    """Of a route, by its path below the plugin's own."""
    return f"{PREFIX}/{name}/{path.strip('/')}".rstrip("/")


def _text(text: str, most: int) -> str:
    if not isinstance(text, str) or not 0 < len(text.strip()) <= most or not text.isprintable():
        raise ValueError(f"{text!r} is no text of 1 to {most} characters")
    return text.strip()
