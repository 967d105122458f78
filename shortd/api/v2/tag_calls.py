"""The call of ww7 v2 (ours) that tells which tags there are: get_tags."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd.api.v2.link_calls import charge_reading
from shortd.api.v2.registry import Context, Credentials, Output, call

MOST_TAGS = 1000
"""In one answer."""


class GetTags(Credentials, frozen=True, kw_only=True):
    start: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Where to begin; 0 is first.")] = 0
    count: Annotated[
        int, Meta(ge=1, le=MOST_TAGS, description="How many tags by name, at most.")
    ] = MOST_TAGS


class NamedTag(msgspec.Struct, frozen=True, kw_only=True):
    """One of `tags` of entries."""

    name: str
    count: int
    """How many entries have it."""


class TagBit(msgspec.Struct, frozen=True, kw_only=True):
    """A bit of `tag` of entries."""

    bit: int
    """From 0: the tag is 2 to the power of it."""
    name: str
    """What the account calls it on the pages."""
    count: int


class TagsOutput(Output, frozen=True, kw_only=True):
    """`tags`: a page of them, by name; `total`: how many there are; `bits`: those in use."""

    tags: list[NamedTag]
    total: int
    bits: list[TagBit]


@call("get_tags", weight=1000)
async def get_tags(ctx: Context, args: GetTags) -> TagsOutput:
    """Lists the tags of your entries, with how many entries have each."""
    await charge_reading(ctx)
    found = await ctx.services.links.tagging.counted(
        ctx.account, ctx.now, start=args.start, count=args.count
    )
    return TagsOutput(
        tags=[NamedTag(name=tag.name, count=tag.links) for tag in found.texts],
        total=found.total,
        bits=[
            TagBit(bit=tag.bit, name=tag.name, count=tag.links)
            for tag in found.bits
            if tag.bit is not None
        ],
    )
