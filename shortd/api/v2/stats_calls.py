"""The calls about statistics (ours): get_stats, export_stats."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.v2.link_calls import OneEntry, address_of
from shortd.api.v2.registry import Context, Output, call
from shortd.clicks.rollups import DIMENSIONS
from shortd.clicks.statistics import LAST_DAY, Value, day_of, day_text
from shortd.clicks.statistics_csv import EXPORT_DAYS, statistics_csv
from shortd.clock import DAY

DEFAULT_DAYS = 30

DayText = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)", description="A UTC day: YYYY-MM-DD.")
]
_NAMES = ", ".join(DIMENSIONS)
Dimension = Annotated[
    str, Meta(pattern=rf"^({'|'.join(DIMENSIONS)})$(?!\n)", description=f"One of {_NAMES}.")
]


class GetStats(OneEntry, frozen=True, kw_only=True):
    first: DayText | None = msgspec.field(default=None, name="from")
    """Null: 30 days in all."""
    last: DayText | None = msgspec.field(default=None, name="to")
    """Included; null: today."""
    dimensions: Annotated[list[Dimension], Meta(description=f"Some of {_NAMES}.")] | None = None
    """Null: all of them."""


class DayCount(msgspec.Struct, frozen=True):
    """A day's clicks."""

    day: str
    count: int


class PartCount(msgspec.Struct, frozen=True):
    """A part of a value: a version or a model."""

    value: str
    count: int


class ValueCount(msgspec.Struct, frozen=True):
    """A value of a dimension."""

    value: str
    count: int
    parts: list[PartCount]
    """Versions of a system or a browser, models of a brand; else empty."""


class Stats(Output, frozen=True, kw_only=True):
    """A link's clicks on these days."""

    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")
    total: int
    days: list[DayCount]
    """Without holes from the first clicked day on."""
    dimensions: dict[str, list[ValueCount]]
    """Most clicks first, then by name."""


class Export(Output, frozen=True, kw_only=True):
    """Statistics by day, as RFC 4180 has it: day, dimension, value, part, count."""

    csv: str


@call("get_stats", weight=1000)
async def get_stats(ctx: Context, args: GetStats) -> Stats:
    """What an entry's clicks came to: by day, source, device, system, browser, brand, robot,
    language and country.
    """
    link = ctx.services.links.links.get(ctx.account, address_of(ctx, args.shorturl))
    first, last = _range(ctx, args)
    found = await ctx.services.clicks.statistics.of_link(link.id, first, last, ctx.now)
    return Stats(
        first=day_text(first),
        last=day_text(last),
        total=found.total,
        days=[DayCount(day_text(day.day), day.count) for day in found.days],
        dimensions={
            name: [_value_count(value) for value in values]
            for name, values in found.dimensions.items()
            if args.dimensions is None or name in args.dimensions
        },
    )


@call("export_stats", weight=1000)
async def export_stats(ctx: Context, args: GetStats) -> Export:
    """The same day by day, as CSV text; up to 366 days at once."""
    link = ctx.services.links.links.get(ctx.account, address_of(ctx, args.shorturl))
    first, last = _range(ctx, args)
    if last - first >= EXPORT_DAYS:
        raise errors.INVALID_FIELD(f"Expected at most {EXPORT_DAYS} days.", field="from")
    wanted = [name for name in DIMENSIONS if args.dimensions is None or name in args.dimensions]
    rows = await ctx.services.clicks.statistics.by_day(link.id, first, last, wanted)
    return Export(csv=statistics_csv(rows))


def _range(ctx: Context, args: GetStats) -> tuple[int, int]:
    """The days asked for, by their numbers. INVALID_FIELD."""
    last = ctx.now // DAY if args.last is None else _day(args.last, "to")
    first = max(0, last - DEFAULT_DAYS + 1) if args.first is None else _day(args.first, "from")
    if first > last:
        raise errors.INVALID_FIELD("Expected a day that is not after `to`.", field="from")
    return first, last


def _day(text: str, field: str) -> int:
    try:
        day = day_of(text)
    except ValueError:
        day = -1
    if not 0 <= day <= LAST_DAY:
        raise errors.INVALID_FIELD("Expected a day since 1970-01-01.", field=field)
    return day


def _value_count(value: Value) -> ValueCount:
    parts = [PartCount(part.name, part.count) for part in value.parts]
    return ValueCount(value.name, value.count, parts)
