"""What the operator does to the domains that teams bring along."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import structs

from shortd import errors
from shortd.control.named import ById, Named, found_team, stored_team
from shortd.control.noted import noted
from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, act, look
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.models.hosts import PLACES, HostChanges, HostOptions
from shortd.models.teams import DomainStatus
from shortd.services import Services
from shortd.store import Store
from shortd.teams.domains import Subscription, brought, walk_brought


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
    options: dict[str, object]
    """What it does in its own way."""


class SetDomain(ById, frozen=True):
    changes: HostChanges


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
                options=structs.asdict(domain.options),
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
    domain = _called(services.store, args.id)
    async with noted(services, Action.REMOVE_DOMAIN, domain.name, detail=f"team {domain.owner}"):
        ended = await services.teams.domains.unsubscribe(None, domain.id)
    return [[f"{ended.name} no longer answers for team {ended.owner}."]]


@act("domain set")
async def domain_set(services: Services, args: SetDomain) -> Rows:
    domain = _called(services.store, args.id)
    changed = [name for name, new in structs.asdict(args.changes).items() if new is not None]
    if changed:
        detail = f"team {domain.owner}: {', '.join(changed)}"
        async with noted(services, Action.CHANGE_DOMAIN, domain.name, detail=detail):
            domain = await _changed(services, domain, args.changes)
    return [["OPTION", "VALUE"], *(map(list, _shown(domain.options)))]


async def _changed(services: Services, domain: Subscription, changes: HostChanges) -> Subscription:
    try:
        return await services.teams.domains.set_options(None, domain.id, changes)
    except errors.ShortdError as refusal:
        if refusal.field not in PLACES:
            raise
        raise errors.BAD_REQUEST(f"--{refusal.field}: {refusal.message}") from None


def _called(store: Store, name: str) -> Subscription:
    """A domain by its id, or by the name under which it answers. DOMAIN_NOT_FOUND."""
    for domain in brought(store):
        if domain.id == name or (domain.name, domain.status) == (name, DomainStatus.ACTIVE):
            return domain
    raise errors.DOMAIN_NOT_FOUND("There is no such domain.")


def _shown(options: HostOptions) -> Iterator[tuple[str, str]]:
    for name, value in structs.asdict(options).items():
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        yield name, text or "-"
