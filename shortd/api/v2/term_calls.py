"""`set_terms` (ours): any terms of an entry, changed in one call."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from shortd import errors
from shortd.api.v2.entries import Entry, show
from shortd.api.v2.link_calls import address_of
from shortd.api.v2.registry import Context, Output, call
from shortd.api.v2.terms import EntryTerms, FurtherTerms, given_terms, shown_terms
from shortd.fields import ClickLimit, ShortUrl, Tag, UrlText, Utime
from shortd.links.terms import TermChanges


class SetTerms(FurtherTerms, frozen=True, kw_only=True):
    shorturl: ShortUrl
    url: UrlText | UnsetType = UNSET
    tag: Tag | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    expiration_utime: Utime | UnsetType = UNSET
    expiration_count: ClickLimit | UnsetType = UNSET


class TermsOutput(Output, frozen=True, kw_only=True):
    """The entry as it is now, and all its terms."""

    entry: Entry
    terms: EntryTerms


@call("set_terms", weight=1000)
async def set_terms(ctx: Context, args: SetTerms) -> TermsOutput:
    """Changes the terms that are given, together, and shows all. Without any it changes nothing."""
    address = address_of(ctx, args.shorturl)
    given = given_terms(args)
    for name in ("tag", "enabled", "expiration_utime", "expiration_count"):
        value = getattr(args, name)
        if value is not UNSET:
            given[name] = value
    if args.url is not UNSET:
        given["destination"] = args.url
    if given:
        try:
            link = await ctx.services.links.terms.change(ctx.account, address, TermChanges(**given))
        except errors.ShortdError as error:
            if error.field != "destination":
                raise
            raise error.kind(error.message, field="url") from None
    else:
        link = ctx.services.links.links.get(ctx.account, address)
    [entry] = await show(ctx, [link], None)
    return TermsOutput(entry=entry, terms=shown_terms(link))
