"""What a team has: campaigns, domains, trackers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.hosts.destinations import MAX_URL_BYTES
from shortd.models.accounts import Account
from shortd.models.hosts import HostChanges
from shortd.services import Services
from shortd.teams.domains import Subscription
from shortd.web import session
from shortd.web.forms import Form
from shortd.web.guard import act
from shortd.web.render import language_of
from shortd.web.routing import AnyRequest, services_of
from shortd.web.teams.asking import TEAM, acted, team_asked

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Code = Annotated[str, Meta(max_length=128)]
Address = Annotated[str, Meta(max_length=MAX_URL_BYTES)]


class NewCampaign(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    code: Code | None = None
    """None: made from the name."""


class ChangedCampaign(NewCampaign, frozen=True, kw_only=True):
    campaign: Id


class EndedCampaign(msgspec.Struct, frozen=True, kw_only=True):
    campaign: Id


class NewDomain(msgspec.Struct, frozen=True, kw_only=True):
    domain: Annotated[str, Meta(min_length=1, max_length=254)]


class OneDomain(msgspec.Struct, frozen=True, kw_only=True):
    domain: Id


class DomainWays(OneDomain, frozen=True, kw_only=True):
    root: Address = ""
    unknown: Address = ""
    ended: Address = ""
    ignore_case: bool = False
    wide_codes: bool = False
    www: bool = False


class EndedDomain(OneDomain, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=254)]
    """Typed to show that it is meant."""


class NewTracker(msgspec.Struct, frozen=True, kw_only=True):
    provider: Annotated[str, Meta(max_length=64)]
    code: Code
    name: Name


class ChangedTracker(NewTracker, frozen=True, kw_only=True):
    tracker: Id


class EndedTracker(msgspec.Struct, frozen=True, kw_only=True):
    tracker: Id


@act(f"{TEAM}/campaigns", status_code=303)
async def create_campaign(request: AnyRequest) -> Response[bytes]:
    async def make(services: Services, account: Account, value: NewCampaign, now: int) -> None:
        team = team_asked(request)
        await services.teams.campaigns.create(account, team, value.name, value.code, now)

    said = language_of(request).gettext("The campaign is there.")
    return await acted(request, NewCampaign, "new-campaign", make, said)


@act(f"{TEAM}/campaigns/change", status_code=303)
async def change_campaign(request: AnyRequest) -> Response[bytes]:
    async def change(
        services: Services, account: Account, value: ChangedCampaign, now: int
    ) -> None:
        await services.teams.campaigns.update(
            account, value.campaign, name=value.name, code=value.code
        )

    said = language_of(request).gettext("Saved.")
    return await acted(request, ChangedCampaign, "campaign", change, said, key="campaign")


@act(f"{TEAM}/campaigns/end", status_code=303)
async def end_campaign(request: AnyRequest) -> Response[bytes]:
    async def end(services: Services, account: Account, value: EndedCampaign, now: int) -> None:
        await services.teams.campaigns.delete(account, value.campaign)

    said = language_of(request).gettext("The campaign is gone. Its links stay.")
    return await acted(request, EndedCampaign, "campaign", end, said, key="campaign")


@act(f"{TEAM}/domains", status_code=303)
async def subscribe(request: AnyRequest) -> Response[bytes]:
    async def claim(services: Services, account: Account, value: NewDomain, now: int) -> None:
        await services.teams.domains.subscribe(account, team_asked(request), value.domain, now)

    said = language_of(request).gettext("Now put the record into the DNS.")
    return await acted(request, NewDomain, "new-domain", claim, said)


@act(f"{TEAM}/domains/look", status_code=303)
async def look(request: AnyRequest) -> Response[bytes]:
    """Looks for a domain's record, and says what is there instead."""

    async def verify(services: Services, account: Account, value: OneDomain, now: int) -> None:
        try:
            await services.teams.domains.verify(account, value.domain, now)
        except errors.ShortdError as refusal:
            # Whatever it is, it is about this domain.
            refusal.field = refusal.field or "domain"
            raise

    said = language_of(request).gettext("The record is there. Links can be made on this domain.")
    return await acted(request, OneDomain, "look", verify, said, key="domain")


@act(f"{TEAM}/domains/ways", status_code=303)
async def change_domain(request: AnyRequest) -> Response[bytes]:
    """What a domain does in its own way: all of it, as a box that is not ticked does not come."""

    async def change(services: Services, account: Account, value: DomainWays, now: int) -> None:
        changes = HostChanges(
            root=value.root,
            unknown=value.unknown,
            ended=value.ended,
            ignore_case=value.ignore_case,
            wide_codes=value.wide_codes,
            www=value.www,
        )
        await services.teams.domains.set_options(account, value.domain, changes)

    said = language_of(request).gettext("Saved.")
    return await acted(request, DomainWays, "ways", change, said, key="domain")


@act(f"{TEAM}/domains/end", status_code=303)
async def unsubscribe(request: AnyRequest) -> Response[bytes]:
    """Gives a domain up, once its name is typed."""
    account, words = session.registered(request).account, language_of(request).gettext
    known = _domains(services_of(request), account, team_asked(request))

    def is_meant(form: Form[EndedDomain]) -> Form[EndedDomain]:
        domain = None if form.value is None else known.get(form.value.domain)
        if domain is None or form.value is None or form.value.name.strip() == domain.name:
            return form
        return form.wrong("name", words("This is not the domain's name."))

    async def end(services: Services, account: Account, value: EndedDomain, now: int) -> None:
        await services.teams.domains.unsubscribe(account, value.domain)

    said = words("The domain answers no more.")
    return await acted(request, EndedDomain, "end", end, said, key="domain", check=is_meant)


@act(f"{TEAM}/trackers", status_code=303)
async def create_tracker(request: AnyRequest) -> Response[bytes]:
    async def keep(services: Services, account: Account, value: NewTracker, now: int) -> None:
        await services.teams.trackers.create(
            account, team_asked(request), value.provider, value.code, value.name, now
        )

    said = language_of(request).gettext("The tracker is there.")
    return await acted(request, NewTracker, "new-tracker", keep, said)


@act(f"{TEAM}/trackers/change", status_code=303)
async def change_tracker(request: AnyRequest) -> Response[bytes]:
    async def change(services: Services, account: Account, value: ChangedTracker, now: int) -> None:
        await services.teams.trackers.update(
            account, value.tracker, provider=value.provider, code=value.code, name=value.name
        )

    said = language_of(request).gettext("Saved.")
    return await acted(request, ChangedTracker, "tracker", change, said, key="tracker")


@act(f"{TEAM}/trackers/end", status_code=303)
async def end_tracker(request: AnyRequest) -> Response[bytes]:
    async def forget(services: Services, account: Account, value: EndedTracker, now: int) -> None:
        await services.teams.trackers.delete(account, value.tracker)

    said = language_of(request).gettext("The tracker is gone. Links that have it keep it.")
    return await acted(request, EndedTracker, "tracker", forget, said, key="tracker")


def _domains(services: Services, account: Account, team: str) -> dict[str, Subscription]:
    return {one.id: one for one in services.teams.domains.of_team(account, team)}


HANDLERS = (
    *(create_campaign, change_campaign, end_campaign),
    *(subscribe, look, change_domain, unsubscribe),
    *(create_tracker, change_tracker, end_tracker),
)
