"""The calls that lead some visitors elsewhere: data of the plugins `mobile` and `ab`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shortd.api.v1.link_inputs import OneLink, emptied, link_errors, number_of
from shortd.api.v1.registry import Context, Empty, call
from shortd.fields import UrlText
from shortd.links.plugin_data import Change, data_of
from shortd.models.accounts import Scope
from shortd.models.links import Link

MOBILE = "mobile"
AB = "ab"
PLATFORMS = ("ios", "android", "windows", "mobile")


class RedirectMobile(OneLink, frozen=True, kw_only=True):
    ios: UrlText | None = None
    android: UrlText | None = None
    windows: UrlText | None = None
    mobile: UrlText | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A destination, and the share of the visitors that are led there."""

    link: UrlText
    percentage: Annotated[int, Meta(ge=1, le=100)]


class Testing(OneLink, frozen=True, kw_only=True):
    testing: Annotated[tuple[Variant, ...], Meta(max_length=10)]


@call("entity/link/redirect-mobile", scope=Scope.WRITE)
async def link_redirect_mobile(ctx: Context, args: RedirectMobile) -> Empty:
    """Leads phones and tablets elsewhere, by platform."""
    given = {name: emptied(getattr(args, name)) for name in PLATFORMS}

    def merged(link: Link) -> dict[str, Any] | None:
        known = data_of(link, MOBILE)
        places = {name: known.get(name, "") if url is None else url for name, url in given.items()}
        return {name: url for name, url in places.items() if url} or None

    await _change(ctx, args.link_id, MOBILE, merged)
    return Empty()


@call("entity/link/testing", scope=Scope.WRITE)
async def link_testing(ctx: Context, args: Testing) -> Empty:
    """Splits a link's visitors between destinations; who is left over goes to the link's own."""
    variants = [{"url": one.link, "weight": one.percentage} for one in args.testing]
    data = {"variants": variants} if variants else None
    await _change(ctx, args.link_id, AB, lambda link: data)
    return Empty()


async def _change(ctx: Context, link_id: str, plugin: str, change: Change) -> None:
    with link_errors():
        number = number_of(link_id)
        await ctx.services.links.plugin_data.change(ctx.account, number, plugin, change, ctx.now)
