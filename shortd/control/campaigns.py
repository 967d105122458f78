"""What the operator does to campaigns."""

from __future__ import annotations

from random import SystemRandom

import msgspec

from shortd.control.named import ById, Named, OneTeam, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.registry import Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.services import Services
from shortd.store.schema import CAMPAIGNS
from shortd.teams.campaigns import Campaigns


class CampaignShown(msgspec.Struct, frozen=True):
    """A team's campaign."""

    id: str
    code: str
    name: str
    links: int
    created_utime: int


@look("campaign list")
def campaign_list(view: View, args: OneTeam) -> Portions:
    team, actor = found_team(view.store, args.team)
    yield [
        CampaignShown(
            id=row.id,
            code=row.code,
            name=row.name,
            links=row.links,
            created_utime=row.create_utime,
        )
        for row in Campaigns(view.store, SystemRandom()).of_team(actor, team.id).campaigns
    ]


@act("campaign add")
async def campaign_add(services: Services, args: Named) -> Rows:
    team = await stored_team(services, args.team)
    now = services.clock.now()
    async with noted(services, Action.ADD_CAMPAIGN, args.name, detail=f"team {team.code}"):
        campaign = await services.teams.campaigns.create(None, team.id, args.name, args.code, now)
    return [[f"Added campaign {campaign.code}, id {campaign.id}."]]


@act("campaign remove")
async def campaign_remove(services: Services, args: ById) -> Rows:
    row = services.store.get(CAMPAIGNS, (args.id,))
    async with noted(services, Action.REMOVE_CAMPAIGN, row.name if row else ""):
        ended = await services.teams.campaigns.delete(None, args.id)
    return [[f"Removed campaign {ended.code}; its links stay."]]
