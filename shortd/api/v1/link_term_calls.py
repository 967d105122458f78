"""The calls that say where a link leads, until when, and for whom."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.v1.inputs import HexId
from shortd.api.v1.link_calls import CampaignParameters
from shortd.api.v1.link_inputs import (
    Flag,
    LinkText,
    OneLink,
    emptied,
    end_of,
    link_errors,
    number_of,
)
from shortd.api.v1.registry import Context, Empty, call
from shortd.fields import ClickLimit, UrlText
from shortd.links.passwords import PASSWORD_CHARACTERS
from shortd.links.terms import WINDOW_MINUTES, TermChanges
from shortd.models.accounts import Scope
from shortd.models.links import DAY_MINUTES, RareTerms

_NO_RARE_TERMS = RareTerms()

Minutes = Annotated[int, Meta(ge=1, le=WINDOW_MINUTES, description="Minutes, up to a year.")]


class Redirect(CampaignParameters, frozen=True, kw_only=True):
    link_id: HexId
    destination: UrlText | None = None
    click_type: Flag | None = None
    unique_time: Minutes | None = None


class Expiration(OneLink, frozen=True, kw_only=True):
    date: LinkText | None = None
    destination_by_date: UrlText | None = None
    click: ClickLimit | None = None
    click_type: Flag | None = None
    destination_by_click: UrlText | None = None


class Password(OneLink, frozen=True, kw_only=True):
    password: Annotated[
        str, Meta(max_length=PASSWORD_CHARACTERS, description="What visitors have to name.")
    ]


@call("entity/link/redirect", scope=Scope.WRITE)
async def link_redirect(ctx: Context, args: Redirect) -> Empty:
    """Changes where a link leads, how its clicks count, and its UTM parameters."""
    with link_errors():
        link = ctx.services.links.links.changeable(ctx.account, number_of(args.link_id))
        known = (link.rare or _NO_RARE_TERMS).unique_minutes
        changes = msgspec.structs.replace(
            args.changes(),
            destination=args.destination,
            unique_minutes=_window(args, known),
        )
        await ctx.services.links.terms.change(ctx.account, link.id, changes)
    return Empty()


@call("entity/link/expiration", scope=Scope.WRITE)
async def link_expiration(ctx: Context, args: Expiration) -> Empty:
    """Ends a link after a day, or after a number of clicks."""
    with link_errors():
        changes = TermChanges(
            expiration_utime=end_of(args.date),
            date_fallback=emptied(args.destination_by_date),
            expiration_count=args.click,
            counts_unique=None if args.click_type is None else bool(args.click_type),
            count_fallback=emptied(args.destination_by_click),
        )
        await ctx.services.links.terms.change(ctx.account, number_of(args.link_id), changes)
    return Empty()


@call("entity/link/password", scope=Scope.WRITE)
async def link_password(ctx: Context, args: Password) -> Empty:
    """Gives a link a password, in place of the one that it had."""
    await _change(ctx, args.link_id, TermChanges(password=args.password))
    return Empty()


@call("entity/link/remove-password", scope=Scope.WRITE)
async def link_remove_password(ctx: Context, args: OneLink) -> Empty:
    """Takes a link's password away."""
    await _change(ctx, args.link_id, TermChanges(password=""))
    return Empty()


async def _change(ctx: Context, link_id: str, changes: TermChanges) -> None:
    with link_errors():
        await ctx.services.links.terms.change(ctx.account, number_of(link_id), changes)


def _window(args: Redirect, known: int) -> int | None:
    """The unique window in minutes that a link is to have, which had `known`; None: as it is."""
    if args.click_type == 0:
        return 0
    if args.click_type == 1:
        return args.unique_time or known or DAY_MINUTES
    if args.unique_time is not None and not known:
        raise errors.INVALID_FIELD(
            "Means something with a clickType of 1 alone.", field="unique_minutes"
        )
    return args.unique_time
