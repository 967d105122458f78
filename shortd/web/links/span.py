"""The days that a page of statistics is about: UTC days, both ends included."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from shortd.clicks.statistics import LAST_DAY, day_of, day_text

ALL = "all"
LENGTHS = {"1": 1, "7": 7, "30": 30, "365": 365}
"""Days of the spans that have a name, today among them."""
USUAL = "30"
MOST_DAYS = 7320
"""Twenty years: of longer spans the end is shown."""
WIDER = (USUAL, "365", ALL)
"""What a page opens with: the first of these that has a click."""


class Span(msgspec.Struct, frozen=True):
    """A range of days."""

    first: int
    last: int
    name: str = ""
    """A key of `LENGTHS`, or `ALL`; empty for days that somebody chose."""
    is_given: bool = True
    """Whether the address asked for it."""

    @property
    def length(self) -> int:
        """In days."""
        return self.last - self.first + 1

    @property
    def before(self) -> Span | None:
        """The same number of days before it; None if there is nothing to compare with."""
        if self.name == ALL or self.first < self.length:
            return None
        return Span(self.first - self.length, self.first - 1)

    @property
    def query(self) -> dict[str, str]:
        """What asks for it in an address."""
        if self.name:
            return {"days": self.name}
        return {"from": day_text(self.first), "to": day_text(self.last)}


def named(name: str, today: int, made: int) -> Span:
    """A span with a name; `made` is the day on which the link was made."""
    first = max(made, today - MOST_DAYS + 1) if name == ALL else today - LENGTHS[name] + 1
    return Span(max(0, min(first, today)), today, name)


def asked(query: Mapping[str, str], today: int, made: int) -> Span:
    """What an address asks for. What is no range of days is told as the usual one."""
    first, last = _day(query.get("from", "")), _day(query.get("to", ""))
    if last is None and first is not None:
        last = max(first, today)
    if first is not None and last is not None and first <= last:
        last = min(last, max(first, today))
        return Span(max(first, last - MOST_DAYS + 1), last)
    name = query.get("days", "")
    if name in LENGTHS or name == ALL:
        return named(name, today, made)
    return msgspec.structs.replace(named(USUAL, today, made), is_given=False)


def address(path: str, span: Span, **more: str) -> str:
    """A page's address for these days."""
    return f"{path}?{urlencode({**span.query, **{k: v for k, v in more.items() if v}})}"


def _day(text: str) -> int | None:
    try:
        day = day_of(text)
    except ValueError:
        return None
    return day if 0 <= day <= LAST_DAY else None
