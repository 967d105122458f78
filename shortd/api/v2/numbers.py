"""Whole numbers that came as texts, from who has no numbers of 64 bits.

JavaScript's are exact only to 2^53, so its clients may send what can be larger as text with its
digits. This must never be tried before an input was refused as it stands, and never reads a text
that has to be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect

EXACT = 2**53
"""Up to here, and down to its negative, every reader of JSON is exact."""

_NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_SENT = re.compile(rb':\s*"-?[0-9]{1,19}"')

Reading = Callable[[Any], Any]
"""Gives a JSON value back, with numbers in the place of texts."""


def reading_of(kind: type[msgspec.Struct]) -> Reading | None:
    """How inputs of this type are read; None if they have no large numbers."""
    return _reading(inspect.type_info(kind))


def with_numbers(raw: bytes, reading: Reading) -> bytes | None:
    """The JSON text with numbers where texts of digits stood for them; None if there are none."""
    if not _SENT.search(raw):
        return None
    return msgspec.json.encode(reading(msgspec.json.decode(raw)))


def _reading(of: inspect.Type) -> Reading | None:
    match of:
        case inspect.Metadata(type=inner):
            return _reading(inner)
        case inspect.IntType(ge=least, le=most):
            is_exact = least is not None and least >= -EXACT and most is not None and most <= EXACT
            return None if is_exact else _number
        case inspect.UnionType(types=options):
            if any(isinstance(_bare(option), inspect.StrType) for option in options):
                return None
            return next(filter(None, map(_reading, options)), None)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            reading = _reading(item)
            return reading and partial(_each, reading)
        case inspect.StructType(fields=fields):
            readings = {field.encode_name: _reading(field.type) for field in fields}
            known = {name: one for name, one in readings.items() if one is not None}
            return partial(_fields, known) if known else None
    return None


def _bare(of: inspect.Type) -> inspect.Type:
    while isinstance(of, inspect.Metadata):
        of = of.type
    return of


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _each(reading: Reading, value: Any) -> Any:
    return list(map(reading, value)) if isinstance(value, list) else value


def _fields(readings: dict[str, Reading], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: readings[name](one) if name in readings else one for name, one in value.items()}
