"""Hours of the day and dates, by the clock of a zone: what the clock on the wall shows counts, on
days as well on which it is put back or forward.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shortd.plugin import BadData
from shortd_rules.data import Date, Time

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.weekday`."""
SECOND = 1_000_000
ALWAYS = 2**63 - 1
LAST = 253_402_300_799 - 86_400
"""Unix time in seconds: a day before the last moment that a zone may show as a date."""

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)
_DAY = 10
"""Characters of a moment that is a whole day."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Holds = Callable[[int], bool]
"""Whether it holds at a moment (Unix µs)."""


def zone_named(name: str) -> ZoneInfo:
    """A zone of the IANA database. BadData for `zone`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadData(
            "There is no zone “%(zone)s”. Write it like Europe/Berlin.", "zone", zone=name
        ) from None


def hours(asked: Time) -> Holds:
    """Whether a moment is within these hours. BadData for one of their fields."""
    zone = zone_named(asked.zone)
    begin, end = _minute(asked.begin, "from"), _minute(asked.end, "to")
    if begin == 1440:
        raise BadData("Write the time of a day like 08:30.", "from")
    if begin == end:
        raise BadData("These hours end when they begin.", "to")
    days = frozenset(DAYS.index(day) for day in asked.days or DAYS)

    def hold_at(second: int) -> bool:
        local = datetime.fromtimestamp(min(second, LAST), zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if begin < end:
            return begin <= minute < end and day in days
        if minute >= begin:
            return day in days
        # Past midnight they are yesterday's.
        return minute < end and (day - 1) % 7 in days

    # Of a link that many visit at once most visits are of the same second.
    hold_lately = lru_cache(maxsize=4)(hold_at)
    return lambda utime: hold_lately(utime // SECOND)


def dates(asked: Date) -> Holds:
    """Whether a moment is within these dates. BadData for one of their fields."""
    zone = zone_named(asked.zone)
    if not asked.begin and not asked.end:
        raise BadData("Give a beginning, an end, or both.", "from")
    begin = _utime(asked.begin, zone, "from") if asked.begin else -ALWAYS
    end = _utime(asked.end, zone, "to", is_end=True) if asked.end else ALWAYS
    if begin >= end:
        raise BadData("This ends before it begins.", "to")
    return lambda utime: begin <= utime < end


def _minute(text: str, field: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise BadData("Write the time of a day like 08:30.", field)
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _utime(text: str, zone: ZoneInfo, field: str, *, is_end: bool = False) -> int:
    """A moment in µs; of a day its beginning, or, as an end, that of the next one."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        if len(text) == _DAY:
            day = date.fromisoformat(text) + timedelta(days=is_end)
            moment = datetime.combine(day, time(), zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise BadData(
            "Write a day like 2026-12-24, or a moment like 2026-12-24T18:00.", field
        ) from None
