"""Ages and moments as options take them: `90s`, `15m`, `12h`, `7d`, `2w`, `1y`; `2027-01-31`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click

from shortd.clock import DAY, HOUR, MINUTE, SECOND, SystemClock

UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
LONGEST = 1000 * UNITS["y"]
NEVER_WORDS = ("never", "none", "")

_AGE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)([smhdwy])", re.ASCII)


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """The callback of such an option: in µs."""
    if value is None:
        return None
    found = _read(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no age such as 90s, 15m, 12h, 7d, 2w or 1y.")
    return found


def moment_option(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """The callback of an option that takes a moment: a day or a time, UTC where no zone is said, or
    an age from now on. In Unix µs; 0 for never."""
    if value is None:
        return None
    if value.strip().lower() in NEVER_WORDS:
        return 0
    ahead = _read(value)
    if ahead is not None:
        return SystemClock().now() + ahead
    try:
        read = datetime.fromisoformat(value.strip())
        zoned = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
        found = round(zoned.timestamp() * SECOND)
    except (ValueError, OverflowError):
        found = -1
    if found <= 0:
        raise click.BadParameter(
            f"{value!r} is no moment such as 2027-01-31, 2027-01-31T18:00+01:00, 7d or never."
        )
    return found


def _read(value: str) -> int | None:
    found = _AGE.fullmatch(value.strip())
    return None if found is None else min(round(float(found[1]) * UNITS[found[2]]), LONGEST)
