"""What the operator does to the domains that teams bring along."""

from __future__ import annotations

from shortd import errors
from shortd.control.named import ById, Named, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.registry import Args, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.models.teams import DomainStatus
from shortd.services import Services
from shortd.store import Store
from shortd.teams.domains import brought


class AnyTeam(Args, frozen=True):
    team: str | None = None


@look("domain list")
def domain_list(store: Store, args: AnyTeam) -> Rows:
    wanted = None if args.team is None else found_team(store, args.team).team.code
    rows = [
        [domain.id, domain.name, domain.status.value, domain.owner]
        for domain in brought(store)
        if wanted in (None, domain.owner)
    ]
    return [["ID", "DOMAIN", "STATUS", "TEAM"], *rows]


@act("domain add")
async def domain_add(services: Services, args: Named) -> Rows:
    team = await stored_team(services, args.team)
    async with noted(services, Action.ADD_DOMAIN, args.name, detail=f"team {team.code}"):
        shown = await services.teams.domains.confirm(team.id, args.name, services.clock.now())
    return [[f"{shown.name} answers for team {team.code}."]]


@act("domain remove")
async def domain_remove(services: Services, args: ById) -> Rows:
    for domain in brought(services.store):
        if domain.id == args.id or (domain.name, domain.status) == (args.id, DomainStatus.ACTIVE):
            detail = f"team {domain.owner}"
            async with noted(services, Action.REMOVE_DOMAIN, domain.name, detail=detail):
                ended = await services.teams.domains.unsubscribe(None, domain.id)
            return [[f"{ended.name} no longer answers for team {ended.owner}."]]
    raise errors.DOMAIN_NOT_FOUND("There is no such domain.")
