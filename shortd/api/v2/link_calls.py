"""The link calls of ww7 v2: url, urls, change_shorturl, set_*, delete, get_entry, get_entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v2.entries import EntriesOutput, Entry, EntryOutput, ListedOutput, show
from shortd.api.v2.registry import Context, Credentials, Empty, call
from shortd.api.v2.terms import NewTerms, QrInput, TagName, terms_of_new
from shortd.fields import (
    ClickLimit,
    CodeV2,
    EntryCount,
    Int64,
    ShortUrl,
    StartIndex,
    Tag,
    UrlText,
)
from shortd.hosts import ShortHost
from shortd.hosts.destinations import Destination, parse_destination
from shortd.links import Address, NewLink, TagFilter
from shortd.links.addresses import read_code, split_short_url, unescaped
from shortd.links.destination_index import normalized
from shortd.links.drawing import image_weight
from shortd.links.queries import LONGEST, LinkQuery, Sort, State, parse
from shortd.links.reusing import key_of
from shortd.links.searching import LINKS_PER_WEIGHT, LINKS_READ, Found
from shortd.links.tag_lists import TAGS
from shortd.links.terms import check_characters
from shortd.models.links import Link

_CODE = re.compile(r"[A-Za-z0-9]{6,16}", re.ASCII)
ENTRY_WEIGHT = 100


Reuse = Annotated[
    bool,
    Meta(description="Where an entry of yours is just like it already, that one is answered."),
]


class Url(NewTerms, frozen=True, kw_only=True):
    url: UrlText
    code: CodeV2 | None = None
    shorturl: ShortUrl | None = None
    reuse: Reuse = False


class Urls(NewTerms, frozen=True, kw_only=True):
    urls: Annotated[list[UrlText], Meta(min_length=1, max_length=1000)]
    reuse: Reuse = False


class OneEntry(Credentials, frozen=True, kw_only=True):
    shorturl: ShortUrl


class ChangeShorturl(Credentials, frozen=True, kw_only=True):
    shorturl_old: ShortUrl
    shorturl_new: ShortUrl


class SetEnabled(OneEntry, frozen=True, kw_only=True):
    enabled: bool


class SetTag(OneEntry, frozen=True, kw_only=True):
    tag: Tag


class SetExpirationCount(OneEntry, frozen=True, kw_only=True):
    expiration_count: ClickLimit


class GetEntry(OneEntry, frozen=True, kw_only=True):
    qr: QrInput = None


class GetEntries(Credentials, frozen=True, kw_only=True):
    start: StartIndex = 0
    count: EntryCount = 3
    qr: QrInput = None
    tag: Annotated[Int64, Meta(description="Entries with this tag alone.")] | None = None
    tagmask_and: Annotated[Int64, Meta(description="Entries with all these bits.")] | None = None
    tagmask_or: Annotated[Int64, Meta(description="Entries with any of these bits.")] | None = None
    tags: (
        Annotated[list[TagName], Meta(max_length=TAGS, description="Entries with all these tags.")]
        | None
    ) = None
    search: Annotated[
        str,
        Meta(
            max_length=LONGEST,
            description="Words in codes, titles and destinations, and filters such as is:file.",
        ),
    ] = ""
    sort: Annotated[
        Literal["new", "clicks", "latest", "ending"],
        Meta(description="Newest, most clicks, latest click, or next to end first."),
    ] = "new"
    archived: (
        Annotated[bool, Meta(description="Those alone, or those not, that are archived.")] | None
    ) = None


class FindEntry(Credentials, frozen=True, kw_only=True):
    url: UrlText
    qr: QrInput = None


def _url_weight(args: Url | GetEntry | FindEntry) -> int:
    return image_weight(args.qr)


@call("url", weight=1000, extra_weight=_url_weight, keyed=Keyed.ONCE)
async def url(ctx: Context, args: Url) -> EntryOutput:
    """Shortens a URL. With a code of your own it replaces what was there."""
    host, code = requested_place(ctx, args.shorturl, args.host, args.code)
    destination = _destination(ctx, args.url, "url")
    terms, password = await terms_of_new(ctx, args)
    new = NewLink(destination, host, code, terms, password)
    [entry] = await _made(ctx, [new], args.qr, reuse=args.reuse)
    return EntryOutput(entry=entry)


def _urls_weight(args: Urls) -> int:
    return (ENTRY_WEIGHT + image_weight(args.qr)) * len(args.urls)


@call(
    "urls",
    weight=1000,
    extra_weight=_urls_weight,
    weight_note="+ 100 per URL",
    keyed=Keyed.ONCE,
)
async def urls(ctx: Context, args: Urls) -> EntriesOutput:
    """Shortens up to 1000 URLs: all of them, or none if one is refused."""
    host, _ = requested_place(ctx, None, args.host, None)
    destinations = [
        _destination(ctx, text, f"urls[{position}]") for position, text in enumerate(args.urls)
    ]
    terms, password = await terms_of_new(ctx, args)
    new = [
        NewLink(destination, host, terms=terms, password=password) for destination in destinations
    ]
    return EntriesOutput(entries=await _made(ctx, new, args.qr, reuse=args.reuse))


@call("change_shorturl", weight=1000)
async def change_shorturl(ctx: Context, args: ChangeShorturl) -> Empty:
    """Moves an entry to another short URL. Its id and its counts stay."""
    old = address_of(ctx, args.shorturl_old, "shorturl_old")
    host, code = _short_address(ctx, args.shorturl_new, "shorturl_new")
    await ctx.services.links.links.move(ctx.account, old, (host.number, code))
    return Empty()


@call("set_enabled", weight=1000)
async def set_enabled(ctx: Context, args: SetEnabled) -> Empty:
    """Switches an entry on or off. Off, its short URL answers 404; the entry stays."""
    address = address_of(ctx, args.shorturl)
    await ctx.services.links.links.change(ctx.account, address, enabled=args.enabled)
    return Empty()


@call("set_tag", weight=1000)
async def set_tag(ctx: Context, args: SetTag) -> Empty:
    """Changes the tag of an entry."""
    await ctx.services.links.links.change(ctx.account, address_of(ctx, args.shorturl), tag=args.tag)
    return Empty()


@call("set_expiration_count", weight=1000)
async def set_expiration_count(ctx: Context, args: SetExpirationCount) -> Empty:
    """Changes how many redirects an entry allows in all; those already made count."""
    address = address_of(ctx, args.shorturl)
    await ctx.services.links.links.change(
        ctx.account, address, expiration_count=args.expiration_count
    )
    return Empty()


@call("delete", weight=1000)
async def delete(ctx: Context, args: OneEntry) -> Empty:
    """Deletes an entry with its statistics; its short URL is free at once."""
    await ctx.services.links.links.delete(ctx.account, address_of(ctx, args.shorturl))
    return Empty()


@call("get_entry", weight=1000, extra_weight=_url_weight)
async def get_entry(ctx: Context, args: GetEntry) -> EntryOutput:
    """Shows an entry with its counts as of this moment."""
    link = ctx.services.links.links.get(ctx.account, address_of(ctx, args.shorturl))
    [entry] = await show(ctx, [link], args.qr)
    return EntryOutput(entry=entry)


@call("get_entries", weight=1000, weight_note="+ 100 per entry")
async def get_entries(ctx: Context, args: GetEntries) -> ListedOutput:
    """Lists entries, newest first unless asked otherwise; `tag` wins over the masks."""
    found = await _listed(ctx, args)
    ctx.charge((ENTRY_WEIGHT + image_weight(args.qr)) * len(found.links))
    entries = await show(ctx, found.links, args.qr, first_order=args.start)
    return ListedOutput(entries=entries, total=found.total)


async def _listed(ctx: Context, args: GetEntries) -> Found:
    links = ctx.services.links
    bits = TagFilter(equal=args.tag, all_bits=args.tagmask_and, any_bit=args.tagmask_or)
    check_characters(args.search, "search")
    sort = Sort(args.sort)
    if not (args.search or args.tags or sort is not Sort.NEW or args.archived is not None):
        page = await links.links.page(ctx.account, bits, start=args.start, count=args.count)
        return Found(page, await links.links.count(ctx.account, bits))
    await charge_reading(ctx)
    chosen = LinkQuery(
        made=True,
        also_hidden=args.archived is None,
        states=(State.HIDDEN,) if args.archived else (),
        tags=tuple(args.tags or ()),
        sort=sort,
    )
    return await links.listing.read(
        ctx.account,
        parse(args.search, chosen),
        ctx.now,
        start=args.start,
        count=args.count,
        wanted=lambda link: bits(link.tag),
    )


@call("find_entry", weight=1000, extra_weight=_url_weight)
async def find_entry(ctx: Context, args: FindEntry) -> EntryOutput:
    """Shows your newest entry that leads to a URL, one that leads there now before others."""
    destination = parse_destination(args.url, ctx.services.hosts.names, field="url", is_set=False)
    links = ctx.services.links
    if not links.index.is_ready(ctx.account):
        await charge_reading(ctx)
    link = await links.reusing.find(ctx.account, destination.location, ctx.now)
    if link is None:
        raise errors.ENTRY_NOT_FOUND("You have no entry that leads there.", field="url")
    [entry] = await show(ctx, [link], args.qr)
    return EntryOutput(entry=entry)


async def _made(ctx: Context, new: Sequence[NewLink], qr: QrInput, *, reuse: bool) -> list[Entry]:
    if not reuse:
        links = await ctx.once(partial(_create, ctx, new), list[Link])
        return await show(ctx, links, qr, new=True)
    services = ctx.services.links
    if not services.index.is_ready(ctx.account):
        await charge_reading(ctx)
    async with services.index.turn(ctx.account):
        found: dict[str, Link] = {}
        missing: dict[str, NewLink] = {}
        for one in new:
            if (key := key_of(one)) in found or key in missing:
                continue
            link = await services.reusing.instead_of(ctx.account, one, ctx.now)
            if link is None:
                missing[key] = one
            else:
                found[key] = link
        made: list[Link] = []
        if missing or ctx.attempt.has_key:
            made = await ctx.once(partial(_create, ctx, list(missing.values())), list[Link])
    by_key = {**{normalized(link.location): link for link in made}, **found}
    links = [by_key[key_of(one)] for one in new]
    return await show(ctx, links, qr, made={link.id for link in made})


async def _create(ctx: Context, new: Sequence[NewLink]) -> list[Link]:
    return await ctx.services.links.links.create(ctx.account, new, ctx.now)


async def charge_reading(ctx: Context) -> None:
    """For a look through all that the account has made."""
    made = await ctx.services.links.links.count(ctx.account, TagFilter())
    ctx.charge(min(made, LINKS_READ) // LINKS_PER_WEIGHT)


def _destination(ctx: Context, text: str, field: str) -> Destination:
    return parse_destination(text, ctx.services.hosts.names, field=field)


def requested_place(
    ctx: Context, shorturl: str | None, host: str | None, code: str | None
) -> tuple[ShortHost, str | None]:
    """Where a new entry goes; `shorturl` wins over `host` and `code`."""
    if shorturl is not None:
        return _short_address(ctx, shorturl, "shorturl")
    if host is None:
        named: ShortHost | None = ctx.services.hosts.default
    else:
        named = ctx.services.teams.domains.named(ctx.account, host)
    if named is None:
        raise errors.UNKNOWN_HOST(field="host")
    if code is not None:
        wish = "Expected: 6 to 16 of A-Z, a-z, 0-9; case matters."
        refusal = errors.INVALID_FIELD(field="code", english=wish)
        try:
            code = ctx.services.links.codes.check(code, named, ordinary=_CODE, refusal=refusal)
        except errors.ShortdError as malformed:
            if malformed.kind is errors.INVALID_FIELD:
                # Found later than other malformed fields, and as free as these.
                ctx.give_back(ctx.charged)
            raise
    return named, code


def _short_address(ctx: Context, shorturl: str, field: str) -> tuple[ShortHost, str]:
    """A short URL that an entry is to get: a host of ours and a code that v2 allows there."""
    name, rest = split_short_url(shorturl)
    host, codes = ctx.services.teams.domains.named(ctx.account, name), ctx.services.links.codes
    if host is None:
        raise errors.UNKNOWN_HOST(field=field)
    rest = host.within(rest) or ""
    code = unescaped(rest) if codes.allows(host) else read_code(rest) or ""
    refusal = errors.INVALID_CODE("A code is 6 to 16 of A-Z, a-z, 0-9.", field=field)
    return host, codes.check(code, host, ordinary=_CODE, refusal=refusal, field=field)


def address_of(ctx: Context, shorturl: str, field: str = "shorturl") -> Address:
    """The address a short URL names; what is none of ours is no entry of yours."""
    address = ctx.services.links.links.address(shorturl)
    if address is None:
        raise errors.ENTRY_NOT_FOUND(field=field)
    return address
