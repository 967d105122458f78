"""The calls of sqwish: shorten, stats, ips."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import gmtime, strftime

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.sqwish.documents import Document, Format, flag
from shortd.api.sqwish.registry import Context, call
from shortd.clock import SECOND
from shortd.hosts.destinations import parse_destination
from shortd.links import NewLink
from shortd.links.terms import TermChanges
from shortd.models.accounts import Scope
from shortd.models.clicks import Visit
from shortd.models.links import Link

DRAWN_LENGTHS = (3, 4, 5)
"""Of codes; when all these are used up, they have the six characters of other links."""
MOST_ADDRESSES = 10_000
"""That an answer has: as many visits as a link keeps unless the settings say otherwise."""
ADDRESS_WEIGHT = 1
"""Weight units for each address that `ips` answers."""


@call("shorten", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def shorten(ctx: Context) -> Document:
    """Shortens a URL, under a code of one's own and with a password if they are given."""
    if ctx.is_prefetch:
        raise errors.BAD_REQUEST("No link is made for a request that is a mere prefetch.")
    services = ctx.services
    url, password = ctx.parameters.need("url"), ctx.parameters.get("password")
    destination = parse_destination(url, services.hosts.names)
    custom = custom_code(ctx)
    owner = await ctx.owner()
    terms, hashed = await services.links.terms.of_new(TermChanges(password=password))
    new = NewLink(
        destination=destination,
        host=services.hosts.default,
        code=custom,
        drawn_lengths=DRAWN_LENGTHS,
        replaces=False,
        terms=terms,
        password=hashed,
    )
    links = services.links.links
    [link] = await ctx.once(lambda: links.create(owner, [new], ctx.now), list[Link])
    return {**facts(ctx, link), "custom": flag(bool(custom)), "password": flag(bool(password))}


@call("stats", scope=Scope.READ)
async def stats(ctx: Context) -> Document:
    """How often a link was followed."""
    # What was made without a key is no secret to those who have one.
    link = await _link(ctx, also_anonymous=ctx.keyless)
    return {**facts(ctx, link), "hits": _hits(ctx, link)}


@call("ips", scope=Scope.READ, needs_key=True)
async def ips(ctx: Context) -> Document:
    """Who followed a link lately: addresses and times, the newest first."""
    limit = ctx.parameters.positive("limit")
    link = await _link(ctx, also_anonymous=False)
    most = min(limit or MOST_ADDRESSES, MOST_ADDRESSES)
    visits = await ctx.services.clicks.recent_visits.of_link(link.id, most, ctx.now)
    ctx.charge(ADDRESS_WEIGHT * len(visits))
    # The document has it in XML alone.
    shown = {"limit": str(limit or flag(False))} if ctx.written is Format.XML else {}
    return {
        **facts(ctx, link),
        "hits": _hits(ctx, link),
        **shown,
        "iplist": {"ipdata": await asyncio.to_thread(_listed, visits)},
    }


async def _link(ctx: Context, *, also_anonymous: bool) -> Link:
    """The link that the parameters name, if the caller may know about it.

    MISSING_FIELD, ENTRY_NOT_FOUND, ACCOUNT_LOCKED; BAD_CREDENTIALS for a wrong password,
    LOGIN_LIMITED after many.
    """
    links, code = ctx.services.links.links, ctx.parameters.need("code")
    # A whole short URL names a link of another host.
    address = links.named(code, ctx.services.hosts.default)
    if address is None:
        raise errors.ENTRY_NOT_FOUND(field="code")
    owner = await ctx.owner()
    try:
        link = links.get(owner, address)
    except errors.ShortdError:
        if not also_anonymous:
            raise
        link = links.get(await ctx.services.accounts.accounts.anonymous(ctx.now), address)
    await _check_password(ctx, link)
    return link


async def _check_password(ctx: Context, link: Link) -> None:
    if link.rare is None or link.rare.password is None:
        return
    passwords, password = ctx.services.links.passwords, ctx.parameters.get("password")
    if not password:
        raise errors.BAD_CREDENTIALS("This link asks for its password.", field="password")
    try:
        await passwords.check_password(link, password, ctx.address)
    except errors.ShortdError as refusal:
        if refusal.kind is not errors.WRONG_PASSWORD:
            raise
        raise errors.BAD_CREDENTIALS(refusal.message, field="password") from None


def custom_code(ctx: Context) -> str | None:
    """The code of one's own; None where one is to be drawn. INVALID_CODE, CODE_RESERVED."""
    custom = ctx.parameters.get("custom")
    if not custom:
        return None
    refusal = errors.INVALID_CODE(
        "A code has 1 to 64 of A-Z, a-z, 0-9, _ and -, and does not begin with -.", field="custom"
    )
    services = ctx.services
    return services.links.codes.check(
        custom, services.hosts.default, refusal=refusal, field="custom"
    )


def facts(ctx: Context, link: Link) -> dict[str, str]:
    """What all answers begin with."""
    return {
        "error": flag(False),
        "original": link.url,
        "shortURL": ctx.services.hosts.short_url(link),
        "code": link.code,
    }


def _hits(ctx: Context, link: Link) -> str:
    with ctx.services.store.read() as txn:
        return str(ctx.services.clicks.clicks.live(txn, link.id).count)


def _listed(visits: Sequence[Visit]) -> list[Document]:
    return [
        {
            "ip": visit.address,
            "date": strftime("%Y-%m-%d %H:%M:%S", gmtime(visit.utime // SECOND)),
        }
        for visit in visits
    ]
