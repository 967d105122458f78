"""The calls that list, make, change and delete links."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shortd.api.caller import Keyed
from shortd.api.v1.inputs import TAG_LIST, HexId, Input, Paged
from shortd.api.v1.link_inputs import (
    NOTHING,
    LinkText,
    OneLink,
    emptied,
    link_errors,
    number_of,
    start_of,
)
from shortd.api.v1.link_views import LinkInfo, show
from shortd.api.v1.registry import ENTRY_WEIGHT, Context, Empty, Output, call
from shortd.fields import UrlText
from shortd.hosts.destinations import parse_destination
from shortd.ids import link_hex_id
from shortd.links import NewLink
from shortd.links.searching import LINKS_PER_WEIGHT, LINKS_READ, mentions, title_of
from shortd.links.terms import NOTE_CHARACTERS, TermChanges, check_characters
from shortd.models.accounts import Scope
from shortd.models.links import Forwarding, Link, RareTerms
from shortd.teams.domains import domain_id

DRAWN_LENGTHS = (5, 6, 7, 8)
"""Characters of a new link's code: five, as long as there are enough of those."""

_NO_RARE_TERMS = RareTerms()

Ids = Annotated[tuple[HexId, ...], Meta(max_length=1000)]
Tags = Annotated[tuple[LinkText, ...], Meta(max_length=100, extra={TAG_LIST: True})]
"""As one text, or a list of names."""


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


class FurtherTerms(CampaignParameters, frozen=True, kw_only=True):
    """All terms of calls that make a link or change one; but for the campaign, they are ours."""

    start_date: LinkText | None = None
    forward_query: Literal["server", "no", "visitor", "link"] | None = None
    robots: bool | Literal["-"] | None = None
    """`NOTHING`: as the settings have it."""
    note: Annotated[str, Meta(max_length=4 * NOTE_CHARACTERS)] | None = None
    archived: bool | None = None

    def changes(self) -> TermChanges:
        return msgspec.structs.replace(
            super().changes(),
            valid_since=start_of(self.start_date),
            forwarding=self.forward_query and Forwarding[self.forward_query.upper()],
            robots="server" if self.robots == NOTHING else self.robots,
            note=emptied(self.note),
            hidden=self.archived,
        )


class CreateLink(FurtherTerms, frozen=True, kw_only=True):
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


class UpdateLink(FurtherTerms, frozen=True, kw_only=True):
    link_id: HexId
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
        rare = link.rare or _NO_RARE_TERMS
        return (
            rare.hidden == args.hidden
            and (not args.campaign_ids or rare.campaign in args.campaign_ids)
            and (not args.domain_ids or domain_id(hosts.numbered(link.host)) in args.domain_ids)
            and mentions(link, args.search)
        )

    search = ctx.services.links.search
    sources = search.of_account(ctx.account, args.team_id)
    read = sum(min(source.size, LINKS_READ) for source in sources)
    most = min(args.size, read)
    # Ahead, as if all were wanted: whoever cannot pay for what he gets is to cost nothing.
    ctx.charge(read // LINKS_PER_WEIGHT + most * ENTRY_WEIGHT)
    start = args.page * args.size
    if args.hidden or args.campaign_ids or args.domain_ids or args.search.strip():
        found = await search.page(sources, wanted, start=start, count=args.size)
    else:
        found = await search.shown(sources, start=start, count=args.size)
    ctx.give_back(max(0, most - len(found.links)) * ENTRY_WEIGHT)
    return LinksOutput(links=show(ctx, found.links), total=found.total)


@call("entity/link/create", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def link_create(ctx: Context, args: CreateLink) -> CreatedOutput:
    """Makes a link for a team, on one of its domains."""
    services = ctx.services
    with link_errors():
        # Whoever has no part in a team is not told more of it.
        services.teams.teams.get(ctx.account, args.team_id)
        host = services.teams.domains.host(ctx.account, args.team_id, args.domain_id)
        destination = parse_destination(args.destination, services.hosts.names, field="destination")
        terms, password = await services.links.terms.of_new(args.changes())
        title = None
        if not args.no_title:
            titles = services.links.titles
            title = await titles.fetch(destination.location, ctx.account.userid)
        new = NewLink(
            destination,
            host,
            terms=msgspec.structs.replace(terms, title=title or ""),
            password=password,
            team=args.team_id,
            campaign=args.campaign_id or "",
            drawn_lengths=DRAWN_LENGTHS,
            field="destination",
        )
        links = services.links.links
        [link] = await ctx.once(lambda: links.create(ctx.account, [new], ctx.now), list[Link])
    return CreatedOutput(
        link_id=link_hex_id(link.id),
        link_short=services.hosts.short_url(link),
        link_destination=link.url,
        link_title=title_of(link),
    )


@call("entity/link/update", scope=Scope.WRITE)
async def link_update(ctx: Context, args: UpdateLink) -> Empty:
    """Changes a link's title, code, tags or further terms, hides it or shows it again."""
    with link_errors():
        changes = msgspec.structs.replace(
            args.changes(),
            title=emptied(args.title),
            code=args.code,
            tags=None if args.tags is None else () if args.tags == (NOTHING,) else args.tags,
            hidden=args.hide if args.archived is None else args.archived,
        )
        await ctx.services.links.terms.change(ctx.account, number_of(args.link_id), changes)
    return Empty()


@call("entity/link/delete", scope=Scope.WRITE)
async def link_delete(ctx: Context, args: OneLink) -> Empty:
    """Deletes a link with its statistics; its code is free at once."""
    with link_errors():
        await ctx.services.links.links.delete(ctx.account, number_of(args.link_id))
    return Empty()
