"""The geometry of charts: clicks by day, week or month as bars, which a template draws as SVG.

A year has 366 points: the picture needs no script, is themed by the sheet and can be printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import msgspec

STEP = 10
"""Width of a bar with its gap; the chart is 100 high."""
GAP = 1.4
HEIGHT = 100
MARKS = 5
"""Days that are named below a chart."""
DAYS_BY_DAY = 92
DAYS_BY_WEEK = 730
"""The longest spans that are drawn by day and by week; longer ones are by month."""
_EPOCH = date(1970, 1, 1)


class Part(msgspec.Struct, frozen=True):
    """A piece of a stacked bar."""

    y: float
    height: float
    series: int
    """From 1; the colour."""
    count: int


class Bar(msgspec.Struct, frozen=True):
    """A day, week or month."""

    first: int
    last: int
    """Its days; the first and the last one may be cut by the range."""
    count: int
    before: int | None
    """Clicks of the same part of the span before; None where there is none."""
    x: float
    y: float
    height: float
    is_partial: bool
    """The link was made in its midst."""
    parts: tuple[Part, ...] = ()


class Chart(msgspec.Struct, frozen=True):
    """Bars of a span of days."""

    unit: str
    """"day", "week" or "month"."""
    bars: tuple[Bar, ...]
    top: int
    """What the upper edge stands for; even."""
    width: int
    line: str
    """The points of the span before; empty without one."""
    marks: tuple[Bar, ...]
    """Bars whose day stands below them."""


def draw(
    first: int,
    last: int,
    counts: Mapping[int, int],
    before: Mapping[int, int] | None = None,
    *,
    shares: Mapping[int, Sequence[int]] | None = None,
    made: int = -1,
) -> Chart:
    """The chart of the days from `first` to `last`, of which `counts` has the clicks.

    `before` has those of the same number of days before, and `shares` how many of a day's belong to
    each series. `made` is the day on which the link was made.
    """
    length = last - first + 1
    unit, begins = _unit(length)
    stretches = _stretches(first, last, begins)
    sums = [sum(counts.get(day, 0) for day in days) for days in stretches]
    earlier = [
        None if before is None else sum(before.get(day - length, 0) for day in days)
        for days in stretches
    ]
    top = _top(max([*sums, *(number or 0 for number in earlier), 1]))
    bars = tuple(
        Bar(
            first=days[0],
            last=days[-1],
            count=total,
            before=past,
            x=round(place * STEP + GAP, 1),
            y=_up(total, top),
            height=round(HEIGHT - _up(total, top), 2),
            is_partial=days[0] <= made <= days[-1],
            parts=_parts(days, shares, top) if shares is not None else (),
        )
        for place, (days, total, past) in enumerate(zip(stretches, sums, earlier, strict=True))
    )
    line = " ".join(
        f"{place * STEP + STEP / 2:g},{_up(past, top):g}"
        for place, past in enumerate(earlier)
        if past is not None
    )
    gaps = next((gaps for gaps in (4, 3, 5) if (len(bars) - 1) % gaps == 0), MARKS - 1)
    places = {round(place * (len(bars) - 1) / gaps) for place in range(gaps + 1)}
    marks = tuple(bars[place] for place in sorted(places))
    return Chart(unit, bars, top, len(bars) * STEP, line, marks)


def _unit(length: int) -> tuple[str, Callable[[date], bool]]:
    """By what a span is drawn, and which days begin one of these."""
    if length <= DAYS_BY_DAY:
        return "day", lambda day: True
    if length <= DAYS_BY_WEEK:
        return "week", lambda day: day.weekday() == 0
    return "month", lambda day: day.day == 1


def _stretches(first: int, last: int, begins: Callable[[date], bool]) -> list[list[int]]:
    stretches: list[list[int]] = []
    for day in range(first, last + 1):
        if not stretches or begins(_EPOCH + timedelta(days=day)):
            stretches.append([])
        stretches[-1].append(day)
    return stretches


def _parts(days: Sequence[int], shares: Mapping[int, Sequence[int]], top: int) -> tuple[Part, ...]:
    series = max((len(shares[day]) for day in days if day in shares), default=0)
    parts, below = [], 0
    for place in range(series):
        count = sum(shares[day][place] for day in days if day in shares)
        upper = below + count
        height = round(_up(below, top) - _up(upper, top), 2)
        parts.append(Part(_up(upper, top), height, place + 1, count))
        below = upper
    return tuple(parts)


def _up(count: int, top: int) -> float:
    """How far from the upper edge a count ends."""
    return round(HEIGHT - count * HEIGHT / top, 2)


def _top(most: int) -> int:
    """The least of 2, 4, 10, 20, 40, 100, … that has room for `most`: its half is whole, too."""
    power = 1
    while True:
        for step in (2, 4, 10):
            if step * power >= most:
                return step * power
        power *= 10
