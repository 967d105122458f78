"""Ages as options take them: `90s`, `15m`, `12h`, `7d`, `2w`, `1y`."""

from __future__ import annotations

import re

import click

from shortd.clock import DAY, HOUR, MINUTE, SECOND

UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
LONGEST = 1000 * UNITS["y"]

_AGE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)([smhdwy])", re.ASCII)


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """The callback of such an option: in µs."""
    if value is None:
        return None
    found = _AGE.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is no age such as 90s, 15m, 12h, 7d, 2w or 1y.")
    return min(round(float(found[1]) * UNITS[found[2]]), LONGEST)
