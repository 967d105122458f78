"""Finding links by whose they are and what people remember of them: a part of the code or title.

There is no index over texts. A search reads an account's links, some at a time, and lets the
event loop go on in between. The first pages of a list without a search read no more than they show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple
from unicodedata import normalize

from shortd.links.access import need_role, own_team_id
from shortd.links.hidden_counts import HiddenCounts
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.index import Index
from shortd.store.schema import (
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    LINKS_BY_TEAM,
    LINKS_PER_TEAM,
    MEMBERS_BY_ACCOUNT,
    TEAMS,
)
from shortd.store.txn import Txn

SLICE = 500
"""Links that are read before the event loop goes on (about 4 ms)."""
LINKS_READ = 100_000
"""Links of one source that are read at most, the newest: what one search may cost."""

LINKS_PER_WEIGHT = 10
"""Links that a list looks through for a unit of weight: some 60 µs."""

Wanted = Callable[[Link], bool]


class Source(NamedTuple):
    """Links under one prefix of an index whose keys are in order of creation."""

    links: Index[Any, Link]
    prefix: tuple[Any, ...]
    is_own: bool = False
    """Of an owner's links, those of his own team."""
    size: int = 0
    """How many there are, where that is known."""

    def has(self, link: Link) -> bool:
        return not (self.is_own and link.rare is not None and link.rare.team)


class Found(NamedTuple):
    """A page of what was found."""

    links: list[Link]
    total: int
    """How many there are on all pages."""


class Search:
    """Reads through links."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hidden = HiddenCounts(store)

    async def shown(self, sources: Sequence[Source], *, start: int, count: int) -> Found:
        """`page` of all links that are not hidden. All of them are read only for what lies far
        down, and once to know how many are hidden."""
        end = start + count
        are_apart = len({source.prefix for source in sources}) == len(sources)
        is_near = end <= SLICE and all(source.size <= LINKS_READ for source in sources)
        newest = self._newest(sources, end) if are_apart and is_near else None
        if newest is None:
            return await self.page(sources, _is_shown, start=start, count=count)
        hidden = [await self._count_hidden(source) for source in sources]
        total = sum(source.size for source in sources) - sum(hidden)
        return Found(newest[start:], total)

    async def page(
        self, sources: Sequence[Source], wanted: Wanted, *, start: int, count: int
    ) -> Found:
        """The links of all sources that are wanted, each once, newest first, from the `start`-th
        on.

        A link that is made, changed or deleted meanwhile may be among them or not.
        """
        found: dict[int, int] = {}
        for source in sources:
            await self._read(source, wanted, found)
        newest = sorted(found, key=lambda link_id: (found[link_id], link_id), reverse=True)
        with self._store.read() as txn:
            rows = [LINKS_BY_ID.get(txn, (number,)) for number in newest[start : start + count]]
        return Found([row for row in rows if row is not None], len(newest))

    def of_account(self, account: Account, team: str | None) -> list[Source]:
        """Where the links are that an account sees: those of one team, or of all its teams.

        TEAM_NOT_FOUND.
        """
        with self._store.read() as txn:
            if team is not None:
                need_role(txn, account, team)
                return _of_team(txn, account, team)
            joined = [team for _, team in MEMBERS_BY_ACCOUNT.keys(txn, (account.userid,))]
            teams = [own_team_id(account.userid), *joined]
            return [source for team in teams for source in _of_team(txn, account, team)]

    def _newest(self, sources: Sequence[Source], most: int) -> list[Link] | None:
        """So many links that are not hidden; None where a slice has too few."""
        shown: list[Link] = []
        with self._store.read() as txn:
            by_source = [_newest_of(txn, source) for source in sources]
            rows = merge(*by_source, key=itemgetter(0), reverse=True)
            for read, (_, link, is_there) in enumerate(rows, start=1):
                if is_there and _is_shown(link):
                    shown.append(link)
                if len(shown) == most:
                    break
                if read == SLICE:
                    return None
        return shown

    async def _count_hidden(self, source: Source) -> int:
        whose: str = source.prefix[0]
        known = self._hidden.get(whose)
        if known is None:
            known = await self._hidden.learn(whose, partial(self._hidden_in, source))
        return known

    async def _hidden_in(self, source: Source) -> int:
        found: dict[int, int] = {}
        await self._read(source, _is_hidden, found)
        return len(found)

    async def _read(self, source: Source, wanted: Wanted, found: dict[int, int]) -> None:
        """Notes creation times of wanted links by their ids."""
        after = None
        for _ in range(LINKS_READ // SLICE):
            with self._store.read() as txn:
                rows = source.links.rows(txn, source.prefix, after=after, reverse=True)
                read = list(islice(rows, SLICE))
            chosen = (link for _, link in read if source.has(link) and wanted(link))
            found.update((link.id, link.utime) for link in chosen)
            if len(read) < SLICE:
                return
            after = read[-1][0]
            await self._store.turns.next()


def _newest_of(txn: Txn, source: Source) -> Iterator[tuple[tuple[int, int], Link, bool]]:
    """Links with their creation time and id, the newest first, and whether the source has each."""
    for _, link in source.links.rows(txn, source.prefix, reverse=True):
        yield (link.utime, link.id), link, source.has(link)


def _is_hidden(link: Link) -> bool:
    return link.rare is not None and link.rare.hidden


def _is_shown(link: Link) -> bool:
    return not _is_hidden(link)


def _of_team(txn: Txn, account: Account, team: str) -> list[Source]:
    """A team's links; those that somebody made for no other team are his own team's."""
    row = TEAMS.get(txn, (team,))
    whose = account.userid if team == own_team_id(account.userid) else row and row.account
    sources = [Source(LINKS_BY_TEAM, (team,), size=LINKS_PER_TEAM.get(txn, (team,)))]
    if whose:
        size = LINKS_PER_TEAM.get(txn, (whose,))
        sources.append(Source(LINKS_BY_OWNER, (whose,), is_own=True, size=size))
    return sources


def title_of(link: Link) -> str:
    """A link's title; one that has none goes by its destination."""
    return (link.rare.title if link.rare is not None else "") or link.url


def mentions(link: Link, text: str) -> bool:
    """Whether a text is part of the link's code or title, and the empty text is part of any.

    Case does not matter, nor how accents are encoded, nor white space around the text.
    """
    sought = folded_text(text.strip())
    return sought in folded_text(link.code) or sought in folded_text(title_of(link))


def folded_text(text: str) -> str:
    """The same for all texts that are alike but for case and composition (Unicode D145)."""
    if text.isascii():
        return text.lower()
    # Folding takes some letters apart.
    return normalize("NFC", normalize("NFC", text).casefold())
