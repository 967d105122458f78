"""`explain` (ours): what a visitor of a link would get, and why."""

from __future__ import annotations

from shortd import errors
from shortd.api.v2.link_calls import OneEntry, address_of
from shortd.api.v2.registry import Context, Output, call
from shortd.plugin_runtime.steps import Step
from shortd.visits.pretending import PretendedVisitor


class Explain(OneEntry, frozen=True, kw_only=True):
    visitor: PretendedVisitor = PretendedVisitor()


class Explanation(Output, frozen=True, kw_only=True):
    """What a visit would get."""

    outcome: str
    """redirect, interstitial, file, protected, hidden, not_found, expired or limited."""
    location: str
    """Where the visitor would be sent; empty if nowhere."""
    choice: str
    steps: list[Step]
    """The questions on the way there, in order."""


@call("explain", weight=1000)
async def explain(ctx: Context, args: Explain) -> Explanation:
    """What would happen to a visitor of your link, and why, step by step. Counts nothing."""
    host, code = address_of(ctx, args.shorturl)
    ctx.services.links.links.get(ctx.account, (host, code))
    try:
        visit = args.visitor.visit(ctx.now, ctx.address)
    except ValueError as fault:
        raise errors.INVALID_FIELD(str(fault), field="visitor.address") from None
    decision, steps = ctx.services.visits.visits.explain(host, code, visit)
    return Explanation(
        outcome=decision.outcome.value,
        location=decision.location,
        choice=decision.choice,
        steps=steps,
    )
