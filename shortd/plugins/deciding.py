"""The decide hooks on one link: asked in order, their answers checked.

A `LinkDeciders` belongs to one version of one link. It holds the data already decoded, so that a
visit costs the calls of the plugins and little else. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from shortd import models
from shortd.destinations import parse_destination
from shortd.plugin_types import Destination, Interstitial, Link, Visit
from shortd.plugins.guard import GuardedCall
from shortd.plugins.pages import Page, checked_page, full_choice
from shortd.plugins.running import Plugins, Running
from shortd.plugins.steps import Steps

PLACES_PER_LINK = 64
"""Checked answers remembered for a link; one with more of them is checked more often."""

ShortUrlOf = Callable[[models.Link], str]


class Place(NamedTuple):
    """Where a visit goes."""

    location: str
    """Fit for a Location header."""
    choice: str = ""
    """"plugin:choice" as a click keeps it; empty if no plugin named one."""


class Asked(NamedTuple):
    """A plugin's hook, with its data of the link."""

    name: str
    call: GuardedCall
    data: Any


class LinkDeciders:
    """Who decides visits to a link."""

    __slots__ = ("_own_hosts", "_places", "destinations", "link", "pages")

    def __init__(
        self,
        link: Link,
        own_hosts: Collection[str],
        location: str,
        destinations: Sequence[Asked],
        pages: Sequence[Asked],
    ) -> None:
        self.link = link
        self.destinations = destinations
        self.pages = pages
        self._own_hosts = own_hosts
        # By plugin, URL and choice.
        self._places: dict[tuple[str, str, str], Place] = {("", "", ""): Place(location)}

    def place(self, visit: Visit, steps: Steps | None = None) -> Place:
        """Where a visit goes: the first answer that can be used, or the link's own destination."""
        for name, call, data in self.destinations:
            failures = call.failures
            answer = call(self.link, visit, data)
            place = None if answer is None else self._checked(name, call, answer)
            if steps is not None:
                told = "leaves it to others" if place is None else f"goes to {place.location}"
                told += f" as {place.choice}" if place is not None and place.choice else ""
                steps.note(f"plugin {name}", _failed_or(told, call, failures))
            if place is not None:
                return place
        return self._places["", "", ""]

    def _checked(self, name: str, call: GuardedCall, answer: object) -> Place | None:
        if type(answer) is Destination:
            key = (name, answer.url, answer.choice)
        elif isinstance(answer, str):
            key = (name, answer, "")
        else:
            call.takes(Destination, str, answer=answer)
            return None
        try:
            place = self._places.get(key)
            if place is None:
                place = self._parsed(*key)
                if len(self._places) < PLACES_PER_LINK:
                    self._places[key] = place
        # A Struct's fields can hold anything.
        except Exception as fault:
            call.fail(fault)
            return None
        return place

    def _parsed(self, name: str, url: str, choice: str) -> Place:
        choice = full_choice(name, choice)
        own = self._places["", "", ""].location
        location = parse_destination(url, self._own_hosts).location if url else own
        return Place(location, choice)

    def page(
        self, visit: Visit, destination: str, nonce: str, steps: Steps | None = None
    ) -> Page | None:
        """The page that a visit gets in place of the redirect, if any."""
        for name, call, data in self.pages:
            failures, page = call.failures, None
            answer = call(self.link, visit, data, destination, nonce)
            told = "no page"
            if call.takes(Interstitial, answer=answer):
                told = "a page"
                if answer.tracking and visit.do_not_track:
                    told = "a page that tracks, which the visitor does not want"
                else:
                    page = checked_page(call, answer, nonce)
            if steps is not None:
                steps.note(f"plugin {name}", _failed_or(told, call, failures))
            if page is not None:
                return page
        return None


class Deciders:
    """Gives links their deciders."""

    def __init__(
        self, plugins: Plugins, own_hosts: Collection[str], short_url_of: ShortUrlOf
    ) -> None:
        self._destinations = plugins.of_hook("destination")
        self._pages = plugins.of_hook("interstitial")
        self._running = {
            running.name: running for running, _ in (*self._destinations, *self._pages)
        }
        self.everywhere = any(running.plugin.everywhere for running in self._running.values())
        """Whether links without plugin data have to be asked about, too."""
        self._own_hosts = own_hosts
        self._short_url_of = short_url_of

    def of_link(self, row: models.Link, steps: Steps | None = None) -> LinkDeciders | None:
        """Who decides visits to a link that redirects; None if nobody does."""
        data = self._data(row, steps)
        destinations = self._asked(self._destinations, data)
        pages = self._asked(self._pages, data)
        if not destinations and not pages:
            return None
        link = shown_link(row, self._short_url_of(row))
        return LinkDeciders(link, self._own_hosts, row.ascii_url or row.url, destinations, pages)

    def _data(self, row: models.Link, steps: Steps | None) -> dict[str, Any]:
        """The link's data by plugin, for all that are to be asked about it."""
        data: dict[str, Any] = {}
        for name, running in self._running.items():
            raw = row.plugins.get(name) if row.plugins else None
            try:
                if raw is not None and running.decode is not None:
                    data[name] = running.decode(raw)
                elif running.plugin.everywhere:
                    data[name] = None
            except Exception as fault:
                running.guard.cannot_read(fault)
                if steps is not None:
                    steps.note(f"plugin {name}", "does not accept the data of this link")
        return data

    def _asked(
        self, implementations: Sequence[tuple[Running, GuardedCall]], data: dict[str, Any]
    ) -> list[Asked]:
        return [
            Asked(running.name, call, data[running.name])
            for running, call in implementations
            if running.name in data
        ]


def shown_link(row: models.Link, short_url: str) -> Link:
    """A link as plugins see it."""
    return Link(
        id=row.id,
        code=row.code,
        short_url=short_url,
        url=row.url,
        owner=row.owner,
        utime=row.utime,
        tag=row.tag,
        enabled=row.enabled,
        expiration_utime=row.expiration_utime,
        expiration_count=row.expiration_count,
        is_file=bool(row.filekey),
    )


def _failed_or(told: str, call: GuardedCall, failures: int) -> str:
    if call.guard.off:
        return "is switched off"
    return "fails" if call.failures > failures else told
