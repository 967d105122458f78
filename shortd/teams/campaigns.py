"""Campaigns: what a team puts its links under.

Owners and admins make, name and end them; every member may put links into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.ids import random_id
from shortd.links.access import need_role, own_team_id
from shortd.models.accounts import Account
from shortd.models.teams import Campaign, Role
from shortd.names import check_code, check_name, code_from
from shortd.store import Store
from shortd.store.portions import in_portions
from shortd.store.schema import (
    CAMPAIGNS,
    CAMPAIGNS_BY_CODE,
    CAMPAIGNS_BY_TEAM,
    CAMPAIGNS_IN_TEAM,
    LINKS_PER_CAMPAIGN,
    MEMBERS_BY_ACCOUNT,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.offboarding import leave_campaign

CAMPAIGNS_PER_TEAM = 1000


class CampaignView(msgspec.Struct, frozen=True):
    """A campaign with its number of links."""

    id: str
    team: str
    code: str
    name: str
    links: int
    create_utime: int


class CampaignPage(NamedTuple):
    """Some campaigns of a list, and how many it has in all."""

    campaigns: list[CampaignView]
    total: int


class Campaigns:
    """The rules of campaigns over the store. `actor` is who asks, None the operator."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store = store
        self._random = random

    def of_team(
        self, actor: Account | None, team: str, start: int = 0, count: int = CAMPAIGNS_PER_TEAM
    ) -> CampaignPage:
        """A team's campaigns, the newest first, from the `start`th on. TEAM_NOT_FOUND."""
        with self._store.read() as txn:
            need_role(txn, actor, team)
            return _page(txn, [team], start, count)

    def of_account(self, account: Account, start: int, count: int) -> CampaignPage:
        """The campaigns of all teams that an account is in: its own team's, then team after team,
        the newest of each first.
        """
        with self._store.read() as txn:
            joined = [team for _, team in MEMBERS_BY_ACCOUNT.keys(txn, (account.userid,))]
            return _page(txn, [own_team_id(account.userid), *joined], start, count)

    async def create(
        self, actor: Account | None, team: str, name: str, code: str | None, now: int
    ) -> Campaign:
        """Makes a campaign. Without a code it gets one from its name.

        INVALID_FIELD, CAMPAIGN_CODE_TAKEN, TEAM_NOT_FOUND, FORBIDDEN, QUOTA_EXCEEDED.
        """
        name = check_name(name)
        given = None if code is None else check_code(code)
        campaign_id = random_id(self._random)

        def make(txn: WriteTxn) -> Campaign:
            need_role(txn, actor, team, Role.OWNER, Role.ADMIN)
            if CAMPAIGNS_IN_TEAM.get(txn, (team,)) >= CAMPAIGNS_PER_TEAM:
                raise errors.QUOTA_EXCEEDED(
                    "A team has at most %(most)s campaigns.", most=CAMPAIGNS_PER_TEAM
                )
            chosen = given or code_from(name, campaign_id)
            if given is None and CAMPAIGNS_BY_CODE.has(txn, (team, chosen)):
                chosen = f"{chosen[:23]}-{campaign_id[:8]}"
            row = Campaign(campaign_id, team, chosen, name, now)
            _put(txn, row)
            return row

        return await self._store.write(make)

    async def update(
        self,
        actor: Account | None,
        campaign: str,
        *,
        name: str | None = None,
        code: str | None = None,
    ) -> Campaign:
        """Renames a campaign. CAMPAIGN_NOT_FOUND, CAMPAIGN_CODE_TAKEN, FORBIDDEN."""
        name = None if name is None else check_name(name)
        code = None if code is None else check_code(code)

        def change(txn: WriteTxn) -> Campaign:
            row = _changeable(txn, actor, campaign)
            row = msgspec.structs.replace(row, name=name or row.name, code=code or row.code)
            _put(txn, row)
            return row

        return await self._store.write(change)

    async def delete(self, actor: Account | None, campaign: str) -> Campaign:
        """Ends a campaign, and says which; its links stay, in none.

        CAMPAIGN_NOT_FOUND, FORBIDDEN.
        """

        def end(txn: WriteTxn, rows: int) -> Campaign | None:
            row = _changeable(txn, actor, campaign)
            if not leave_campaign(txn, campaign, rows):
                return None
            CAMPAIGNS.delete(txn, (campaign,))
            return row

        return await in_portions(self._store, end)


def _put(txn: WriteTxn, row: Campaign) -> None:
    other = CAMPAIGNS_BY_CODE.get(txn, (row.team, row.code))
    if other is not None and other.id != row.id:
        raise errors.CAMPAIGN_CODE_TAKEN(field="code")
    CAMPAIGNS.put(txn, (row.id,), row)


def _changeable(txn: Txn, actor: Account | None, campaign: str) -> Campaign:
    row = CAMPAIGNS.get(txn, (campaign,))
    if row is None:
        raise errors.CAMPAIGN_NOT_FOUND(field="campaign")
    need_role(txn, actor, row.team, Role.OWNER, Role.ADMIN, missing=errors.CAMPAIGN_NOT_FOUND)
    return row


def _page(txn: Txn, teams: Sequence[str], start: int, count: int) -> CampaignPage:
    """A page of the campaigns of these teams. Whole teams are passed over by their numbers, so that
    the last page costs no more than the first.
    """
    found: list[CampaignView] = []
    total = 0
    for team in teams:
        there = CAMPAIGNS_IN_TEAM.get(txn, (team,))
        skipped, wanted = max(0, start - total), count - len(found)
        total += there
        if wanted > 0 and skipped < there:
            keys = CAMPAIGNS_BY_TEAM.keys(txn, (team,), reverse=True)
            for _, _, campaign in islice(keys, skipped, skipped + wanted):
                row = CAMPAIGNS.get(txn, (campaign,))
                if row is not None:
                    found.append(_view(txn, row))
    return CampaignPage(found, total)


def _view(txn: Txn, row: Campaign) -> CampaignView:
    links = LINKS_PER_CAMPAIGN.get(txn, (row.id,))
    return CampaignView(row.id, row.team, row.code, row.name, links, row.create_utime)
