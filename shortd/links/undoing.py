"""Taking back what was just done to links: deleting, switching off, moving, tags.

Whatever was done at once is one act, however many links it met, and is undone as one. What a link
was before is a row of the store, so that a restart forgets nothing. A deleted link stays at its
address and belongs to nobody: visits and all APIs find none, its code is taken, its bytes count.
When the time for undoing is over, `purge` removes it for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from shortd.clicks import history
from shortd.clock import SECOND
from shortd.files.manifests import withhold_file
from shortd.ids import own_team_id
from shortd.links.access import is_barred, may_change
from shortd.links.links import delete_link
from shortd.models.accounts import DELETED, Account
from shortd.models.links import NO_RARE_TERMS, FormerLink, Link, RareTerms
from shortd.store import Store
from shortd.store.portions import in_portions
from shortd.store.schema import (
    ACCOUNTS,
    CAMPAIGNS,
    COUNTS,
    FORMER_LINKS,
    FORMER_LINKS_BY_END,
    LINKS,
    LINKS_BY_ID,
    MEMBERS,
    TEAMS,
)
from shortd.store.txn import Txn, WriteTxn

DELETED_SECONDS = 30
"""How long a deleted link can be had back."""
CHANGED_SECONDS = 600
"""How long anything else can be undone."""
ROWS_PER_WRITE = 1000

_RARE = "rare."


class Undone(NamedTuple):
    """What came of undoing an act."""

    links: tuple[int, ...]
    """Ids of those that are as they were."""
    refused: int
    """How many are not: they have changed hands since, or are gone."""


class Undoing:
    """The rules of undoing over the store. Times are Unix µs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def undo(self, account: Account, act: int, now: int) -> Undone:
        """Takes back an act of the account, as far as that is still possible; of one that is over
        or was never, nothing."""
        links: list[int] = []
        refused = 0
        undo = partial(_undo, userid=account.userid, act=act, now=now)
        while rows := await self._store.write(undo):
            back = [link_id for link_id, is_back in rows if is_back]
            links += back
            refused += len(rows) - len(back)
        return Undone(tuple(links), refused)

    def latest(self, account: Account, now: int) -> int | None:
        """The act that the account did last, if it can still be undone."""
        with self._store.read() as txn:
            acts = {
                act: row.until for (_, act, _), row in FORMER_LINKS.scan(txn, (account.userid,))
            }
        latest = max(acts, default=None)
        return None if latest is None or acts[latest] <= now else latest

    async def purge(self, now: int) -> None:
        """Makes final what can no longer be undone."""
        with self._store.read() as txn:
            first = next(FORMER_LINKS_BY_END.keys(txn), None)
        if first is None or first[0] > now:
            return
        await in_portions(self._store, partial(_purge, now=now))


def remember(
    txn: WriteTxn, account: Account, act: int, before: Link, after: Link, now: int
) -> None:
    """Notes what a link was before an act, in the transaction that changes it."""
    fields = tuple(_changed(before, after))
    if fields:
        _note(txn, FormerLink(account.userid, act, now + CHANGED_SECONDS * SECOND, before, fields))


def put_away(txn: WriteTxn, account: Account, act: int, link: Link, now: int) -> None:
    """Deletes a link so that it can be had back for a while."""
    if link.filekey:
        withhold_file(txn, link.filekey, withheld=True)
    gone = msgspec.structs.replace(link, owner=DELETED, rare=None, enabled=False)
    LINKS.put(txn, (link.host, link.code), gone)
    _note(txn, FormerLink(account.userid, act, now + DELETED_SECONDS * SECOND, link))


def finish_all(txn: WriteTxn, userid: str, rows: int) -> bool:
    """Makes acts of an account final until that took so many rows; whether none is left."""
    keys = [key for key, _ in islice(FORMER_LINKS.scan(txn, (userid,)), rows)]
    return finish_rows(txn, keys, rows)


def _note(txn: WriteTxn, former: FormerLink) -> None:
    FORMER_LINKS.put(txn, (former.userid, former.act, former.link.id), former)


def _changed(before: Link, after: Link) -> Sequence[str]:
    """Names of fields that differ, those of the rare terms behind `_RARE`."""
    names = [
        name
        for name in Link.__struct_fields__
        if name != "rare" and getattr(before, name) != getattr(after, name)
    ]
    old, new = before.rare or NO_RARE_TERMS, after.rare or NO_RARE_TERMS
    for name in RareTerms.__struct_fields__:
        if getattr(old, name) != getattr(new, name):
            names.append(_RARE + name)
    return names


def _undo(txn: WriteTxn, userid: str, act: int, now: int) -> list[tuple[int, bool]]:
    """Undoes a part of an act: links, and whether each is as it was."""
    rows = list(islice(FORMER_LINKS.scan(txn, (userid, act)), ROWS_PER_WRITE))
    done = []
    for key, former in rows:
        take_back = _change_back if former.fields else _give_back
        is_back = former.until > now and take_back(txn, former)
        if is_back:
            FORMER_LINKS.delete(txn, key)
        else:
            _finish(txn, key)
        done.append((former.link.id, is_back))
    return done


def _give_back(txn: WriteTxn, former: FormerLink) -> bool:
    """Makes a deleted link somebody's again, if it can be."""
    link = former.link
    if not _is_away(txn, link) or not _may_be(txn, former.userid, link):
        return False
    LINKS.put(txn, (link.host, link.code), _placed(txn, link))
    if link.filekey:
        withhold_file(txn, link.filekey, withheld=False)
    return True


def _change_back(txn: WriteTxn, former: FormerLink) -> bool:
    """Puts what a link had back in its place; what else was changed meanwhile stays."""
    link = LINKS_BY_ID.get(txn, (former.link.id,))
    if link is None or not may_change(txn, former.userid, link):
        return False
    old = former.link.rare or NO_RARE_TERMS
    own: dict[str, Any] = {}
    rare: dict[str, Any] = {}
    for name in former.fields:
        if name.startswith(_RARE):
            name = name.removeprefix(_RARE)
            rare[name] = getattr(old, name)
        else:
            own[name] = getattr(former.link, name)
    terms = msgspec.structs.replace(link.rare or NO_RARE_TERMS, **rare)
    back = msgspec.structs.replace(link, **own, rare=None if terms == NO_RARE_TERMS else terms)
    if not _may_be(txn, former.userid, back) or is_barred(link, back):
        return False
    there, here = (back.host, back.code), (link.host, link.code)
    if there != here:
        if LINKS.get(txn, there) is not None:
            return False
        LINKS.delete(txn, here)
    LINKS.put(txn, there, _placed(txn, back))
    return True


def _may_be(txn: Txn, userid: str, link: Link) -> bool:
    """Whether a link can be again what it was: its owner and its team are there, he in it, and who
    undoes may change it."""
    team = link.rare.team if link.rare else ""
    if ACCOUNTS.get(txn, (link.owner,)) is None:
        return False
    if team and (TEAMS.get(txn, (team,)) is None or MEMBERS.get(txn, (team, link.owner)) is None):
        return False
    return may_change(txn, userid, link)


def _placed(txn: Txn, link: Link) -> Link:
    """The link without a campaign that has ended meanwhile."""
    if link.rare is None or not link.rare.campaign:
        return link
    campaign = CAMPAIGNS.get(txn, (link.rare.campaign,))
    if campaign is not None and campaign.team == (link.rare.team or own_team_id(link.owner)):
        return link
    rare = msgspec.structs.replace(link.rare, campaign="")
    return msgspec.structs.replace(link, rare=None if rare == NO_RARE_TERMS else rare)


def _is_away(txn: Txn, link: Link) -> bool:
    there = LINKS.get(txn, (link.host, link.code))
    return there is not None and there.id == link.id and there.owner == DELETED


def _purge(txn: WriteTxn, rows: int, now: int) -> bool:
    """Makes some of what is over final; whether nothing more is over."""
    first = islice(FORMER_LINKS_BY_END.keys(txn), rows)
    over = [key[1:] for key in first if key[0] <= now]
    return finish_rows(txn, over, rows)


def finish_rows(txn: WriteTxn, keys: Sequence[tuple[str, int, int]], rows: int) -> bool:
    """Makes acts final until that took so many rows; whether it took fewer."""
    for key in keys:
        rows -= 1 + _finish(txn, key)
        if rows <= 0:
            return False
    return True


def _finish(txn: WriteTxn, key: tuple[str, int, int]) -> int:
    """Removes a row, and the link if that was deleted: how many rows went with it."""
    former = FORMER_LINKS.delete(txn, key)
    if former is None or former.fields or not _is_away(txn, former.link):
        return 0
    counts = COUNTS.get(txn, (former.link.id,))
    # As it is at its address now: its file and its trackers go with it.
    delete_link(txn, msgspec.structs.replace(former.link, owner=DELETED))
    return 1 + (min(counts.visits, history.ROWS_AT_ONCE) if counts else 0)
