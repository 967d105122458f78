"""Stored rows as JSON objects with names, and back.

On disk fields stand by position, which nobody else could read. Here each has its name, an
enumeration of numbers its words, and bytes are base64. A field that a row was written without has
its default. This module knows no row by name; what comes back has the types that the row declares,
and nothing else is known of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from enum import IntEnum
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

S = TypeVar("S", bound=msgspec.Struct)

Row = dict[str, Any]
Convert = Callable[[Any], Any]

_PLACE = re.compile(r" - at `\$\[(\d+)\](.*)`")


class BadRow(ValueError):
    """A row is not what its type says."""


class Shape(Generic[S]):
    """The names of one Struct's fields."""

    def __init__(
        self,
        kind: type[S],
        *,
        renamed: Mapping[str, str] | None = None,
        without: Collection[str] = (),
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        """`without` are fields that are not told, and have their defaults when a row is read;
        those of `fixed` have these values then."""
        self.kind = kind
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        self._is_array = info.array_like
        self._fields = [_Field(one, (renamed or {}).get(one.name, one.name)) for one in info.fields]
        hidden = {*without, *(fixed or {})}
        self._fixed = dict(fixed or {})
        self._told = [field for field in self._fields if field.attribute not in hidden]
        self.names = tuple(field.name for field in self._told)
        self._known = frozenset(self.names)

    def told(self, row: S) -> Row:
        """A row by names, all of whose values JSON can spell."""
        values: Row = {}
        for field in self._told:
            value = getattr(row, field.attribute)
            values[field.name] = value if field.tell is None else field.tell(value)
        return values

    def read(self, given: Row) -> S:
        """The row of an object, out of which it takes its fields. BadRow."""
        values = []
        for field in self._fields:
            if field.attribute in self._fixed:
                values.append(self._fixed[field.attribute])
            elif field.name in self._known and field.name in given:
                value = given.pop(field.name)
                values.append(value if field.read is None else field.read(value))
            else:
                values.append(field.default())
        stored: Any = values
        if not self._is_array:
            stored = {
                field.attribute: value for field, value in zip(self._fields, values, strict=True)
            }
        try:
            return msgspec.convert(stored, self.kind, str_keys=True)
        except msgspec.ValidationError as fault:
            raise BadRow(self._explained(str(fault))) from None

    def _explained(self, fault: str) -> str:
        """What msgspec says, of a field by its name."""
        place = _PLACE.search(fault)
        if place is None:
            return fault
        # Fields of a row that is stored by position are told by that.
        return f"{self._fields[int(place[1])].name}{place[2]}: {fault[: place.start()]}"


class _Field:
    def __init__(self, field: inspect.Field, name: str) -> None:
        self.attribute = field.name
        self.name = name
        self.tell, self.read = _converters(field.type)
        self._default = field.default
        self._factory = field.default_factory

    def default(self) -> Any:
        if self._default is not msgspec.NODEFAULT:
            return msgspec.to_builtins(self._default)
        if self._factory is not msgspec.NODEFAULT:
            return self._factory()
        raise BadRow(f"{self.name} is missing")


def nothing_more(given: Row) -> None:
    """BadRow for what is left of an object once all its fields are taken."""
    if given:
        raise BadRow(f"there is no field {next(iter(given))!r}")


def _converters(kind: inspect.Type) -> tuple[Convert | None, Convert | None]:
    """What makes a value plain and what makes of that what the row is read of; None for a value
    that stays as it is."""
    match kind:
        case inspect.StructType(cls=cls):
            shape = Shape(cls)
            return shape.told, _nested(shape)
        case inspect.EnumType(cls=cls) if issubclass(cls, IntEnum):
            return lambda value: value.name.lower(), _number_of(cls)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            tell, read = _converters(item)
            return _each(tell), _each(read)
        case inspect.DictType(value_type=item):
            tell, read = _converters(item)
            return _each_value(tell), _each_value(read)
        case inspect.UnionType(types=types):
            found = [_converters(one) for one in types if one != inspect.NoneType()]
            if len(found) > 1:
                assert all(pair == (None, None) for pair in found), "which is it?"
                return None, None
            [(tell, read)] = found
            return _unless_none(tell), _unless_none(read)
        case inspect.BytesType():
            return None, None
        case _:
            return None, None


def _nested(shape: Shape[Any]) -> Convert:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise BadRow("an object is missing")
        given = dict(value)
        row = shape.read(given)
        nothing_more(given)
        return msgspec.to_builtins(row)

    return read


def _number_of(kind: type[IntEnum]) -> Convert:
    numbers = {one.name.lower(): one.value for one in kind}

    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in numbers:
            raise BadRow(f"{value!r} is none of {', '.join(numbers)}")
        return numbers[value]

    return read


def _each(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: [*map(convert, value)] if isinstance(value, list | tuple) else value


def _each_value(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: (
        {key: convert(one) for key, one in value.items()} if isinstance(value, dict) else value
    )


def _unless_none(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)
