"""Times as sources write them, as Unix µs.

Nothing here raises for what a source holds: a time that cannot be read is None.
"""

from __future__ import annotations

import re
from datetime import UTC as UTC_OFFSET
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from shortd.moving.options import UTC, Options

_NUMBER = re.compile(r"(\d{1,18})(?:\.\d{0,9})?", re.ASCII)
_WITH_DOTS = re.compile(
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})(?P<rest>\D.*)?", re.ASCII | re.DOTALL
)
_WITH_SLASHES = re.compile(
    r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})(?P<rest>\D.*)?", re.ASCII | re.DOTALL
)
_SHORT_OFFSET = re.compile(r"(?<=\d)\s*([+-]\d\d)\Z", re.ASCII)
"""PostgreSQL writes no minutes where an offset has none."""
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
_UNITS = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))
"""Numbers below the first are seconds, then ms, then µs: from 1973 to the year 5138."""


def read_number(value: float) -> int | None:
    """Unix µs of a number of seconds, ms or µs, judged by its size; None for none and for zero."""
    if not 0 < value < 10**17:
        return None
    unit = next(unit for limit, unit in _UNITS if value < limit)
    return int(value * unit)


def read_time(text: str, zone: tzinfo = UTC, dates: str = "") -> int | None:
    """Unix µs of a text, in `zone` where it has no offset: the first of two that are alike.

    None where it is no time, or none after 1970.
    """
    text = text.strip()
    if len(text) > 64 or not text:
        return None
    if _NUMBER.fullmatch(text):
        return read_number(int(text.partition(".")[0]))
    moment = _moment(text, dates)
    if moment is None:
        return None
    try:
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC_OFFSET).replace(tzinfo=None)
        elif zone is not UTC:
            moment = moment.replace(tzinfo=zone).astimezone(UTC_OFFSET).replace(tzinfo=None)
    except OverflowError:
        return None
    utime = (moment - _EPOCH) // timedelta(microseconds=1)
    return utime if utime > 0 else None


def _moment(text: str, dates: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if found := _WITH_DOTS.fullmatch(text):
        day, month = found["day"], found["month"]
    elif dates and (found := _WITH_SLASHES.fullmatch(text)):
        day, month = found["first"], found["second"]
        if dates == "mdy":
            day, month = month, day
    else:
        found = None
    if found is not None:
        rest = (found["rest"] or "").strip(" ,T")
        text = f"{found['year']}-{month:0>2}-{day:0>2}" + (f" {rest}" if rest else "")
    text = _LONG_FRACTION.sub(r"\1", _SHORT_OFFSET.sub(r"\1:00", text))
    text = re.sub(r"\s(?=[+-]\d\d:?\d\d\Z)|\s(?=Z\Z)", "", text)
    text = re.sub(r"(?<=[ T])(\d):", r"0\1:", text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def shifted_back(utime: int, zone: ZoneInfo) -> int:
    """What a server in `zone` was told as UTC, of what its dump makes of it."""
    moment = _EPOCH + timedelta(microseconds=utime)
    wall = moment.replace(tzinfo=UTC_OFFSET).astimezone(zone).replace(tzinfo=None)
    return (wall - _EPOCH) // timedelta(microseconds=1)


class Times:
    """Reads the times of one source, as its options have them."""

    def __init__(self, options: Options) -> None:
        self._zone = options.timezone
        self._dates = options.dates

    def read(self, value: object) -> int | None:
        """Unix µs of whatever a source has in a place for a time."""
        if isinstance(value, str):
            return read_time(value, self._zone, self._dates)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return read_number(value)
        return None
