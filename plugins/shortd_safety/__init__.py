"""Keeps links from leading to where lists say that they must not: files, and fetched lists.

All answers come from memory. Without lists nothing is asked and nothing runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import ada_url
from litestar import Response, get, post
from litestar.response import Redirect
from msgspec import Struct

from shortd.plugin import (
    Account,
    Caller,
    DestinationPatterns,
    Hold,
    Link,
    Plugin,
    Refuse,
    hookimpl,
)
from shortd_safety.contents import BadList
from shortd_safety.hosts import Target
from shortd_safety.keeper import Keeper
from shortd_safety.lists import BlockList, now, sweep
from shortd_safety.settings import Match, Settings
from shortd_safety.walking import Named, Walker

RECENT = 50
"""Refusals and holds that are remembered, until the server stops."""
WAIT_SECONDS = 20
"""How long somebody who has lists fetched waits for the page."""
DAILY_SECONDS = 1800
_ADDRESS = "/-/x/safety/"


class Event(Struct, frozen=True):
    """A destination that was refused or held."""

    utime: int
    url: str
    match: Match
    why: str


class Asked(Struct, frozen=True):
    """What the lists say of an address that an operator has typed."""

    url: str
    fault: bool = False
    allowed: str = ""
    """What in `allow` fits it."""
    named: Sequence[Named] = ()


class Safety(Plugin[Settings, None]):
    """Refuses or holds links that lead to where block lists say, from files and from the web."""

    name = "safety"
    Settings = Settings
    pages: ClassVar[Mapping[str, str]] = {"Block lists": "/"}

    def start(self) -> None:
        self._lists: list[BlockList] = []
        self._allowed = DestinationPatterns(self.settings.allow)
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._keeper: Keeper | None = None
        self._walker: Walker | None = None
        sources = self.settings.all_lists
        if not sources:
            held = self.settings.hold
            self.idle_hooks = ("daily",) if held else ("check_destination", "daily")
            return
        folder = self.folder
        self._lists = [BlockList(source, folder) for source in sources]
        sweep(folder, {one.kept_in for one in self._lists})
        self._keeper = Keeper(self._lists, self.server, self.http)
        self._keeper.start()
        self._walker = Walker(self.store, self.look_up)

    def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.stop()

    def look_up(self, url: str) -> Named | None:
        """What is to be said against a URL, by a list that refuses if there is one. ValueError for
        what is no URL."""
        if self._allowed.find(url) is not None:
            return None
        return next(iter(self._all_of(url)), None)

    @hookimpl
    def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Refuse | Hold | None:
        if self._allowed.find(url) is not None:
            return None
        named = next(iter(self._all_of(url)), None)
        if named is not None:
            self._note(url, named.match, f"{named.title}: {named.entry}")
            if named.match is Match.REFUSE:
                return Refuse("This address is on a list of addresses that no link may lead to.")
            return Hold(f"The list {named.title} has it: {named.entry}")
        if account is not None and account.type in self.settings.hold:
            self._note(url, Match.HOLD, account.type)
            return Hold(f"New destinations of accounts of the type {account.type} are looked at.")
        return None

    @hookimpl
    async def daily(self, utime: int) -> None:
        assert self._keeper is not None and self._walker is not None, "else it is idle"
        is_done = await asyncio.to_thread(self._keeper.update, DAILY_SECONDS)
        await self._walker.walk(self.links, self.settings.existing, utime)
        faults = [f"{one.source.title}: {one.fault}" for one in self._lists if one.fault]
        if faults or not is_done:
            # Where operators look for what goes wrong.
            raise BadList(f"lists that are not up to date: {'; '.join(faults) or 'all'}"[:1000])

    @hookimpl
    def routes(self) -> Sequence[Any]:
        @get("/")
        async def show(caller: Caller) -> Response[bytes]:
            url = str(caller.request.query_params.get("url", "")).strip()[:8192]
            walker = self._walker
            return await self.page(
                caller,
                "Block lists",
                self.template("lists.html"),
                lists=self._lists,
                settings=self.settings,
                recent=list(reversed(self._recent)),
                asked=self._asked(url) if url else None,
                is_busy=self._keeper is not None and self._keeper.is_busy,
                walk=walker.last if walker else None,
                found=walker.found() if walker else [],
            )

        @post("/update")
        async def update() -> Redirect:
            if self._keeper is not None:
                await asyncio.to_thread(self._keeper.update, WAIT_SECONDS)
            return Redirect(_ADDRESS, status_code=303)

        return [show, update]

    def _all_of(self, url: str) -> list[Named]:
        """What all lists say, those that refuse first."""
        target, found = Target(url), []
        for one in self._lists:
            entry = one.find(target)
            if entry is not None:
                found.append(Named(one.source.title, one.source.match, entry))
        return sorted(found, key=lambda named: named.match is not Match.REFUSE)

    def _asked(self, typed: str) -> Asked:
        try:
            url = ada_url.URL(typed if "://" in typed else f"http://{typed}").href
            return Asked(url, False, self._allowed.find(url) or "", self._all_of(url))
        except ValueError:
            return Asked(typed, True)

    def _note(self, url: str, match: Match, why: str) -> None:
        self._recent.append(Event(now(), url, match, why))
