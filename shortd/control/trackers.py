"""What the operator does to the trackers that teams keep."""

from __future__ import annotations

from random import SystemRandom

import msgspec

from shortd.control.named import ById, OneTeam, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.registry import Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.services import Services
from shortd.store.schema import TEAM_TRACKERS
from shortd.teams.trackers import TeamTrackers


class NewTracker(OneTeam, frozen=True):
    provider: str
    code: str
    name: str


class TrackerShown(msgspec.Struct, frozen=True):
    """A tracker that a team keeps."""

    id: str
    provider: str
    code: str
    name: str
    created_utime: int


@look("tracker list")
def tracker_list(view: View, args: OneTeam) -> Portions:
    team, actor = found_team(view.store, args.team)
    yield [
        TrackerShown(
            id=row.id,
            provider=row.provider,
            code=row.code,
            name=row.name,
            created_utime=row.create_utime,
        )
        for row in TeamTrackers(view.store, SystemRandom()).of_team(actor, team.id)
    ]


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
