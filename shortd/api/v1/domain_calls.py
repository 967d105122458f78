"""The calls about domains: entity/domain/subscriptions, and ours by which a team brings its own."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, structs

from shortd.api.caller import Keyed
from shortd.api.v1.inputs import HexId, Input, Paged
from shortd.api.v1.link_inputs import NOTHING, emptied
from shortd.api.v1.registry import Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.hosts.destinations import MAX_URL_BYTES
from shortd.models.accounts import Scope
from shortd.models.hosts import HostChanges
from shortd.models.teams import DomainStatus
from shortd.teams.domains import Subscription

DomainName = Annotated[
    str, Meta(max_length=254, description="A domain's name, such as go.example.org.")
]
Address = Annotated[
    str,
    Meta(
        max_length=4 * MAX_URL_BYTES,
        description=f'Where visitors are sent; "{NOTHING}" leaves them to this server.',
    ),
]
STATUSES = {DomainStatus.ACTIVE: "Y", DomainStatus.PENDING: "P", DomainStatus.ENDED: "E"}
"""The document has the first and the last."""


class ListSubscriptions(Paged, frozen=True, kw_only=True):
    team_id: HexId


class Subscribe(Input, frozen=True, kw_only=True):
    team_id: HexId
    domain_name: DomainName


class OneDomain(Input, frozen=True, kw_only=True):
    domain_id: HexId


class Update(OneDomain, frozen=True, kw_only=True):
    ignore_case: bool | None = None
    root: Address | None = None
    unknown: Address | None = None
    ended: Address | None = None
    wide_codes: bool | None = None
    www: bool | None = None


class OptionsInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a host does in its own way (docs/configuring.md, "Hosts with their own ways")."""

    ignore_case: bool
    root: str
    unknown: str
    ended: str
    wide_codes: bool
    www: bool


class SubscriptionInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A host on which a team can make links, or could. Nothing of ours expires by itself."""

    domain_id: str
    domain_name: str
    status: str
    register_date: str | None
    expired_date: str | None = None
    domain_owner: str


class RecordInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The TXT record that shows whose a domain is."""

    name: str
    text: str


class SubscriptionOutput(Output, frozen=True, kw_only=True):
    subscription: SubscriptionInfo
    record: RecordInfo


class UpdateOutput(Output, frozen=True, kw_only=True):
    subscription: SubscriptionInfo
    options: OptionsInfo


class SubscriptionsOutput(Output, frozen=True, kw_only=True):
    subscriptions: list[SubscriptionInfo]
    total: int


@call("entity/domain/subscriptions", scope=Scope.READ)
async def domain_subscriptions(ctx: Context, args: ListSubscriptions) -> SubscriptionsOutput:
    """Lists the domains of a team: this server's own, then those that it brought along."""
    rows = ctx.services.teams.domains.of_team(ctx.account, args.team_id)
    return SubscriptionsOutput(
        subscriptions=[_shown(row) for row in ctx.page_of(rows, args)], total=len(rows)
    )


@call("entity/domain/subscribe", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def subscribe(ctx: Context, args: Subscribe) -> SubscriptionOutput:
    """Claims a domain for a team, and says what has to be in which TXT record. Owners and admins
    may.
    """
    domains = ctx.services.teams.domains
    return _with_record(
        await ctx.once(
            lambda: domains.subscribe(ctx.account, args.team_id, args.domain_name, ctx.now),
            Subscription,
        )
    )


@call("entity/domain/verify", scope=Scope.WRITE)
async def verify(ctx: Context, args: OneDomain) -> SubscriptionOutput:
    """Looks for a domain's TXT record; from then on the domain answers. Owners and admins may."""
    return _with_record(
        await ctx.services.teams.domains.verify(ctx.account, args.domain_id, ctx.now)
    )


@call("entity/domain/update", scope=Scope.WRITE)
async def update(ctx: Context, args: Update) -> UpdateOutput:
    """Changes what a domain does in its own way, and answers all of it. Owners and admins may."""
    changes = HostChanges(
        ignore_case=args.ignore_case,
        root=emptied(args.root),
        unknown=emptied(args.unknown),
        ended=emptied(args.ended),
        wide_codes=args.wide_codes,
        www=args.www,
    )
    row = await ctx.services.teams.domains.set_options(ctx.account, args.domain_id, changes)
    return UpdateOutput(
        subscription=_shown(row), options=OptionsInfo(**structs.asdict(row.options))
    )


@call("entity/domain/unsubscribe", scope=Scope.WRITE)
async def unsubscribe(ctx: Context, args: OneDomain) -> Empty:
    """Gives a domain up. Links made there stay, unreachable until the team brings it back. Owners
    and admins may.
    """
    await ctx.services.teams.domains.unsubscribe(ctx.account, args.domain_id)
    return Empty()


def _shown(row: Subscription) -> SubscriptionInfo:
    return SubscriptionInfo(
        domain_id=row.id,
        domain_name=row.name,
        status=STATUSES[row.status],
        register_date=None if row.utime is None else millisecond_text(row.utime),
        domain_owner=row.owner,
    )


def _with_record(row: Subscription) -> SubscriptionOutput:
    return SubscriptionOutput(
        subscription=_shown(row), record=RecordInfo(name=row.record, text=row.text)
    )
