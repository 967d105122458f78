"""Where a link may lead, as plugins have it: asked before it is written, heeded when it is.

Whoever writes links with destinations asks first, outside the transaction, and heeds in it what was
said: that refuses, or has the link held. A destination that was not asked about, as the link was
another one by then, is never written unasked. This module must never ask about what a link has
already: what somebody set before there was a check stays until he changes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.models.accounts import Account
from shortd.models.links import NO_RARE_TERMS, Held, HeldDestination, Link
from shortd.plugin_runtime.checking import Checks, Verdict
from shortd.plugin_runtime.data import urls_in

MOST_HELD = 8
"""Destinations of one link that can wait for the operator."""


class Place(NamedTuple):
    """A place of a link where a destination stands."""

    url: str
    field: str
    """As refusals name it: a name of `TermChanges`, or the place in a plugin's data."""
    plugin: str = ""
    """Whose data it stands in."""


def places_of(link: Link) -> Iterator[Place]:
    """Wherever a link may lead, what plugins keep for it among that."""
    if link.url and not link.filekey and not link.box:
        yield Place(link.url, "destination")
    if link.rare is not None:
        if link.rare.date_fallback:
            yield Place(link.rare.date_fallback, "date_fallback")
        if link.rare.count_fallback:
            yield Place(link.rare.count_fallback, "count_fallback")
    for name, raw in (link.plugins or {}).items():
        try:
            data = msgspec.msgpack.decode(raw)
        except msgspec.DecodeError:
            continue
        for place, url in urls_in(data):
            yield Place(url, f"data{place}", name)


class Said(NamedTuple):
    """What was said of the destinations that were asked about."""

    asked: Collection[str]
    verdicts: Mapping[str, Verdict]
    """Against some of them."""
    plugins: Collection[str]
    """Who was asked; nobody: all is well."""

    def covers(self, before: Link | None, after: Link) -> bool:
        """Whether all that a change sets was asked about."""
        return not self.plugins or all(
            place.url in self.asked for place in _set_places(before, after)
        )

    def refusal(self, place: Place, field: str = "") -> errors.ShortdError | None:
        """DESTINATION_REFUSED for a place that is refused, naming `field` or its own."""
        verdict = self.verdicts.get(place.url)
        if verdict is None or not verdict.is_final:
            return None
        return errors.DESTINATION_REFUSED(verdict.words or None, field=field or place.field)

    def heeded(self, before: Link | None, after: Link, field: str = "") -> Link:
        """The link with what its new destinations have it held for, and without what it no longer
        has. DESTINATION_REFUSED; `field` names the link's own destination.

        Whom nobody could ask has not let go: a hold of a plugin that is gone stays.
        """
        if not self.plugins:
            return after
        old = before.held if before is not None else None
        there = {place.url for place in places_of(after)}
        found = {
            one.url: one
            for one in (old.destinations if old is not None else ())
            if one.url in there or one.plugin not in self.plugins
        }
        for place in _set_places(before, after):
            own = field if place.field == "destination" else ""
            refusal = self.refusal(place, own)
            if refusal is not None:
                raise refusal
            verdict = self.verdicts.get(place.url)
            if verdict is not None and place.url not in found:
                found[place.url] = HeldDestination(
                    place.url, verdict.plugin, verdict.words, verdict.utime
                )
                if len(found) > MOST_HELD:
                    raise errors.DESTINATION_REFUSED(
                        "Too many destinations of this link wait to be checked.",
                        field=own or place.field,
                    )
        held = tuple(sorted(found.values(), key=lambda one: one.utime))
        if old is None:
            return with_held(after, Held(held) if held else None)
        stays = bool(held) or old.refused
        return with_held(after, msgspec.structs.replace(old, destinations=held) if stays else None)


NOBODY_ASKED = Said((), {}, ())


class DestinationChecks:
    """Asks plugins about the destinations of links."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self.are_asked = bool(checks.plugins)
        """Whether any plugin checks at all."""

    async def of_change(self, account: Account | None, before: Link, after: Link) -> Said:
        """What is said of all that a change of a link would set."""
        return await self._ask(account, before, [after])

    async def of_new(self, account: Account | None, links: Sequence[Link]) -> Said:
        """What is said of links that are to be made."""
        return await self._ask(account, None, links)

    async def of_places(
        self, account: Account | None, urls: Mapping[str, str], *, may_hold: bool
    ) -> None:
        """DESTINATION_REFUSED for one of the places, by field, that a host sends its visitors to.
        It cannot be held: what the operator would have to look at is refused, unless he sets it
        himself (`may_hold`)."""
        verdicts = await self._checks.ask(set(urls.values()), None, account)
        for field, url in urls.items():
            verdict = verdicts.get(url)
            if verdict is not None and (verdict.is_final or not may_hold):
                raise errors.DESTINATION_REFUSED(verdict.words or None, field=field)

    async def _ask(
        self, account: Account | None, before: Link | None, links: Sequence[Link]
    ) -> Said:
        if not self.are_asked:
            return NOBODY_ASKED
        urls = {place.url for link in links for place in _set_places(before, link)}
        verdicts = await self._checks.ask(urls, before, account)
        return Said(urls, verdicts, self._checks.plugins)


def with_held(link: Link, held: Held | None) -> Link:
    """The link held like that, or not at all."""
    if link.held == held:
        return link
    rare = msgspec.structs.replace(link.rare or NO_RARE_TERMS, held=held)
    return msgspec.structs.replace(link, rare=None if rare == NO_RARE_TERMS else rare)


def _set_places(before: Link | None, after: Link) -> Iterator[Place]:
    """The places where a change sets a destination that was not there. Within a plugin's data
    destinations may change places."""
    known = set() if before is None else {_key(place) for place in places_of(before)}
    return (place for place in places_of(after) if _key(place) not in known)


def _key(place: Place) -> tuple[str, str]:
    return (place.plugin and f"data {place.plugin}") or place.field, place.url
