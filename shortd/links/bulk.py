"""One thing done to many links at once: up to a thousand together, more of them in slices.

Within a slice everything happens or nothing; what an account may not do with one of the links is
counted and leaves the others alone. All of it is one act, which `undoing` takes back as one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.hosts import Hosts
from shortd.links.access import (
    check_place,
    in_team,
    may_change,
    may_see,
    role_in,
    team_of,
)
from shortd.links.links import Links
from shortd.links.undoing import put_away, remember
from shortd.models.accounts import Account
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, LINKS, LINKS_BY_ID
from shortd.store.txn import Txn, WriteTxn

AT_ONCE = 1000
"""Links in one transaction."""

Change = Callable[[Txn, Link], Link]
"""What becomes of a link, at the address that it has. A ShortdError refuses one."""
Progress = Callable[[int], bool]
"""Is told how many links have been looked at; False stops."""


class Outcome(NamedTuple):
    """What came of it."""

    act: int
    """For `Undoing.undo`."""
    done: tuple[int, ...]
    """Ids of the links that are changed now."""
    unchanged: int
    """How many were so already."""
    refused: dict[str, int]
    """How many were refused, by the code of the error."""


class Bulk:
    """Changes many links over the store."""

    def __init__(self, store: Store, links: Links, hosts: Hosts) -> None:
        self._store = store
        self._links = links
        self._hosts = hosts

    async def delete(
        self, account: Account, links: Sequence[int], now: int, progress: Progress | None = None
    ) -> Outcome:
        """Deletes links so that they can be had back for a while."""
        return await self._run(account, links, None, now, progress)

    async def change(
        self,
        account: Account,
        links: Sequence[int],
        change: Change,
        now: int,
        progress: Progress | None = None,
    ) -> Outcome:
        """Puts what `change` makes of each link in its place."""
        return await self._run(account, links, change, now, progress)

    async def place(
        self,
        account: Account,
        links: Sequence[int],
        now: int,
        *,
        team: str | None = None,
        campaign: str | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Gives links to another team, where they are in no campaign, or to a campaign (empty for
        none) of the team that they are in or come to."""

        def change(txn: Txn, link: Link) -> Link:
            before = team_of(link)
            to = before if team is None else team
            old = (link.rare.campaign if link.rare else "") if to == before else ""
            chosen = old if campaign is None else campaign
            host = self._hosts.numbered(link.host)
            check_place(txn, account.userid, to, chosen, host)
            if role_in(txn, link.owner, to) is None:
                raise errors.MEMBER_NOT_FOUND("Whoever made it is not in this team.")
            rare = in_team(link.rare, link.owner, to) or NO_RARE_TERMS
            rare = msgspec.structs.replace(rare, campaign=chosen)
            return msgspec.structs.replace(link, rare=None if rare == NO_RARE_TERMS else rare)

        return await self._run(account, links, change, now, progress)

    async def _run(
        self,
        account: Account,
        links: Sequence[int],
        change: Change | None,
        now: int,
        progress: Progress | None,
    ) -> Outcome:
        act = self._links.next_utime(now)
        wanted = list(dict.fromkeys(links))
        done: list[int] = []
        refused: Counter[str] = Counter()
        unchanged = 0
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]

            def write(txn: WriteTxn, part: Sequence[int] = part) -> _Part:
                return _do(txn, account, act, part, change, self._links.check_on, now)

            # Where there is no room, deleting is what makes some.
            reserve = Reserve.ALL if change is None else Reserve.NONE
            result = await self._store.write(write, reserve)
            done += result.done
            refused.update(result.refused)
            unchanged += result.unchanged
            if progress is not None and not progress(start + len(part)):
                break
            await asyncio.sleep(0)
        return Outcome(act, tuple(done), unchanged, dict(refused))


class _Part(NamedTuple):
    done: list[int]
    unchanged: int
    refused: Counter[str]


def _do(
    txn: WriteTxn,
    account: Account,
    act: int,
    links: Sequence[int],
    change: Change | None,
    check_on: Callable[[Link, Link], None],
    now: int,
) -> _Part:
    if ACCOUNTS.get(txn, (account.userid,)) is None:
        raise errors.BAD_CREDENTIALS(field="userid")
    done: list[int] = []
    refused: Counter[str] = Counter()
    unchanged = 0
    for link_id in links:
        try:
            before = _changeable(txn, account, link_id)
            if change is None:
                put_away(txn, account, act, before, now)
            else:
                after = change(txn, before)
                check_on(before, after)
                if after == before:
                    unchanged += 1
                    continue
                LINKS.put(txn, (after.host, after.code), after)
                remember(txn, account, act, before, after, now)
            done.append(link_id)
        except errors.ShortdError as refusal:
            refused[refusal.code] += 1
    return _Part(done, unchanged, refused)


def _changeable(txn: Txn, account: Account, link_id: int) -> Link:
    link = LINKS_BY_ID.get(txn, (link_id,))
    if link is None or not may_see(txn, account.userid, link):
        raise errors.ENTRY_NOT_FOUND()
    if not may_change(txn, account.userid, link):
        raise errors.FORBIDDEN()
    return link


def switched(enabled: bool) -> Change:
    """On or off."""
    return lambda txn, link: msgspec.structs.replace(link, enabled=enabled)


def ending(utime: int) -> Change:
    """An end in µs; `models.common.NEVER` for none."""
    return lambda txn, link: msgspec.structs.replace(link, expiration_utime=utime)


def listed(hidden: bool) -> Change:
    """Left out of lists, or not."""
    return lambda txn, link: link.with_terms(msgspec.structs.replace(link.terms, hidden=hidden))
