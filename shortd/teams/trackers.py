"""Trackers of teams, and of links: kept, copied, removed.

A link's trackers are its data of the plugin `trackers` (see `link_trackers`), so whatever is put
there is first shown to that plugin. Owners and admins look after a team's; whoever may change a
link, after the link's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from shortd import errors
from shortd.ids import random_id
from shortd.links import Links
from shortd.links.access import may_see, need_role, team_of
from shortd.links.plugin_data import LinkPlugins
from shortd.links.trackers import PLUGIN, Tracker, rows_of, trackers_in
from shortd.models.accounts import Account
from shortd.models.links import Link, LinkTracker
from shortd.models.teams import Role, TeamTracker
from shortd.names import check_name
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    LINK_TRACKERS,
    LINKS_BY_ID,
    TEAM_TRACKERS,
    TEAM_TRACKERS_BY_TEAM,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.providers import BY_NAME

TRACKERS_PER_TEAM = 100
CODE_LENGTH = 64


class TeamTrackers:
    """The rules of teams' trackers. `actor` is who asks, None the operator."""

    def __init__(self, store: Store, random: Random, plugins: LinkPlugins | None = None) -> None:
        """Without `plugins` what is kept can only be read."""
        self._store = store
        self._random = random
        self._plugins = plugins

    def of_team(self, actor: Account | None, team: str) -> list[TeamTracker]:
        """A team's trackers, the newest first. TEAM_NOT_FOUND."""
        with self._store.read() as txn:
            need_role(txn, actor, team)
            keys = TEAM_TRACKERS_BY_TEAM.keys(txn, (team,), reverse=True)
            rows = (TEAM_TRACKERS.get(txn, (tracker,)) for _, _, tracker in keys)
            return [row for row in rows if row is not None]

    async def create(
        self, actor: Account | None, team: str, provider: str, code: str, name: str, now: int
    ) -> TeamTracker:
        """Keeps a tracker for a team. `provider` is a name of `PROVIDERS`.

        TRACKER_NOT_FOUND for another, INVALID_FIELD, TEAM_NOT_FOUND, FORBIDDEN, QUOTA_EXCEEDED.
        """
        row = TeamTracker(
            random_id(self._random), team, _known(provider), _code(code), check_name(name), now
        )
        self._check(row.provider, row.code)

        def keep(txn: WriteTxn) -> TeamTracker:
            need_role(txn, actor, team, Role.OWNER, Role.ADMIN)
            if len(list(TEAM_TRACKERS_BY_TEAM.keys(txn, (team,)))) >= TRACKERS_PER_TEAM:
                raise errors.QUOTA_EXCEEDED(
                    "A team has at most %(most)s trackers.", most=TRACKERS_PER_TEAM
                )
            TEAM_TRACKERS.put(txn, (row.id,), row)
            return row

        return await self._store.write(keep)

    async def update(
        self,
        actor: Account | None,
        tracker: str,
        *,
        provider: str | None = None,
        code: str | None = None,
        name: str | None = None,
    ) -> TeamTracker:
        """Changes what a team keeps; links that have copied it stay as they are.

        TRACKER_NOT_FOUND, INVALID_FIELD, FORBIDDEN.
        """
        provider = None if provider is None else _known(provider)
        code = None if code is None else _code(code)
        name = None if name is None else check_name(name)

        def change(txn: WriteTxn) -> TeamTracker | None:
            row = _of_team(txn, actor, tracker)
            if (row.provider, row.code) != (old.provider, old.code):
                return None
            row = msgspec.structs.replace(row, provider=kind, code=own, name=name or row.name)
            TEAM_TRACKERS.put(txn, (tracker,), row)
            return row

        while True:
            with self._store.read() as txn:
                old = _of_team(txn, actor, tracker)
            kind, own = provider or old.provider, code or old.code
            if (kind, own) != (old.provider, old.code):
                self._check(kind, own)
            # Another of both than was checked is checked anew.
            if (changed := await self._store.write(change)) is not None:
                return changed

    async def delete(self, actor: Account | None, tracker: str) -> TeamTracker:
        """Forgets a team's tracker, and says which; links that have it keep it.

        TRACKER_NOT_FOUND, FORBIDDEN.
        """

        def forget(txn: WriteTxn) -> TeamTracker:
            row = _of_team(txn, actor, tracker)
            TEAM_TRACKERS.delete(txn, (tracker,))
            return row

        return await self._store.write(forget, Reserve.ALL)

    def _check(self, provider: str, code: str) -> None:
        """INVALID_FIELD for what is no id of that provider: links that get it would refuse it."""
        assert self._plugins is not None, "nothing was to be kept"
        try:
            self._plugins.check(PLUGIN, {"trackers": [{"provider": provider, "id": code}]})
        except errors.ShortdError as refusal:
            # Without the plugin, or with another of this name, nobody knows.
            if refusal.kind is errors.INVALID_FIELD and (refusal.field or "").endswith(".id"):
                raise errors.INVALID_FIELD(refusal.sentence, field="code") from None


class LinkTrackers:
    """The rules of links' trackers."""

    def __init__(self, store: Store, links: Links, plugins: LinkPlugins) -> None:
        self._store = store
        self._links = links
        self._plugins = plugins

    def of_link(self, account: Account, link_id: int) -> list[LinkTracker]:
        """A link's trackers, the newest first. ENTRY_NOT_FOUND."""
        self._links.get(account, link_id)
        with self._store.read() as txn:
            return rows_of(txn, link_id)[::-1]

    async def add(
        self, account: Account, link_id: int, trackers: Sequence[Tracker], now: int
    ) -> None:
        """Adds trackers to a link; those that it has already are passed over.

        ENTRY_NOT_FOUND, FORBIDDEN, TRACKER_NOT_FOUND, INVALID_FIELD, UNKNOWN_PLUGIN.
        """
        new = [Tracker(_known(one.provider), _code(one.id)) for one in trackers]
        await self._change(account, link_id, lambda old: list(dict.fromkeys([*old, *new])), now)

    async def add_of_team(
        self, account: Account, link_id: int, wanted: Sequence[str] | None, now: int
    ) -> None:
        """Copies trackers of the link's team, by their ids or all of them, to the link.

        TRACKER_NOT_FOUND for one that the team does not have; else as `add`.
        """
        link = self._links.changeable(account, link_id)
        with self._store.read() as txn:
            keys = TEAM_TRACKERS_BY_TEAM.keys(txn, (team_of(link),))
            known = {key[2]: TEAM_TRACKERS.get(txn, (key[2],)) for key in keys}
        chosen = list(known) if wanted is None else wanted
        rows = [known.get(tracker) for tracker in chosen]
        found = [Tracker(row.provider, row.code) for row in rows if row is not None]
        if len(found) < len(chosen):
            raise errors.TRACKER_NOT_FOUND(field="tracker")
        try:
            await self.add(account, link_id, found, now)
        except errors.ShortdError as refusal:
            # Kept before ids were checked.
            if refusal.kind is not errors.INVALID_FIELD:
                raise
            raise errors.INVALID_FIELD(refusal.sentence, field="team_trackers") from None

    async def remove(self, account: Account, tracker: str, now: int) -> None:
        """Takes a tracker from its link. TRACKER_NOT_FOUND, FORBIDDEN."""
        with self._store.read() as txn:
            row = LINK_TRACKERS.get(txn, (tracker,))
            link = None if row is None else LINKS_BY_ID.get(txn, (row.link_id,))
            if row is None or link is None or not may_see(txn, account.userid, link):
                raise errors.TRACKER_NOT_FOUND(field="tracker")
        gone = Tracker(row.provider, row.code)
        await self._change(
            account, row.link_id, lambda old: [one for one in old if one != gone], now
        )

    async def _change(
        self,
        account: Account,
        link_id: int,
        change: Callable[[Sequence[Tracker]], list[Tracker]],
        now: int,
    ) -> None:
        def data(link: Link) -> dict[str, Any] | None:
            trackers = change(trackers_in(link))
            given = [{"provider": one.provider, "id": one.id} for one in trackers]
            return {"trackers": given} if given else None

        await self._plugins.change(account, link_id, PLUGIN, data, now)


def _of_team(txn: Txn, actor: Account | None, tracker: str) -> TeamTracker:
    row = TEAM_TRACKERS.get(txn, (tracker,))
    if row is None:
        raise errors.TRACKER_NOT_FOUND(field="tracker")
    roles = (Role.OWNER, Role.ADMIN)
    need_role(txn, actor, row.team, *roles, missing=errors.TRACKER_NOT_FOUND)
    return row


def _known(provider: str) -> str:
    if provider not in BY_NAME:
        known = ", ".join(BY_NAME)
        raise errors.TRACKER_NOT_FOUND(
            "There is no such provider; there are %(known)s.", field="provider", known=known
        )
    return provider


def _code(code: str) -> str:
    code = code.strip()
    if not code or len(code) > CODE_LENGTH or not code.isprintable():
        raise errors.INVALID_FIELD(
            "A tracker's code has 1 to %(most)s printable characters.",
            field="code",
            most=CODE_LENGTH,
        )
    return code
