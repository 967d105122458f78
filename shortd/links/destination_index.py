"""Which of an account's links lead to a URL: an index in memory, made of what an account has when
that is asked for first, and following every change from then on.

On disk it would cost every link that is made a page of its own, and a migration; whoever never asks
pays for neither. 100,000 links are read in two seconds, some at a time, and take 14 MB; from then
on an answer takes less than a millisecond. It holds the newest `LINKS_READ` of an account, and
`MOST_LINKS` of all: accounts that were not asked about for longest go first. Hits are looked at
again in the store, so that it can tell too little, but never what is not so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from weakref import WeakValueDictionary

import ada_url

from shortd.links.searching import LINKS_READ
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import LINKS, LINKS_BY_ID, LINKS_BY_OWNER
from shortd.store.txn import Change

SLICE = 200
"""Links that are read before the event loop goes on (about 4 ms)."""
MOST_LINKS = 300_000
PER_URL = 16
"""Links to one URL that are looked at, the newest."""


class DestinationIndex:
    """The index over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts: dict[str, _Links] = {}
        """By userid, those that were asked about last behind the others."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._loading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        store.watch(self._follow)

    @asynccontextmanager
    async def turn(self, account: Account) -> AsyncIterator[None]:
        """Whoever looks for a link to make it if there is none, does so alone for its account."""
        lock = self._turns.setdefault(account.userid, asyncio.Lock())
        async with lock:
            yield

    def is_ready(self, account: Account) -> bool:
        """Whether nothing is to be read first."""
        known = self._accounts.get(account.userid)
        return known is not None and known.is_whole

    async def find(self, account: Account, location: str) -> list[Link]:
        """Links that the account has made and that lead to a URL, the newest first; as URLs are
        compared (case of hosts, usual ports), not as they are written."""
        known = await self._of(account.userid)
        wanted = normalized(location)
        numbers = known.numbers(hash(wanted))
        with self._store.read() as txn:
            rows = [LINKS_BY_ID.get(txn, (number,)) for number in numbers]
        found = [
            row
            for row in rows
            if row is not None
            and row.owner == account.userid
            and _leads(row)
            and normalized(row.location) == wanted
        ]
        return sorted(found, key=lambda row: (row.utime, row.id), reverse=True)

    async def _of(self, userid: str) -> _Links:
        lock = self._loading.setdefault(userid, asyncio.Lock())
        async with lock:
            known = self._accounts.pop(userid, None)
            if known is not None and known.is_whole:
                self._accounts[userid] = known
                return known
            # Before anything is read: changes from now on are heard of.
            known = self._accounts[userid] = _Links()
            try:
                await self._load(userid, known)
                known.is_whole = True
            finally:
                if not known.is_whole and self._accounts.get(userid) is known:
                    del self._accounts[userid]
            self._make_room()
        return known

    async def _load(self, userid: str, into: _Links) -> None:
        after = None
        for _ in range(LINKS_READ // SLICE):
            with self._store.read() as txn:
                rows = LINKS_BY_OWNER.rows(txn, (userid,), after=after, reverse=True)
                read = list(islice(rows, SLICE))
            for _, link in read:
                if _leads(link):
                    into.add(link, is_older=True)
            if len(read) < SLICE:
                return
            after = read[-1][0]
            await self._store.turns.next()

    def _make_room(self) -> None:
        held = sum(known.held for known in self._accounts.values())
        for userid in list(self._accounts)[:-1]:
            if held <= MOST_LINKS:
                return
            if self._accounts[userid].is_whole:
                held -= self._accounts.pop(userid).held

    def _follow(self, changes: Sequence[Change]) -> None:
        if not self._accounts:
            return
        for before, after in _of_links(changes):
            if before is not None and (known := self._accounts.get(before.owner)) is not None:
                known.drop(before)
            if after is not None and (known := self._accounts.get(after.owner)) is not None:
                if _leads(after):
                    known.add(after)
                if known.held > 2 * LINKS_READ:
                    # Made by the thousand since: the next question reads the newest anew.
                    del self._accounts[after.owner]


class _Links:
    """Ids of one account's links by the hashes of where they lead, which no client can choose."""

    def __init__(self) -> None:
        self.is_whole = False
        self.held = 0
        self._numbers: dict[int, int | tuple[int, ...]] = {}
        """Mostly one, which takes less than a tuple of it."""

    def numbers(self, key: int) -> tuple[int, ...]:
        found = self._numbers.get(key, ())
        return found if isinstance(found, tuple) else (found,)

    def add(self, link: Link, *, is_older: bool = False) -> None:
        key = hash(normalized(link.location))
        there = self.numbers(key)
        if link.id in there:
            return
        numbers = (*there, link.id) if is_older else (link.id, *there)
        self._put(key, numbers[:PER_URL], len(there))

    def drop(self, link: Link) -> None:
        key = hash(normalized(link.location))
        there = self.numbers(key)
        self._put(key, tuple(number for number in there if number != link.id), len(there))

    def _put(self, key: int, numbers: tuple[int, ...], before: int) -> None:
        self.held += len(numbers) - before
        if numbers:
            self._numbers[key] = numbers if len(numbers) > 1 else numbers[0]
        else:
            self._numbers.pop(key, None)


def normalized(location: str) -> str:
    """A URL as the URL standard writes it, the same for all that mean the same to a browser."""
    try:
        return ada_url.normalize_url(location)
    except ValueError:
        return location


def _leads(link: Link) -> bool:
    """Whether it leads to a URL, and to no file or box."""
    return not link.filekey and not link.box


def _of_links(changes: Sequence[Change]) -> Iterator[tuple[Link | None, Link | None]]:
    for change in changes:
        if change.table == LINKS.name:
            yield change.before, change.after
