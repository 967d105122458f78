"""Accounts to look at: one with very many links, one with as many as a page shows, and a link that
has been clicked for a year. And a person who looks at their pages.
"""

from __future__ import annotations

import asyncio
import http.client
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.pages.rooms import operator, rooms
from bench.servers import fill_for
from bench.stats import AGENTS, COUNTRIES, LANGUAGES, REFERRERS
from shortd.clicks import JOURNAL, Clicks, Drain
from shortd.clock import DAY
from shortd.journal import Journal
from shortd.links.listing import PAGE
from shortd.models.clicks import VISIT, Click, Position
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import POSITIONS
from tests.browser.shelf import new_shelf
from tests.server_process import ServerProcess

YEAR = 365
CLICKS_A_DAY = 100
KINDS = 30
"""Of agents, of referrers, … as `bench.stats` has them."""
SMALL = 2 * PAGE
DEEP = 0.5
"""How far down the list the deep page begins."""
NEEDLE = "765"
"""What the address of a few links has: all of them are read for it."""
FEW = "list, search few fit"


class Place(NamedTuple):
    """An account, and the pages of it that are measured."""

    cookie: str
    codes: Sequence[str]
    lists: dict[str, str]
    """Addresses of lists by what they are."""
    pages: dict[str, str]
    """Those of other pages."""
    link_id: int
    """Of the link whose statistics are among them."""


def new_place(server: ServerProcess, name: str, links: int) -> Place:
    """An account that has signed up and made so many links."""
    new_shelf(server, name)
    owner = operator(server, name)
    who = {"userid": owner.userid, "token": owner.token}
    codes = fill_for(server, links, **who)
    below = round(links * DEEP)
    [deep] = server.call("get_entries", **who, start=below, count=1)["entries"]
    link = server.call("get_entry", **who, shorturl=f"{server.url}/{codes[0]}")["entry"]
    return Place(
        cookie=f"shortd={who['userid']}.{who['token']}",
        codes=codes,
        lists={
            "list": "/-/dashboard",
            "list, search all fit": "/-/dashboard?q=usual",
            "list, halfway down": f"/-/dashboard?after={deep['utime']}-{deep['id']}-{below}",
            FEW: f"/-/dashboard?q={NEEDLE}",
        },
        pages={
            "home": "/",
            "statistics, 30 days": f"/-/links/{link['id']}?days=30",
            "statistics, a year": f"/-/links/{link['id']}?days=365",
            "share": "/-/share",
            "tags": "/-/tags",
            "account": "/-/account",
            **rooms(server, owner),
        },
        link_id=link["id"],
    )


def click_for_a_year(data_dir: Path, link_id: int, now: int) -> None:
    """Clicks of every day of the year before, in the data directory of a server that is stopped."""
    asyncio.run(_click(data_dir, link_id, now))


async def _click(data_dir: Path, link_id: int, now: int) -> None:
    chance = random.Random(1)
    store, settings = Store(data_dir), ClickSettings()
    journal = Journal(data_dir / "journal", after=store.get(POSITIONS, JOURNAL) or Position())
    clicks = Clicks(store, journal, settings)
    drain = Drain(store, clicks, settings, country_of=lambda address: address)
    await drain.replay()
    for day in range(YEAR, 0, -1):
        for _ in range(CLICKS_A_DAY):
            clicks.record(
                Click(
                    link_id,
                    now - day * DAY,
                    VISIT,
                    chance.choice(COUNTRIES[:KINDS]),
                    chance.choice(AGENTS[:KINDS]),
                    chance.choice(REFERRERS[:KINDS]),
                    chance.choice(LANGUAGES[:KINDS]),
                )
            )
        clicks.flush()
        await drain.all()
    await drain.settle()
    store.close()
    journal.close()


class Person:
    """Somebody whose browser keeps its connection, and who has signed in."""

    def __init__(self, server: ServerProcess, cookie: str = "") -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._headers = {
            "Accept": "text/html",
            "Accept-Encoding": "gzip",
            "Accept-Language": "en",
            "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            **({"Cookie": cookie} if cookie else {}),
        }

    def look(self, address: str, status: int = 200) -> bytes:
        """The page at an address, as it came."""
        self._http.request("GET", address, headers=self._headers)
        answer = self._http.getresponse()
        body = answer.read()
        if answer.status != status:
            raise AssertionError(f"{address}: {answer.status}")
        return body

    def close(self) -> None:
        self._http.close()


@contextmanager
def person(server: ServerProcess, cookie: str = "") -> Iterator[Person]:
    """One who goes away in the end."""
    somebody = Person(server, cookie)
    try:
        yield somebody
    finally:
        somebody.close()


def titles(place: Place) -> dict[str, str]:
    """All addresses of an account by what they are."""
    return {**place.lists, **place.pages}
