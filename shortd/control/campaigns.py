"""What the operator does to campaigns."""

from __future__ import annotations

from random import SystemRandom

from shortd.control.named import ById, Named, OneTeam, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.registry import act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.services import Services
from shortd.store import Store
from shortd.store.schema import CAMPAIGNS
from shortd.teams.campaigns import Campaigns


@look("campaign list")
def campaign_list(store: Store, args: OneTeam) -> Rows:
    team, actor = found_team(store, args.team)
    rows = [
        [view.id, view.code, view.name, str(view.links)]
        for view in Campaigns(store, SystemRandom()).of_team(actor, team.id).campaigns
    ]
    return [["ID", "CODE", "NAME", "LINKS"], *rows]


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
