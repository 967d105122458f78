"""`multi`: several calls in one request, outputs of some feeding the inputs of later ones."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v2.envelope import Answer, Envelope, refused, run
from shortd.api.v2.registry import Context, Input, JsonObject, Output, call


class CallQuery(msgspec.Struct, frozen=True):
    """One call of a `multi`."""

    type: str
    input: JsonObject = {}
    broadcast: bool = False


class Multi(Input, frozen=True, kw_only=True):
    call_queries: Annotated[list[CallQuery], Meta(max_length=100)]


class MultiOutput(Output, frozen=True, kw_only=True):
    """`call_responses`: an envelope for each call, in their order."""

    call_responses: list[Envelope]


@call("multi", weight=0, keyed=Keyed.REFUSED)
async def multi(ctx: Context, args: Multi) -> MultiOutput:
    """Runs up to 100 calls in order, all of them even after a failure.

    The output of a call with `broadcast` is offered to the calls after it as input; their own
    inputs win. A `multi` or a file upload inside fails alone, and so does what is no longer shown
    because the answer would be too large.
    """
    broadcast: JsonObject = {}
    responses = []
    with ctx.services.limits.answers.holding() as held:
        for query in args.call_queries:
            answer = await _run(ctx, query, broadcast)
            output = msgspec.json.encode(answer.envelope.output)
            try:
                held.grow(len(output))
            except errors.ShortdError as error:
                # What it has done is done: only what it would have shown does not fit.
                old = answer.envelope
                answer = refused(old.type, error, old.utime, old.weight)
                output = b"{}"
            # Of a long list the objects take as much again as what they are encoded as.
            responses.append(msgspec.structs.replace(answer.envelope, output=msgspec.Raw(output)))
            if query.broadcast and answer.http_status == 200:
                broadcast |= msgspec.json.decode(output, type=JsonObject)
            # Two long lists are not to be there at once.
            del answer, output
            # Each may take as long as a call of its own.
            await asyncio.sleep(0)
    return MultiOutput(call_responses=responses)


async def _run(ctx: Context, query: CallQuery, broadcast: JsonObject) -> Answer:
    if query.type == "multi":
        error = errors.UNKNOWN_CALL("This call cannot stand inside multi.", field="type")
        return refused(query.type, error, ctx.services.clock.now())
    return await run(
        ctx.services,
        query.type,
        query.input,
        address=ctx.address,
        user_agent=ctx.user_agent,
        broadcast=broadcast,
        disconnected=ctx.disconnected,
    )
