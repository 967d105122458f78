"""Goes through all links for those that lead to where a list says they must not.

A list that gains an entry says nothing to the links that are there already. This does, once a
night, some links at a time, and with pauses that are longer than the work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import ada_url
from msgspec import Struct

from shortd.plugin import Link, Links, Refused, Store
from shortd_safety.settings import Existing, Match

MOST_FOUND = 1000
"""Of links that are told of."""
_PORTION = 200
_REST = 10
"""How many times as long as the work a pause is."""
_LEAST_PAUSE = 0.002
_TOLD_SECONDS = 10
"""Between two times that the page is told how far it is."""


class Named(Struct, frozen=True):
    """What a list says of a URL."""

    title: str
    """Of the list."""
    match: Match
    entry: str


class FoundLink(Struct, frozen=True):
    """A link that leads to where it must not."""

    short_url: str
    url: str
    title: str
    match: Match
    entry: str
    utime: int
    is_disabled: bool = False


class Walk(Struct, frozen=True):
    """How the last walk went."""

    utime: int
    links: int = 0
    found: int = 0
    disabled: int = 0
    is_over: bool = False


class Walker:
    """Walks, and keeps what it has found."""

    def __init__(self, store: Store, look_up: Callable[[str], Named | None]) -> None:
        self._found = store.table("found", FoundLink)
        self._walks = store.table("walks", Walk)
        self._look_up = look_up

    @property
    def last(self) -> Walk | None:
        return self._walks.get("last")

    def found(self) -> list[FoundLink]:
        """What the last walk has found, or one that is under way."""
        return [found for _, found in self._found.items(limit=MOST_FOUND)]

    async def walk(self, links: Links, existing: Existing, utime: int) -> None:
        """Goes through all links. Those that are off, and files, are left alone."""
        await self._walks.put("last", Walk(utime))
        for key, _ in self._found.items(limit=10 * MOST_FOUND):
            await self._found.delete(key)
        next_told = time.monotonic() + _TOLD_SECONDS
        read = found = disabled = 0
        last: Link | None = None
        while page := await links.all(after=last, limit=_PORTION):
            since = time.perf_counter()
            last = page[-1]
            read += len(page)
            named = [(link, self._first(link)) for link in page]
            spent = time.perf_counter() - since
            for link, first in named:
                if first is None:
                    continue
                url, why = first
                off = existing is Existing.DISABLE and why.match is Match.REFUSE
                off = off and await _disable(links, link, why)
                found += 1
                disabled += off
                if found <= MOST_FOUND:
                    row = FoundLink(
                        link.short_url, url, why.title, why.match, why.entry, utime, off
                    )
                    await self._found.put(str(link.id), row)
            if time.monotonic() >= next_told:
                next_told = time.monotonic() + _TOLD_SECONDS
                await self._walks.put("last", Walk(utime, read, found, disabled))
            await asyncio.sleep(max(_LEAST_PAUSE, _REST * spent))
        await self._walks.put("last", Walk(utime, read, found, disabled, True))

    def _first(self, link: Link) -> tuple[str, Named] | None:
        """The first of a link's destinations that a list has."""
        for url in _urls(link):
            why = self._named(url)
            if why is not None:
                return url, why
        return None

    def _named(self, url: str) -> Named | None:
        try:
            return self._look_up(ada_url.URL(url).href)
        except ValueError:
            return None


async def _disable(links: Links, link: Link, why: Named) -> bool:
    try:
        await links.disable(link, reason=f"on the list {why.title}: {why.entry}"[:300])
    except Refused:
        # It is gone.
        return False
    return True


def _urls(link: Link) -> Iterator[str]:
    """Where a link leads that visitors get to."""
    if link.is_file or not link.enabled:
        return
    yield link.url
    if link.date_fallback:
        yield link.date_fallback
    if link.count_fallback:
        yield link.count_fallback
