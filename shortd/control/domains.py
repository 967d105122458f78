"""What the operator does to the domains that teams bring along."""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.control.named import ById, Named, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.models.teams import DomainStatus
from shortd.services import Services
from shortd.teams.domains import brought, walk_brought


class AnyTeam(Args, frozen=True):
    team: str | None = None


class DomainShown(msgspec.Struct, frozen=True):
    """A domain that a team brought along."""

    id: str
    domain: str
    status: DomainStatus
    team: str
    """Its code."""
    since_utime: int | None


@look("domain list")
def domain_list(view: View, args: AnyTeam) -> Portions:
    wanted = None if args.team is None else found_team(view.store, args.team).team.code
    for domains in portions(view.store, walk_brought):
        yield [
            DomainShown(
                id=domain.id,
                domain=domain.name,
                status=domain.status,
                team=domain.owner,
                since_utime=domain.utime,
            )
            for domain in domains
            if wanted in (None, domain.owner)
        ]


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
