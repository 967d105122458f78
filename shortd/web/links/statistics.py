"""What a link's clicks come to: numbers, a chart, lists, and each of them as a table and as CSV.

Which days, without robots or with them, chart or table, one list alone: all of it stands in the
address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from litestar import Response

from shortd import errors
from shortd.clicks.rollups import DIMENSIONS, PARTED
from shortd.clicks.statistics import Day, LinkStatistics, Value, day_text
from shortd.clicks.statistics_csv import EXPORT_DAYS, statistics_csv
from shortd.clock import DAY, MINUTE
from shortd.models.links import Link
from shortd.plugin.types import Counts
from shortd.plugin_runtime.panels import ShownPanel
from shortd.services import Services
from shortd.web import forms, guard, render
from shortd.web.links import chart, span
from shortd.web.links.chart import Chart
from shortd.web.links.head import LinkHead, asked_link, head_of
from shortd.web.links.span import Span
from shortd.web.routing import AnyRequest, attachment, services_of

SHOWN = ("source", "country", "device", "os", "browser", "brand", "language", "bot")
"""Dimensions in the order of the page."""
FIRST_VALUES = 6
SERIES = 5
"""Sources that the stacked chart tells apart; what is left are "others"."""
LIVE_VISITS = 1000
"""The newest visits among which those of the last minute are counted."""

Series = tuple[tuple[str, int], ...]


class Row(msgspec.Struct, frozen=True):
    """A value of a list."""

    name: str
    count: int
    share: float
    """Of all clicks of the span, in percent."""
    width: float
    """Of its bar, in percent of the longest one."""
    parts: tuple[tuple[str, int], ...]
    """Versions or models with their clicks, where they were asked for."""


class Listing(msgspec.Struct, frozen=True):
    """A dimension's values."""

    name: str
    rows: tuple[Row, ...]
    values: int
    """How many there are in all."""
    has_parts: bool


class Variant(msgspec.Struct, frozen=True):
    """What a plugin chose for some of the visits, ever."""

    name: str
    count: int
    share: float
    low: float
    high: float
    """Ends of the 95 % interval of its share (Wilson), in percent."""
    meant: float | None
    """The share that it is to have, in percent; None where its plugin means none."""

    @property
    def is_off(self) -> bool:
        """Whether the difference from what was meant can hardly be chance."""
        return self.meant is not None and not self.low <= self.meant <= self.high


class StatisticsPage(msgspec.Struct, frozen=True, kw_only=True):
    """statistics.html."""

    head: LinkHead
    span: Span
    before: Span | None
    is_without_robots: bool
    is_table: bool
    alone: str
    """The one dimension that is shown, whole; empty for all of them."""
    clicks: int
    change: int | None
    """In percent of the span before; None where that had none."""
    ever: int
    by_qr: int
    robots: int
    in_last_minute: int
    chart: Chart
    stack: Chart | None
    """The sources by day, if that was asked for."""
    series: Series
    """Names and clicks of the stacked series; an empty name are the others."""
    lists: tuple[Listing, ...]
    variants: tuple[Variant, ...]
    panels: Sequence[ShownPanel]
    """What plugins show about the link."""

    def to(self, **changed: str) -> str:
        """The address of this page with something changed; empty texts take it away."""
        now = {
            "without": "robots" if self.is_without_robots else "",
            "sources": "days" if self.stack else "",
            "view": "table" if self.is_table else "",
            "chart": self.alone,
        }
        return span.address(self.head.address, self.span, **{**now, **changed})

    def at(self, name: str) -> str:
        """The same of another span, by its name."""
        more = {"without": "robots" if self.is_without_robots else "", "chart": self.alone}
        return span.address(self.head.address, Span(0, 0, name), **more)

    def csv(self, chart: str = "") -> str:
        """The address of the numbers as CSV."""
        return span.address(f"{self.head.address}/statistics.csv", self.span, chart=chart)

    @property
    def shares_meant(self) -> bool:
        """Whether any variant is meant to have a share."""
        return any(variant.meant is not None for variant in self.variants)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the spans that have one."""
        return (*span.LENGTHS, span.ALL)


@guard.show("/-/links/{link_id:int}")
async def statistics(request: AnyRequest) -> Response[bytes]:
    """A link's page of statistics."""
    link = asked_link(request)
    forms.charge(request, "get_stats")
    services = services_of(request)
    now = services.clock.now()
    query = request.query_params
    chosen, found = await _opened(request, link, now)
    before = chosen.before
    is_without = query.get("without") == "robots"
    counts = _by_day(found.days, is_without)
    earlier = None if before is None else await _earlier(services, link, before, now, is_without)
    clicks, ago = sum(counts.values()), 0 if earlier is None else sum(earlier.values())
    with services.store.read() as txn:
        live = services.clicks.clicks.live(txn, link.id)
    visits = await services.clicks.recent_visits.of_link(link.id, LIVE_VISITS, now, now - MINUTE)
    alone = query.get("chart", "")
    alone = alone if alone in DIMENSIONS else ""
    made = link.utime // DAY
    series: Series = ()
    stack = None
    if query.get("sources") == "days":
        series, shares = _series(found)
        everybody = _by_day(found.days, False)
        stack = chart.draw(chosen.first, chosen.last, everybody, shares=shares, made=made)
    head, plugin_panels = head_of(request, link), services.plugin_runtime.panels
    shown_counts = Counts(live.count, live.count_qr, live.last_utime, live.choices or {})
    content = StatisticsPage(
        head=head,
        span=chosen,
        before=before,
        is_without_robots=is_without,
        is_table=query.get("view") == "table",
        alone=alone,
        clicks=clicks,
        change=round((clicks - ago) * 100 / ago) if ago else None,
        ever=live.count,
        by_qr=live.count_qr,
        robots=sum(day.robots for day in found.days),
        in_last_minute=len(visits),
        chart=chart.draw(chosen.first, chosen.last, counts, earlier, made=made),
        stack=stack,
        series=series,
        lists=tuple(
            _listing(name, found.dimensions[name], found.total, is_whole=bool(alone))
            for name in ((alone,) if alone else SHOWN)
        ),
        variants=_variants(live.choices or {}, plugin_panels.shares(link, head.short_url)),
        panels=()
        if alone
        else plugin_panels.of_link(
            link, head.short_url, shown_counts, render.language_of(request).gettext
        ),
    )
    return await render.long_page(request, "link/statistics.html", content)


@guard.show("/-/links/{link_id:int}/statistics.csv")
async def statistics_file(request: AnyRequest) -> Response[bytes]:
    """The numbers of these days as CSV; with `chart` those of one dimension, or the totals."""
    link = asked_link(request)
    forms.charge(request, "export_stats")
    services = services_of(request)
    today = services.clock.now() // DAY
    chosen = span.asked(request.query_params, today, link.utime // DAY)
    asked = request.query_params.get("chart", "")
    if asked and asked not in (*DIMENSIONS, "total"):
        raise errors.INVALID_FIELD(field="chart")
    # A longer span would have hundreds of thousands of lines: of that, the end.
    first = max(chosen.first, chosen.last - EXPORT_DAYS + 1)
    names = DIMENSIONS if not asked else tuple(name for name in (asked,) if name in DIMENSIONS)
    rows = await services.clicks.statistics.by_day(link.id, first, chosen.last, names)
    name = f"statistics-{link.id}-{day_text(first)}-{day_text(chosen.last)}.csv"
    return attachment(statistics_csv(rows).encode(), "text/csv; charset=utf-8", name)


async def _opened(request: AnyRequest, link: Link, now: int) -> tuple[Span, LinkStatistics]:
    """What the address asks for, or the shortest of the usual spans that has a click."""
    services, today, made = services_of(request), now // DAY, link.utime // DAY
    chosen = span.asked(request.query_params, today, made)
    if chosen.name == span.ALL:
        first = await services.clicks.statistics.first_day(link.id, now)
        chosen = span.named(span.ALL, today, made if first is None else min(first, made))
    found = await services.clicks.statistics.of_link(link.id, chosen.first, chosen.last, now)
    if found.total or chosen.is_given:
        return chosen, found
    first = await services.clicks.statistics.first_day(link.id, now)
    if first is None:
        return chosen, found
    for name in span.WIDER:
        wider = span.named(name, today, min(first, made))
        if wider.first <= first:
            break
    found = await services.clicks.statistics.of_link(link.id, wider.first, wider.last, now)
    return wider, found


async def _earlier(
    services: Services, link: Link, before: Span, now: int, is_without_robots: bool
) -> dict[int, int]:
    """Clicks by day of the span before. Robots are told from others by reading it all."""
    statistics = services.clicks.statistics
    if is_without_robots:
        found = await statistics.of_link(link.id, before.first, before.last, now)
        return _by_day(found.days, is_without_robots)
    totals = await statistics.totals([link.id], before.first, before.last)
    return totals[link.id]


def _by_day(days: Sequence[Day], is_without_robots: bool) -> dict[int, int]:
    return {day.day: day.count - (day.robots if is_without_robots else 0) for day in days}


def _listing(name: str, values: Sequence[Value], total: int, *, is_whole: bool) -> Listing:
    most = max((value.count for value in values), default=1)
    rows = tuple(
        Row(
            value.name,
            value.count,
            value.count * 100 / max(total, 1),
            round(value.count * 100 / most, 1),
            tuple((part.name, part.count) for part in value.parts) if is_whole else (),
        )
        for value in (values if is_whole else values[:FIRST_VALUES])
    )
    return Listing(name, rows, len(values), name in PARTED)


def _series(found: LinkStatistics) -> tuple[Series, dict[int, list[int]]]:
    """The sources that are told apart, and how many clicks of each day are theirs."""
    named = [value.name for value in found.dimensions["source"][:SERIES]]
    shares: dict[int, list[int]] = {}
    for day in found.days:
        row = [day.sources.get(name, 0) for name in named]
        shares[day.day] = [*row, day.count - sum(row)]
    sums = [sum(row[place] for row in shares.values()) for place in range(len(named) + 1)]
    names = [*named, ""]
    if not sums[-1]:
        names, sums = names[:-1], sums[:-1]
    return tuple(zip(names, sums, strict=True)), shares


def _variants(choices: Mapping[str, int], meant: Mapping[str, float]) -> tuple[Variant, ...]:
    """What plugins chose, with how sure the shares are. Those of one plugin add up to a whole."""
    totals: Counter[str] = Counter()
    for name, count in choices.items():
        totals[name.partition(":")[0]] += count
    found = []
    for name, count in sorted(choices.items(), key=lambda item: (-item[1], item[0])):
        total = totals[name.partition(":")[0]]
        share = count * 100 / total
        found.append(Variant(name, count, share, *_interval(count, total), meant.get(name)))
    return tuple(found)


def _interval(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, in percent (Wilson's score interval)."""
    z = 1.959964
    share = count / total
    centre = share + z * z / (2 * total)
    margin = z * ((share * (1 - share) + z * z / (4 * total)) / total) ** 0.5
    whole = 1 + z * z / total
    return (max(0.0, (centre - margin) / whole) * 100, min(1.0, (centre + margin) / whole) * 100)


HANDLERS = (statistics, statistics_file)
