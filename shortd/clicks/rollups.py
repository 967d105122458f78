"""What the clicks of a link's day come to: counts by where from, with what, and who.

A row begins as counts of whole profiles (one line for all that one click tells), which is what
most days of most links ever have and cheap to add to. The first click beyond `PROFILES`
different ones turns it into counts by dimension, which are bounded: a stranger who makes up
referrers and user agents can fill a row, but not the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from shortd.models.clicks import QR_LOAD, Click, Code, DayStats, PackedDay, PastSum, Visit
from shortd.store.day_packs import FIELD, SALT, decode_profile, encode_profile, stored_name
from shortd.store.strings import Texts, code_of, given_back, taken
from shortd.store.txn import WriteTxn
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
_PARTS = 4
"""Of a profile, as it is written today: source, user agent, language, country."""
_SOURCE, _LANGUAGE, _COUNTRY = map(stored_name, ("source", "language", "country"))

PlaceOf = Callable[[str], str]
"""What statistics have of an address: see `countries.place_of`."""


class _Adding:
    """Adds clicks to a day; how a row keeps them is up to who inherits."""

    __slots__ = ("_place_of", "_qr_loads", "_total")

    def __init__(self, place_of: PlaceOf, total: int, qr_loads: int) -> None:
        self._place_of = place_of
        self._total, self._qr_loads = total, qr_loads

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
            for value, clicks in values.items():
                self._add_value(name, value, clicks)

    def _add(self, source: str, user_agent: str, language: str, place: str) -> None:
        self._total += 1
        self._add_parts((source, _agent(user_agent), primary_language(language), place))

    def _add_parts(self, parts: tuple[str, ...]) -> None:
        """Adds a click by the parts of its profile."""
        raise NotImplementedError

    def _leave_profiles(self) -> None:
        """Counts by dimension alone from now on."""
        raise NotImplementedError

    def _add_value(self, name: Code, value: str, clicks: int) -> None:
        """Counts clicks under a value of a dimension."""
        raise NotImplementedError

    def _add_fields(self, profile: str, clicks: int) -> None:
        """Counts clicks of a profile under the values of its dimensions."""
        for name, value in zip(DIMENSIONS, profile.split(FIELD), strict=False):
            if value:
                self._add_value(name, value, clicks)


class Rollup(_Adding):
    """A day as it is told, while clicks are added to it."""

    __slots__ = ("_dimensions", "_profiles")

    def __init__(self, place_of: PlaceOf, stats: DayStats | None = None) -> None:
        """Takes over the dictionaries of `stats`."""
        stats = stats or DayStats()
        super().__init__(place_of, stats.total, stats.qr_loads)
        self._profiles, self._dimensions = stats.profiles, stats.dimensions

    def row(self) -> DayStats:
        """What came of it."""
        return DayStats(self._total, self._qr_loads, self._dimensions, self._profiles)

    def _add_parts(self, parts: tuple[str, ...]) -> None:
        profile = FIELD.join(parts)
        profiles = self._profiles
        if profile in profiles:
            profiles[profile] += 1
        elif not self._dimensions and len(profiles) < PROFILES:
            profiles[profile] = 1
        else:
            self._leave_profiles()
            self._add_fields(profile, 1)

    def _leave_profiles(self) -> None:
        for known, clicks in self._profiles.items():
            self._add_fields(known, clicks)
        self._profiles.clear()

    def _add_value(self, name: Code, value: str, clicks: int) -> None:
        values = self._dimensions.setdefault(str(name), {})
        add_count(values, value, clicks, VALUES_PER_DIMENSION)


class PackedRollup(_Adding):
    """A day as it is stored, while clicks are added to it in a transaction."""

    __slots__ = ("_dimensions", "_profiles", "_txn")

    def __init__(self, txn: WriteTxn, place_of: PlaceOf, day: PackedDay | None = None) -> None:
        """Takes over the dictionaries of `day`."""
        day = day or PackedDay()
        super().__init__(place_of, day.total, day.qr_loads)
        self._txn = txn
        self._profiles, self._dimensions = day.profiles, day.dimensions

    def row(self) -> PackedDay:
        """What to store."""
        return PackedDay(self._total, self._qr_loads, self._dimensions, self._profiles)

    def _add_parts(self, parts: tuple[str, ...]) -> None:
        txn, codes = self._txn, self._txn.codes
        if not self._dimensions:
            key = [codes.get(part) or code_of(txn, part) for part in parts]
            profiles, profile = self._profiles, encode_profile(key)
            if profile in profiles:
                profiles[profile] += 1
                return
            if len(profiles) < PROFILES:
                for place, code in enumerate(key):
                    if code.__class__ is int:
                        txn.uses[code] += 1
                    else:
                        key[place] = taken(txn, parts[place], SALT)
                profiles[encode_profile(key)] = 1
                return
            self._leave_profiles()
        self._count_parts(parts, 1)

    def _count_parts(self, parts: Sequence[str], clicks: int) -> None:
        """Counts clicks of one profile by dimension."""
        txn, codes, dimensions = self._txn, self._txn.codes, self._dimensions
        source, agent, language, place = parts
        for name, value, code in (
            (_SOURCE, source, codes.get(source) or code_of(txn, source)),
            *self._agent_values(agent),
            (_LANGUAGE, language, codes.get(language) or code_of(txn, language)),
            (_COUNTRY, place, codes.get(place) or code_of(txn, place)),
        ):
            values = dimensions.get(name)
            # Most have been here before, by these very codes.
            if values is not None and code in values:
                values[code] += clicks
            elif value:
                self._add_value(name, value, clicks)

    def _leave_profiles(self) -> None:
        texts = Texts(self._txn)
        for raw, clicks in self._profiles.items():
            profile = decode_profile(raw)
            parts = [texts[code] for code in profile]
            if len(parts) == _PARTS:
                self._count_parts(parts, clicks)
            else:
                # Of a time with other dimensions.
                self._add_fields(FIELD.join(parts), clicks)
            given_back(self._txn, profile)
        self._profiles.clear()

    def _add_value(self, name: Code, value: str, clicks: int) -> None:
        name = stored_name(name)
        values = self._dimensions.get(name)
        if values is None:
            values = self._dimensions[name] = {}
        code = code_of(self._txn, value)
        if code in values:
            values[code] += clicks
        elif value in values:
            # It had no number yet.
            values[value] += clicks
        elif len(values) < VALUES_PER_DIMENSION or value == OTHER:
            values[taken(self._txn, value, SALT)] = clicks
        else:
            self._add_value(name, OTHER, clicks)

    def _agent_values(self, agent: str) -> tuple[tuple[Code, str, Code], ...]:
        """Dimension, value and code of all that a user agent tells."""
        known = self._txn.values.get(agent)
        if known is None:
            values = zip(DIMENSIONS[1:], agent.split(FIELD), strict=False)
            known = tuple(
                [
                    (stored_name(name), value, code_of(self._txn, value))
                    for name, value in values
                    if value
                ]
            )
            self._txn.values[agent] = known
        return known


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
