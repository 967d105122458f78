"""The link calls of ww7 v2: url, urls, change_shorturl, set_*, delete, get_entry, get_entries."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from shortd import errors
from shortd.api.v2.entries import EntriesOutput, EntryOutput, QrInput, show
from shortd.api.v2.registry import Context, Credentials, Empty, call
from shortd.destinations import Destination, parse_destination
from shortd.fields import (
    ClickLimit,
    CodeV2,
    EntryCount,
    HostName,
    Int64,
    ShortUrl,
    StartIndex,
    Tag,
    UrlText,
    Utime,
)
from shortd.hosts import ShortHost, without_scheme
from shortd.links import Address, NewLink, TagFilter
from shortd.models import NEVER

_CODE = re.compile(r"[A-Za-z0-9]{6,16}", re.ASCII)
ENTRY_WEIGHT = 100


class Terms(Credentials, frozen=True, kw_only=True):
    """What any new entry can be given."""

    expiration_utime: Utime = NEVER
    tag: Tag = 0
    expiration_count: ClickLimit = 0
    host: HostName | None = None
    qr: QrInput = None


class Url(Terms, frozen=True, kw_only=True):
    url: UrlText
    code: CodeV2 | None = None
    shorturl: ShortUrl | None = None


class Urls(Terms, frozen=True, kw_only=True):
    urls: Annotated[list[UrlText], Meta(min_length=1, max_length=1000)]


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


@call("url", weight=1000)
async def url(ctx: Context, args: Url) -> EntryOutput:
    """Shortens a URL. With a code of your own it replaces what was there."""
    host, code = place(ctx, args.shorturl, args.host, args.code)
    destination = _destination(ctx, args.url, "url")
    new = NewLink(
        destination=destination,
        host=host,
        code=code,
        tag=args.tag,
        expiration_utime=args.expiration_utime,
        expiration_count=args.expiration_count,
    )
    links = await ctx.services.links.create(ctx.account, [new], ctx.now)
    [entry] = await show(ctx, links, args.qr, new=True)
    return EntryOutput(entry=entry)


def _urls_weight(args: Urls) -> int:
    return ENTRY_WEIGHT * len(args.urls)


@call("urls", weight=1000, extra_weight=_urls_weight, weight_note="+ 100 per URL")
async def urls(ctx: Context, args: Urls) -> EntriesOutput:
    """Shortens up to 1000 URLs: all of them, or none if one is refused."""
    host, _ = place(ctx, None, args.host, None)
    new = [
        NewLink(
            destination=_destination(ctx, text, f"urls[{position}]"),
            host=host,
            tag=args.tag,
            expiration_utime=args.expiration_utime,
            expiration_count=args.expiration_count,
        )
        for position, text in enumerate(args.urls)
    ]
    links = await ctx.services.links.create(ctx.account, new, ctx.now)
    return EntriesOutput(entries=await show(ctx, links, args.qr, new=True))


@call("change_shorturl", weight=1000)
async def change_shorturl(ctx: Context, args: ChangeShorturl) -> Empty:
    """Moves an entry to another short URL. Its id and its counts stay."""
    old = address_of(ctx, args.shorturl_old, "shorturl_old")
    host, code = _short_address(ctx, args.shorturl_new, "shorturl_new")
    await ctx.services.links.move(ctx.account, old, (host.number, code))
    return Empty()


@call("set_enabled", weight=1000)
async def set_enabled(ctx: Context, args: SetEnabled) -> Empty:
    """Switches an entry on or off. Off, its short URL answers 404; the entry stays."""
    address = address_of(ctx, args.shorturl)
    await ctx.services.links.change(ctx.account, address, enabled=args.enabled)
    return Empty()


@call("set_tag", weight=1000)
async def set_tag(ctx: Context, args: SetTag) -> Empty:
    """Changes the tag of an entry."""
    await ctx.services.links.change(ctx.account, address_of(ctx, args.shorturl), tag=args.tag)
    return Empty()


@call("set_expiration_count", weight=1000)
async def set_expiration_count(ctx: Context, args: SetExpirationCount) -> Empty:
    """Changes how many redirects an entry allows in all; those already made count."""
    address = address_of(ctx, args.shorturl)
    await ctx.services.links.change(ctx.account, address, expiration_count=args.expiration_count)
    return Empty()


@call("delete", weight=1000)
async def delete(ctx: Context, args: OneEntry) -> Empty:
    """Deletes an entry with its statistics; its short URL is free at once."""
    await ctx.services.links.delete(ctx.account, address_of(ctx, args.shorturl))
    return Empty()


@call("get_entry", weight=1000)
async def get_entry(ctx: Context, args: GetEntry) -> EntryOutput:
    """Shows an entry with its counts as of this moment."""
    link = ctx.services.links.get(ctx.account, address_of(ctx, args.shorturl))
    [entry] = await show(ctx, [link], args.qr)
    return EntryOutput(entry=entry)


@call("get_entries", weight=1000, weight_note="+ 100 per entry")
async def get_entries(ctx: Context, args: GetEntries) -> EntriesOutput:
    """Lists entries, newest first, by tag if asked; `tag` wins over the masks."""
    links = await ctx.services.links.page(
        ctx.account,
        TagFilter(equal=args.tag, all_bits=args.tagmask_and, any_bit=args.tagmask_or),
        start=args.start,
        count=args.count,
    )
    ctx.charge(ENTRY_WEIGHT * len(links))
    return EntriesOutput(entries=await show(ctx, links, args.qr, first_order=args.start))


def _destination(ctx: Context, text: str, field: str) -> Destination:
    return parse_destination(text, ctx.services.hosts.names, field=field)


def place(
    ctx: Context, shorturl: str | None, host: str | None, code: str | None
) -> tuple[ShortHost, str | None]:
    """Where a new entry goes; `shorturl` wins over `host` and `code`."""
    if shorturl is not None:
        return _short_address(ctx, shorturl, "shorturl")
    if host is None:
        return ctx.services.hosts.default, code
    named = ctx.services.domains.named(ctx.account, host)
    if named is None:
        raise errors.UNKNOWN_HOST(field="host")
    return named, code


def _short_address(ctx: Context, shorturl: str, field: str) -> tuple[ShortHost, str]:
    """A short URL that an entry is to get: a host of ours and a code that v2 allows."""
    name, _, code = without_scheme(shorturl).partition("/")
    host = ctx.services.domains.named(ctx.account, name)
    if host is None:
        raise errors.UNKNOWN_HOST(field=field)
    if not _CODE.fullmatch(code):
        raise errors.INVALID_CODE("A code is 6 to 16 of A-Z, a-z, 0-9.", field=field)
    return host, code


def address_of(ctx: Context, shorturl: str, field: str = "shorturl") -> Address:
    """The address a short URL names; what is none of ours is no entry of yours."""
    address = ctx.services.links.address(shorturl)
    if address is None:
        raise errors.ENTRY_NOT_FOUND(field=field)
    return address
