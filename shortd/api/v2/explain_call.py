"""`explain` (ours): what a visitor of a link would get, and why."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.v2.link_calls import OneEntry, address_of
from shortd.api.v2.registry import Context, Output, call
from shortd.heads import LANGUAGE_LIMIT, REFERRER_LIMIT, USER_AGENT_LIMIT
from shortd.plugin_types import Visit
from shortd.plugins.steps import Step
from shortd.visitors import is_address

LAST_UTIME = 253_402_300_799_999_999
"""The end of the year 9999: what comes later is no date to Python, nor to plugins."""
Header = Annotated[str, Meta(max_length=2048)]


class PretendedVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """A visitor who is not there."""

    user_agent: Header = ""
    accept_language: Header = ""
    referrer: Header = ""
    address: Annotated[str, Meta(max_length=64)] = ""
    """Empty: the caller's own."""
    country: Annotated[str, Meta(max_length=2)] = ""
    """Empty: that of the address, if it is known."""
    qr: bool = False
    head: bool = False
    prefetch: bool = False
    do_not_track: bool = False
    utime: Annotated[int, Meta(ge=0, le=LAST_UTIME)] | None = None
    """When; null is now."""


class Explain(OneEntry, frozen=True, kw_only=True):
    visitor: PretendedVisitor = PretendedVisitor()


class Explanation(Output, frozen=True, kw_only=True):
    """What a visit would get."""

    outcome: str
    """redirect, interstitial, file, hidden, not_found, expired or limited."""
    location: str
    """Where the visitor would be sent; empty if nowhere."""
    choice: str
    steps: list[Step]
    """The questions on the way there, in order."""


@call("explain", weight=1000)
async def explain(ctx: Context, args: Explain) -> Explanation:
    """What would happen to a visitor of your link, and why, step by step. Counts nothing."""
    host, code = address_of(ctx, args.shorturl)
    ctx.services.links.get(ctx.account, (host, code))
    pretended = args.visitor
    # Plugins may rely on what a real visit has: failing here would switch them off for all.
    if pretended.address and not is_address(pretended.address):
        raise errors.INVALID_FIELD("This is no IP address.", field="visitor.address")
    visit = Visit(
        utime=ctx.now if pretended.utime is None else pretended.utime,
        is_get=not pretended.head,
        is_prefetch=pretended.prefetch,
        is_qr=pretended.qr,
        address=pretended.address or ctx.address,
        user_agent=pretended.user_agent[:USER_AGENT_LIMIT],
        referrer=pretended.referrer[:REFERRER_LIMIT],
        accept_language=pretended.accept_language[:LANGUAGE_LIMIT],
        do_not_track=pretended.do_not_track,
        country=pretended.country,
    )
    decision, steps = ctx.services.visits.explain(host, code, visit)
    return Explanation(
        outcome=decision.outcome.value,
        location=decision.location,
        choice=decision.choice,
        steps=steps,
    )
