"""An account's links, a page at a time: those that fit a search, in an order.

The newest first needs no more reading than the page has rows, unless little fits. The other orders
and counts have to read everything: `LINKS_READ` links at most, the newest, and what they find is
kept for a minute. All reading is done some rows at a time; redirects and calls go in between.
"""

from __future__ import annotations

import heapq
import re
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from shortd.clicks import Clicks
from shortd.hosts import Hosts
from shortd.ids import own_team_id
from shortd.links.access import may_see
from shortd.links.kept import Kept
from shortd.links.queries import LinkQuery, Sort, State
from shortd.links.searching import LINKS_READ, Found, Search, Source, Wanted
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import (
    CAMPAIGNS,
    CAMPAIGNS_BY_CODE,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    MEMBERS_BY_ACCOUNT,
)
from shortd.store.txn import Txn

PAGE = 50
SLICE = 100
"""Links that are read before the event loop goes on (about 1 ms)."""
MERGED = 2000
"""Numbers that are put in order before it does."""

_CURSOR = re.compile(r"(?P<utime>[0-9]{1,19})-(?P<id>[0-9]{1,19})-(?P<start>[0-9]{1,9})", re.ASCII)
_PLACE = re.compile(r"(?P<start>[0-9]{1,9})", re.ASCII)
_INT64 = 2**63 - 1
_NUMBER_BITS = 64


class Listed(NamedTuple):
    """A page of links."""

    links: list[Link]
    start: int
    """How many stand before them."""
    older: str
    """Where the next page begins; empty if there is none."""
    total: int | None
    """How many links there are in all, where that is known: those that fit, or of a list without
    a search all, with those left out of lists."""
    as_of: int | None
    """Unix time in µs of a list that is kept; None for one that is read anew."""
    is_cut: bool = False
    """There are more links than are read."""


class _Found(NamedTuple):
    """Ids in order."""

    links: array[int]
    is_cut: bool


_Row = tuple[tuple[int, int], Link | None]
"""A place in a list, (utime, id), and the link; None where another source has it."""


class _Where(NamedTuple):
    """Who looks, where, and what for."""

    account: Account
    sources: list[Source]
    query: LinkQuery
    fits: Callable[[Txn, Link], bool]


class Listing:
    """Lists links over the store and the live counts. Times are Unix µs."""

    def __init__(self, store: Store, hosts: Hosts, clicks: Clicks, search: Search) -> None:
        self.turns = store.turns
        """Of those who read long."""
        self._store = store
        self._hosts = hosts
        self._clicks = clicks
        self._search = search
        self._kept: Kept[tuple[str, LinkQuery], _Found] = Kept(lambda found: len(found.links))

    async def page(
        self, account: Account, query: LinkQuery, now: int, *, after: str = "", count: int = PAGE
    ) -> Listed:
        """Links that fit, behind a cursor. A cursor that is none of ours is the beginning.

        TEAM_NOT_FOUND.
        """
        where = self._where(account, query, now)
        if query.sort is Sort.NEW:
            return await self._newest(where, after, count)
        found, as_of = await self._all(where, now)
        place = _PLACE.fullmatch(after)
        start = int(place["start"]) if place else 0
        with self._store.read() as txn:
            links = self._rows(txn, where, found.links[start : start + count])
        end = start + count
        older = str(end) if end < len(found.links) else ""
        return Listed(links, start, older, len(found.links), as_of, found.is_cut)

    async def ids(self, account: Account, query: LinkQuery, now: int) -> Sequence[int]:
        """Ids of all links that fit, in order, as of at most a minute ago. TEAM_NOT_FOUND."""
        found, _ = await self._all(self._where(account, query, now), now)
        return found.links

    async def read(
        self,
        account: Account,
        query: LinkQuery,
        now: int,
        *,
        start: int,
        count: int,
        wanted: Wanted | None = None,
    ) -> Found:
        """Links that fit, from the `start`-th on, and how many there are: read anew, so that they
        are as of now. TEAM_NOT_FOUND."""
        where = self._where(account, query, now, wanted)
        found = await self._ordered(where)
        with self._store.read() as txn:
            links = self._rows(txn, where, found.links[start : start + count])
        return Found(links, len(found.links))

    async def every(
        self, account: Account, query: LinkQuery, now: int
    ) -> AsyncIterator[list[Link]]:
        """All links that fit, the newest first, some at a time. TEAM_NOT_FOUND."""
        where = self._where(account, query, now)
        async for rows in self._slices(where.sources, None, SLICE):
            yield self._fitting(where, rows)

    def forget(self, account: Account) -> None:
        """Drops what is kept for an account that has changed its links."""
        self._kept.forget(lambda question: question[0] == account.userid)

    def _where(
        self, account: Account, query: LinkQuery, now: int, wanted: Wanted | None = None
    ) -> _Where:
        if query.made:
            sources = [Source(LINKS_BY_OWNER, (account.userid,))]
        else:
            sources = self._search.of_account(account, query.team or None)
        host = self._hosts.named(query.host) if query.host else None
        with self._store.read() as txn:
            campaigns = _campaigns(txn, account, query.campaign) if query.campaign else set()

        def fits(txn: Txn, link: Link) -> bool:
            if not query.matches(link, now) or (wanted is not None and not wanted(link)):
                return False
            if query.host and (host is None or link.host != host.number):
                return False
            if query.campaign and (link.rare is None or link.rare.campaign not in campaigns):
                return False
            if State.ENDED in query.states and link.expiration_utime > now:
                return self._clicks.are_used_up(txn, link)
            return True

        return _Where(account, sources, query, fits)

    async def _newest(self, where: _Where, after: str, count: int) -> Listed:
        cursor, start = _parsed(after)
        links: list[Link] = []
        read = 0
        # A page without a search is done after one slice that is just large enough.
        size = SLICE if where.query.is_filtered else count + 1
        async for rows in self._slices(where.sources, cursor, size):
            links += self._fitting(where, rows)
            read += len(rows)
            if len(links) > count:
                break
        more = len(links) > count
        links = links[:count]
        older = f"{links[-1].utime}-{links[-1].id}-{start + len(links)}" if more else ""
        total = None
        if not more:
            total = start + len(links)
        elif not where.query.is_filtered:
            total = sum(source.size for source in where.sources)
        return Listed(links, start, older, total, None, read >= LINKS_READ)

    async def _all(self, where: _Where, now: int) -> tuple[_Found, int]:
        return await self._kept.get(
            (where.account.userid, where.query), now, lambda: self._ordered(where)
        )

    async def _ordered(self, where: _Where) -> _Found:
        """All that fit, put in order."""
        runs: list[list[int]] = []
        read = 0
        async for rows in self._slices(where.sources, None, SLICE):
            read += len(rows)
            with self._store.read() as txn:
                run = [
                    self._rank(txn, link, where.query.sort) << _NUMBER_BITS | link.id
                    for _, link in rows
                    if link is not None and where.fits(txn, link)
                ]
            run.sort()
            runs.append(run)
        found = array("Q")
        merged = heapq.merge(*runs)
        while ranked := list(islice(merged, MERGED)):
            found.extend(rank & 2**_NUMBER_BITS - 1 for rank in ranked)
            await self._store.turns.next()
        return _Found(found, read >= LINKS_READ)

    def _rank(self, txn: Txn, link: Link, sort: Sort) -> int:
        """What stands first is least. Alike ones stand as they were made, the newest first."""
        value = 0
        if sort is Sort.CLICKS:
            value = _INT64 - self._clicks.live(txn, link.id).count
        elif sort is Sort.LATEST:
            value = _INT64 - self._clicks.live(txn, link.id).last_utime
        elif sort is Sort.ENDING:
            value = max(0, min(link.expiration_utime, _INT64))
        return value << _NUMBER_BITS | _INT64 - link.utime

    async def _slices(
        self, sources: Sequence[Source], cursor: tuple[int, int] | None, size: int
    ) -> AsyncIterator[list[_Row]]:
        """Links of all sources, the newest first, some at a time, each with its place."""
        left = LINKS_READ
        while left > 0:
            with self._store.read() as txn:
                rows = list(islice(_merged(txn, sources, cursor), min(size, left)))
            if rows:
                yield rows
            if len(rows) < size:
                return
            left -= len(rows)
            cursor = rows[-1][0]
            await self._store.turns.next()

    def _fitting(self, where: _Where, rows: Sequence[_Row]) -> list[Link]:
        with self._store.read() as txn:
            return [link for _, link in rows if link is not None and where.fits(txn, link)]

    def _rows(self, txn: Txn, where: _Where, numbers: Sequence[int]) -> list[Link]:
        """Links by their ids, without those that are gone meanwhile."""
        rows = (LINKS_BY_ID.get(txn, (number,)) for number in numbers)
        return [row for row in rows if row is not None and may_see(txn, where.account.userid, row)]


def _merged(txn: Txn, sources: Sequence[Source], cursor: tuple[int, int] | None) -> Iterator[_Row]:
    walks = [_walk(txn, source, cursor) for source in sources]
    if len(walks) == 1:
        return walks[0]
    return heapq.merge(*walks, key=lambda row: row[0], reverse=True)


def _walk(txn: Txn, source: Source, cursor: tuple[int, int] | None) -> Iterator[_Row]:
    """Links of one source behind a place, the newest first."""
    after = None
    if cursor is not None:
        # What an index has behind the two is any: the least of it stands before all.
        rest = (-(2**63),) * (len(source.links.key.parts) - len(source.prefix) - 2)
        after = (*source.prefix, *cursor, *rest)
    for _, link in source.links.rows(txn, source.prefix, after=after, reverse=True):
        yield (link.utime, link.id), link if source.has(link) else None


def _parsed(after: str) -> tuple[tuple[int, int] | None, int]:
    """A cursor: the place it stands for, and how many links stand before."""
    found = _CURSOR.fullmatch(after)
    if found is None or max(int(found["utime"]), int(found["id"])) > _INT64:
        return None, 0
    return (int(found["utime"]), int(found["id"])), int(found["start"])


def _campaigns(txn: Txn, account: Account, text: str) -> set[str]:
    """Ids of the campaigns, in an account's teams, that have this id or this code."""
    joined = [team for _, team in MEMBERS_BY_ACCOUNT.keys(txn, (account.userid,))]
    teams = [own_team_id(account.userid), *joined]
    rows = [CAMPAIGNS.get(txn, (text,))]
    rows += [CAMPAIGNS_BY_CODE.get(txn, (team, text)) for team in teams]
    return {row.id for row in rows if row is not None and row.team in teams}
