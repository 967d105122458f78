"""What the clicks on a link came to: entity/link/analytics."""

from __future__ import annotations

from datetime import date

from shortd import errors
from shortd.api.v1.link_inputs import OneLink, link_errors, number_of
from shortd.api.v1.registry import Context, Output, call
from shortd.clicks.statistics import Metric, metric_maps
from shortd.clock import DAY
from shortd.models.accounts import Scope

DEFAULT_DAYS = 30
_EPOCH = date(1970, 1, 1)


class Analytics(OneLink, frozen=True, kw_only=True):
    start_time: date | None = None
    end_time: date | None = None


class AnalyticsOutput(Output, frozen=True, kw_only=True):
    metrics_map: dict[str, tuple[Metric, ...]]
    """By the document's numbers, 1 to 10."""


@call("entity/link/analytics", scope=Scope.READ)
async def link_analytics(ctx: Context, args: Analytics) -> AnalyticsOutput:
    """Shows a link's clicks by day, source, device, system, browser, brand, language, country and
    robot. Days are UTC, both ends included; 30 days to today if nothing is said.
    """
    last = _day(args.end_time, ctx.now // DAY)
    first = _day(args.start_time, last - DEFAULT_DAYS + 1)
    with link_errors():
        if first > last:
            raise errors.INVALID_FIELD("Lies behind the end of the range.", field="startTime")
        link = ctx.services.links.links.get(ctx.account, number_of(args.link_id))
    found = await ctx.services.clicks.statistics.of_link(link.id, first, last, ctx.now)
    return AnalyticsOutput(metrics_map=metric_maps(found))


def _day(given: date | None, default: int) -> int:
    return default if given is None else (given - _EPOCH).days
