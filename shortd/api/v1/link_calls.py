"""The calls that list, make, change and delete links."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd.api.v1.inputs import HexId, Input, Paged
from shortd.api.v1.link_inputs import LinkText, OneLink, emptied, link_errors, number_of
from shortd.api.v1.link_views import LinkInfo, show
from shortd.api.v1.registry import ENTRY_WEIGHT, Context, Empty, Output, call
from shortd.destinations import parse_destination
from shortd.domains import domain_id
from shortd.fields import UrlText
from shortd.ids import link_hex_id
from shortd.link_terms import TermChanges, check_characters
from shortd.links import NewLink
from shortd.models import Link, LinkExtras, Scope
from shortd.searching import LINKS_READ, mentions, title_of

DRAWN_LENGTHS = (5, 6, 7, 8)
"""Characters of a new link's code: five, as long as there are enough of those."""
LINKS_PER_WEIGHT = 10
"""Links that a list looks through for a unit of weight: some 60 µs."""

_NO_EXTRAS = LinkExtras()

Ids = Annotated[tuple[HexId, ...], Meta(max_length=1000)]
Tags = Annotated[tuple[LinkText, ...], Meta(max_length=100)]


class ListLinks(Paged, frozen=True, kw_only=True):
    team_id: HexId | None = None
    domain_ids: Ids = ()
    campaign_ids: Ids = ()
    hidden: bool = False
    search: LinkText = ""


class LinksOutput(Output, frozen=True, kw_only=True):
    links: list[LinkInfo]
    total: int


class CampaignParameters(Input, frozen=True, kw_only=True):
    """Base of the inputs of calls that set UTM parameters."""

    utm_source: LinkText | None = None
    utm_medium: LinkText | None = None
    utm_campaign: LinkText | None = None
    utm_term: LinkText | None = None
    utm_content: LinkText | None = None

    def changes(self) -> TermChanges:
        return TermChanges(
            utm_source=emptied(self.utm_source),
            utm_medium=emptied(self.utm_medium),
            utm_campaign=emptied(self.utm_campaign),
            utm_term=emptied(self.utm_term),
            utm_content=emptied(self.utm_content),
        )


class CreateLink(CampaignParameters, frozen=True, kw_only=True):
    team_id: HexId
    domain_id: HexId
    campaign_id: HexId | None = None
    no_title: bool = False
    destination: UrlText


class CreatedOutput(Output, frozen=True, kw_only=True):
    link_id: str
    link_short: str
    link_destination: str
    link_title: str


class UpdateLink(OneLink, frozen=True, kw_only=True):
    title: LinkText | None = None
    code: LinkText | None = None
    tags: Tags | None = None
    hide: bool | None = None


@call("entity/link/list", scope=Scope.READ)
async def link_list(ctx: Context, args: ListLinks) -> LinksOutput:
    """Lists the links of a team, or of all your teams, the newest first."""
    hosts = ctx.services.hosts
    with link_errors():
        check_characters(args.search, "search")

    def wanted(link: Link) -> bool:
        extras = link.extras or _NO_EXTRAS
        return (
            extras.hidden == args.hidden
            and (not args.campaign_ids or extras.campaign in args.campaign_ids)
            and (not args.domain_ids or domain_id(hosts.numbered(link.host)) in args.domain_ids)
            and mentions(link, args.search)
        )

    search = ctx.services.search
    sources = search.of_account(ctx.account, args.team_id)
    read = sum(min(source.size, LINKS_READ) for source in sources)
    most = min(args.size, read)
    # Ahead, as if all were wanted: whoever cannot pay for what he gets is to cost nothing.
    ctx.charge(read // LINKS_PER_WEIGHT + most * ENTRY_WEIGHT)
    found = await search.page(sources, wanted, start=args.page * args.size, count=args.size)
    ctx.give_back(max(0, most - len(found.links)) * ENTRY_WEIGHT)
    return LinksOutput(links=show(ctx, found.links), total=found.total)


@call("entity/link/create", scope=Scope.WRITE)
async def link_create(ctx: Context, args: CreateLink) -> CreatedOutput:
    """Makes a link for a team, on one of its domains."""
    services = ctx.services
    with link_errors():
        # Whoever has no part in a team is not told more of it.
        services.teams.get(ctx.account, args.team_id)
        host = services.domains.host(ctx.account, args.team_id, args.domain_id)
        destination = parse_destination(args.destination, services.hosts.names, field="destination")
        terms = await services.link_terms.of_new(args.changes())
        title = None if args.no_title else await services.titles.fetch(destination.location)
        extras = msgspec.structs.replace(
            terms or _NO_EXTRAS,
            team=args.team_id,
            campaign=args.campaign_id or "",
            title=title or "",
        )
        new = NewLink(destination, host, drawn_lengths=DRAWN_LENGTHS, extras=extras)
        [link] = await services.links.create(ctx.account, [new], ctx.now)
    return CreatedOutput(
        link_id=link_hex_id(link.id),
        link_short=services.links.short_url(link),
        link_destination=link.url,
        link_title=title_of(link),
    )


@call("entity/link/update", scope=Scope.WRITE)
async def link_update(ctx: Context, args: UpdateLink) -> Empty:
    """Changes a link's title, code or tags, hides it or shows it again."""
    changes = TermChanges(
        title=emptied(args.title),
        code=args.code,
        tags=None if args.tags is None else emptied(",".join(args.tags)),
        hidden=args.hide,
    )
    with link_errors():
        await ctx.services.link_terms.change(ctx.account, number_of(args.link_id), changes)
    return Empty()


@call("entity/link/delete", scope=Scope.WRITE)
async def link_delete(ctx: Context, args: OneLink) -> Empty:
    """Deletes a link with its statistics; its code is free at once."""
    with link_errors():
        await ctx.services.links.delete(ctx.account, number_of(args.link_id))
    return Empty()
