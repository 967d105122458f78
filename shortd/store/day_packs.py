"""Days as they are stored: `DayStats` with codes in the place of texts.

A profile is a few codes: where from, what the user agent tells, and one for each further field, as
these repeat by themselves. They are the key of a count, encoded, since bytes are read five times as
quickly as tuples. Values of dimensions are codes, too. A text may be in a row both ways, by its
number and as itself, since it got its number between two clicks: who reads adds them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from shortd.models.clicks import Code, DayStats, PackedDay
from shortd.store.strings import Texts, given_back, taken
from shortd.store.txn import WriteTxn

FIELD = "\x1e"
"""Between the fields of a profile."""
_AGENT_FIELDS = slice(1, 6)
"""What a user agent tells, device to robot, is one code."""
_NAMES = ("source", "device", "os", "browser", "brand", "bot", "language", "country")
"""Dimensions whose place in here stands for them. Others are stored by their names; none of these
is ever removed or moved."""
_NUMBERS: dict[str, Code] = {name: number for number, name in enumerate(_NAMES)}
SALT = 1
"""A name in statistics has not been seen because a visit has it."""

encode_profile = msgspec.msgpack.Encoder().encode
decode_profile = msgspec.msgpack.Decoder(list[Code]).decode


def packed_day(txn: WriteTxn, stats: DayStats) -> PackedDay:
    """A row for a day, whose texts are used once more."""
    dimensions: dict[Code, dict[Code, int]] = {
        stored_name(name): {taken(txn, value, SALT): clicks for value, clicks in values.items()}
        for name, values in stats.dimensions.items()
    }
    profiles = {
        encode_profile([taken(txn, part, SALT) for part in _parts(profile)]): clicks
        for profile, clicks in stats.profiles.items()
    }
    return PackedDay(stats.total, stats.qr_loads, dimensions, profiles)


def unpacked_day(texts: Texts, day: PackedDay) -> DayStats:
    """A day, with its texts."""
    dimensions = {
        told_name(name): by_text(texts, values) for name, values in day.dimensions.items()
    }
    profiles: dict[str, int] = {}
    for raw, clicks in day.profiles.items():
        profile = FIELD.join([texts[code] for code in decode_profile(raw)])
        profiles[profile] = profiles.get(profile, 0) + clicks
    return DayStats(day.total, day.qr_loads, dimensions, profiles)


def stored_name(name: Code) -> Code:
    """What stands for a dimension in a row."""
    return _NUMBERS.get(name, name) if isinstance(name, str) else name


def told_name(stored: Code) -> str:
    """The dimension that a row means."""
    return stored if isinstance(stored, str) else _NAMES[stored]


def by_text(texts: Texts, values: Mapping[Code, int]) -> dict[str, int]:
    """Counts by value."""
    found: dict[str, int] = {}
    for code, clicks in values.items():
        text = texts[code]
        found[text] = found.get(text, 0) + clicks
    return found


def day_codes(day: PackedDay) -> Iterable[Code]:
    """All that a row has, each as often as it has it."""
    for values in day.dimensions.values():
        yield from values
    for raw in day.profiles:
        yield from decode_profile(raw)


def give_back_day(txn: WriteTxn, day: PackedDay) -> None:
    """Notes that a row is gone."""
    given_back(txn, day_codes(day))


def _parts(profile: str) -> list[str]:
    fields = profile.split(FIELD)
    agent = fields[_AGENT_FIELDS]
    if len(agent) < _AGENT_FIELDS.stop - _AGENT_FIELDS.start:
        return fields
    return [fields[0], FIELD.join(agent), *fields[_AGENT_FIELDS.stop :]]
