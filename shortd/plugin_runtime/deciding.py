"""The decide hooks on one link: asked in order, their answers checked.

A `LinkDeciders` belongs to one version of one link. It holds the data already decoded, so that a
visit costs the calls of the plugins and little else. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from msgspec import structs

from shortd.hosts.destinations import parse_destination, with_utm
from shortd.models import links as link_rows
from shortd.plugin.refused import sendable
from shortd.plugin.types import Destination, Interstitial, Link, Visit
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.pages import Page, checked_page, full_choice
from shortd.plugin_runtime.running import Plugins, Running
from shortd.plugin_runtime.steps import Steps
from shortd.plugin_runtime.workers import failure
from shortd.visitors.bots import robot_of

ANSWERS_PER_LINK = 64
"""Checked answers remembered for a link; one with more of them is checked more often."""

STEPS = 100
STEP_CHARACTERS = 400
"""Of what a plugin tells of its own steps."""

ShortUrlOf = Callable[[link_rows.Link], str]


class Chosen(NamedTuple):
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
    explain: GuardedCall


class LinkDeciders:
    """Who decides visits to a link."""

    __slots__ = ("_chosen", "_own_hosts", "_utm", "destinations", "link", "pages")

    def __init__(
        self,
        link: Link,
        own_hosts: Collection[str],
        location: str,
        utm: Sequence[str],
        destinations: Sequence[Asked],
        pages: Sequence[Asked],
    ) -> None:
        """`utm` go on what plugins answer; on `location` they are already."""
        self.link = link
        self.destinations = destinations
        self.pages = pages
        self._own_hosts = own_hosts
        self._utm = utm
        # By plugin, URL and choice.
        self._chosen: dict[tuple[str, str, str], Chosen] = {("", "", ""): Chosen(location)}

    def choose(self, visit: Visit, steps: Steps | None = None) -> Chosen:
        """Where a visit goes: the first answer that can be used, or the link's own destination."""
        for name, call, data, explain in self.destinations:
            before = (call.calls, call.failures)
            answer = call(self.link, visit, data)
            chosen = None if answer is None else self._checked(name, call, answer)
            if steps is not None:
                for question, said in explained(explain, explain(self.link, visit, data)):
                    steps.note(f"plugin {name}: {question}", said)
                told = "leaves it to others" if chosen is None else f"goes to {chosen.location}"
                told += f" as {chosen.choice}" if chosen is not None and chosen.choice else ""
                steps.note(f"plugin {name}", _failed_or(told, call, before))
            if chosen is not None:
                return chosen
        return self._chosen["", "", ""]

    def _checked(self, name: str, call: GuardedCall, answer: object) -> Chosen | None:
        if type(answer) is Destination:
            key = (name, answer.url, answer.choice)
        elif isinstance(answer, str):
            key = (name, answer, "")
        else:
            call.takes(Destination, str, answer=answer)
            return None
        try:
            chosen = self._chosen.get(key)
            if chosen is None:
                chosen = self._parsed(*key)
                if len(self._chosen) < ANSWERS_PER_LINK:
                    self._chosen[key] = chosen
        # A Struct's fields can hold anything.
        except Exception as fault:
            call.fail(fault)
            return None
        return chosen

    def _parsed(self, name: str, url: str, choice: str) -> Chosen:
        choice = full_choice(name, choice)
        own = self._chosen["", "", ""].location
        location = self._led_to(url) if url else own
        return Chosen(location, choice)

    def _led_to(self, url: str) -> str:
        location = parse_destination(url, self._own_hosts, is_set=False).location
        return with_utm(location, self._utm) if self._utm else location

    def page(
        self, visit: Visit, destination: str, nonce: str, steps: Steps | None = None
    ) -> Page | None:
        """The page that a visit gets in place of the redirect, if any."""
        for name, call, data, _ in self.pages:
            before, page = (call.calls, call.failures), None
            answer = call(self.link, visit, data, destination, nonce)
            told = "no page"
            if call.takes(Interstitial, answer=answer):
                told = "a page"
                if answer.tracking and visit.do_not_track:
                    told = "a page that tracks, which the visitor does not want"
                else:
                    page = checked_page(call, answer, nonce)
            if steps is not None:
                steps.note(f"plugin {name}", _failed_or(told, call, before))
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
        for _, call in self._destinations:
            call.is_useful = self._is_destination
        for _, call in self._pages:
            call.is_useful = _is_page

    def _is_destination(self, answer: object) -> bool:
        url = answer.url if isinstance(answer, Destination) else answer
        if not url:
            return url is None or isinstance(url, str)
        try:
            parse_destination(url, self._own_hosts, is_set=False)  # type: ignore[arg-type]
        except Exception:
            return False
        return True

    def of_link(
        self, row: link_rows.Link, location: str, steps: Steps | None = None
    ) -> LinkDeciders | None:
        """Who decides visits to a link that redirects to `location`; None if nobody does."""
        data = self._data(row, steps)
        destinations = self._asked(self._destinations, data)
        pages = self._asked(self._pages, data)
        if not destinations and not pages:
            return None
        # Who asks first whether a visitor is a robot has the list of them read, which takes longer
        # than a hook may: that is not to be the plugin's time.
        robot_of("")
        link = shown_link(row, self._short_url_of(row))
        utm = (row.rare and row.rare.utm) or ()
        return LinkDeciders(link, self._own_hosts, location, utm, destinations, pages)

    def _data(self, row: link_rows.Link, steps: Steps | None) -> dict[str, Any]:
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
            Asked(running.name, call, data[running.name], running.explain)
            for running, call in implementations
            if running.name in data
        ]


def _is_page(answer: object) -> bool:
    return answer is None or isinstance(answer, Interstitial)


def shown_link(row: link_rows.Link, short_url: str) -> Link:
    """A link as plugins see it."""
    return Link(
        id=row.id,
        code=row.code,
        short_url=short_url,
        url=row.url,
        owner=row.owner,
        utime=row.utime,
        is_file=bool(row.filekey),
        **structs.asdict(row.terms),
    )


def explained(explain: GuardedCall, answer: object) -> list[tuple[str, str]]:
    """What can be shown of what a plugin tells of its own steps."""
    steps: list[tuple[str, str]] = []
    if explain.takes(list, tuple, answer=answer):
        try:
            for step in islice(cast(Sequence[Any], answer), STEPS):
                question, said = (sendable(str(part), STEP_CHARACTERS) for part in step)
                steps.append((question, said))
        # What it answered may be of any kind.
        except BaseException as fault:
            explain.fail(failure(fault))
    return steps


def _failed_or(told: str, call: GuardedCall, before: tuple[int, int]) -> str:
    calls, failures = before
    if call.calls == calls:
        return "is paused, as it has failed"
    return "fails" if call.failures > failures else told
