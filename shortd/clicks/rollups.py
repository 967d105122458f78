"""What the clicks of a link's day come to: counts by where from, with what, and who.

A row begins as counts of whole profiles (one line for all that one click tells), which is what
most days of most links ever have and cheap to add to. The first click beyond `PROFILES`
different ones turns it into counts by dimension, which are bounded: a stranger who makes up
referrers and user agents can fill a row, but not the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from shortd.models.clicks import QR_LOAD, Click, DayStats, PastSum, Visit
from shortd.visitors.sources import OTHER, source_of
from shortd.visitors.visitors import PART, parse_agent, primary_language, referrer_host

DIMENSIONS = ("source", "device", "os", "browser", "brand", "bot", "language", "country")
"""In the order of a profile's fields. A new one goes last, and none is ever removed or moved: a
profile has as many fields as there were dimensions when it was written."""
PARTED = frozenset(("os", "browser", "brand"))
"""Dimensions whose values have parts: versions, models."""
PROFILES = 12
"""Different profiles of a day that are counted as such."""
VALUES_PER_DIMENSION = 200
"""Distinct values a dimension keeps a day; the rest go under "Other"."""
NAME_LENGTH = 40
"""Characters of a name that a user agent tells, and of its part."""
FIELD = "\x1e"
"""Between the fields of a profile."""

PlaceOf = Callable[[str], str]
"""What statistics have of an address: see `countries.place_of`."""


class Rollup:
    """A day's row while clicks are added to it."""

    __slots__ = ("_dimensions", "_place_of", "_profiles", "_qr_loads", "_total")

    def __init__(self, place_of: PlaceOf, stats: DayStats | None = None) -> None:
        """Takes over the dictionaries of `stats`."""
        self._place_of = place_of
        if stats is None:
            self._total = self._qr_loads = 0
            self._profiles: dict[str, int] = {}
            self._dimensions: dict[str, dict[str, int]] = {}
        else:
            self._total, self._qr_loads = stats.total, stats.qr_loads
            self._profiles, self._dimensions = stats.profiles, stats.dimensions

    def add(self, clicks: Iterable[Click]) -> None:
        """Adds clicks of the day. Visits that are repeats count for nothing."""
        for click in clicks:
            if click.kind == QR_LOAD:
                self._qr_loads += 1
            elif not click.is_repeat:
                source = _source(click.referrer)
                place = self._place_of(click.address)
                self._add(source, click.user_agent, click.language, place)

    def add_visit(self, visit: Visit) -> None:
        """Adds a visit as it was kept."""
        if not visit.is_repeat:
            source = source_of(visit.referrer)
            place = visit.country or self._place_of(visit.address)
            self._add(source, visit.user_agent, visit.language, place)

    def add_sum(self, past: PastSum) -> None:
        """Adds visits of the day that are known as sums."""
        self._total += past.total
        self._leave_profiles()
        for name, values in past.dimensions.items():
            known = self._dimensions.setdefault(name, {})
            for value, clicks in values.items():
                add_count(known, value, clicks, VALUES_PER_DIMENSION)

    def row(self) -> DayStats:
        """What to store."""
        return DayStats(self._total, self._qr_loads, self._dimensions, self._profiles)

    def _add(self, source: str, user_agent: str, language: str, place: str) -> None:
        self._total += 1
        profile = (
            f"{source}{FIELD}{_agent(user_agent)}{FIELD}{primary_language(language)}{FIELD}{place}"
        )
        profiles = self._profiles
        if profile in profiles:
            profiles[profile] += 1
        elif not self._dimensions and len(profiles) < PROFILES:
            profiles[profile] = 1
        else:
            self._leave_profiles()
            _add_profile(self._dimensions, profile, 1)

    def _leave_profiles(self) -> None:
        """Counts by dimension alone from now on."""
        for known, clicks in self._profiles.items():
            _add_profile(self._dimensions, known, clicks)
        self._profiles.clear()


def counts_of(stats: DayStats) -> dict[str, dict[str, int]]:
    """A row's counts by dimension and value, whatever its form."""
    if not stats.profiles:
        return stats.dimensions
    # A row has either.
    dimensions: dict[str, dict[str, int]] = {}
    for profile, clicks in stats.profiles.items():
        _add_profile(dimensions, profile, clicks)
    return dimensions


def add_count(values: dict[str, int], value: str, clicks: int, most: int) -> None:
    """Counts a value among at most so many; beyond, under "Other"."""
    if value not in values and len(values) >= most:
        value = OTHER
    values[value] = values.get(value, 0) + clicks


def _add_profile(dimensions: dict[str, dict[str, int]], profile: str, clicks: int) -> None:
    for name, value in zip(DIMENSIONS, profile.split(FIELD), strict=False):
        if value:
            values = dimensions.get(name)
            if values is None:
                values = dimensions[name] = {}
            add_count(values, value, clicks, VALUES_PER_DIMENSION)


@lru_cache(maxsize=2048)
def _source(referrer: str) -> str:
    return source_of(referrer_host(referrer))


@lru_cache(maxsize=2048)
def _agent(user_agent: str) -> str:
    """The fields of a profile that a user agent tells, device to bot."""
    agent = parse_agent(user_agent)
    system, version, browser, browser_version, brand, model, bot = map(
        cut_name,
        (
            agent.system,
            agent.system_version,
            agent.browser,
            agent.browser_version,
            agent.brand,
            agent.model,
            agent.bot_name,
        ),
    )
    fields = (
        agent.device,
        f"{system}{PART}{version}",
        f"{browser}{PART}{browser_version}",
        f"{brand}{PART}{model}",
        bot,
    )
    return FIELD.join(fields)


def cut_name(name: str) -> str:
    """A name as it is kept: nothing in it can pass for a mark of ours, or fill a row."""
    return "".join(filter(str.isprintable, name))[:NAME_LENGTH]
