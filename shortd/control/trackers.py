"""What the operator does to the trackers that teams keep."""

from __future__ import annotations

from random import SystemRandom

from shortd.control.named import ById, OneTeam, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.registry import act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.services import Services
from shortd.store import Store
from shortd.store.schema import TEAM_TRACKERS
from shortd.teams.trackers import TeamTrackers


class NewTracker(OneTeam, frozen=True):
    provider: str
    code: str
    name: str


@look("tracker list")
def tracker_list(store: Store, args: OneTeam) -> Rows:
    team, actor = found_team(store, args.team)
    rows = [
        [row.id, row.provider, row.code, row.name]
        for row in TeamTrackers(store, SystemRandom()).of_team(actor, team.id)
    ]
    return [["ID", "PROVIDER", "CODE", "NAME"], *rows]


@act("tracker add")
async def tracker_add(services: Services, args: NewTracker) -> Rows:
    team = await stored_team(services, args.team)
    async with noted(services, Action.ADD_TRACKER, args.name, detail=f"team {team.code}"):
        row = await services.teams.trackers.create(
            None, team.id, args.provider, args.code, args.name, services.clock.now()
        )
    return [[f"Added tracker {row.name}, id {row.id}."]]


@act("tracker remove")
async def tracker_remove(services: Services, args: ById) -> Rows:
    row = services.store.get(TEAM_TRACKERS, (args.id,))
    async with noted(services, Action.REMOVE_TRACKER, row.name if row else ""):
        gone = await services.teams.trackers.delete(None, args.id)
    return [[f"Removed tracker {gone.name}; links that have it keep it."]]
