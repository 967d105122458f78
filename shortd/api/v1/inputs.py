"""The inputs of Shorten World v1, and how its clients write them (docs/api-v1.md).

An empty string stands for an absent field. Numbers may come as strings, booleans as `on` and
`off`, days as dd/MM/yyyy, lists as one string with commas. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, inspect

from shortd import errors
from shortd.api.shapes import shape_of
from shortd.api.v1.bodies import parse_object
from shortd.api.v1.times import DATE_FORMAT, parse_date
from shortd.field_errors import field_error
from shortd.fields import HEX_ID
from shortd.links.tag_lists import split_tags

HexId = Annotated[str, Meta(pattern=HEX_ID, description="24 hex digits.")]
NameText = Annotated[
    str,
    Meta(max_length=128, description="1 to 64 printable characters.", examples=["Shop"]),
]
CodeText = Annotated[str, Meta(max_length=128, description="Up to 32 of a-z, 0-9, - and _.")]
Size = Annotated[int, Meta(ge=1, le=1000, description="How many results on a page: 1 to 1000.")]
PageNumber = Annotated[int, Meta(ge=0, le=2**31 - 1, description="Which page; 0 is the first.")]

TAG_LIST = "tag_list"
"""Of `Meta.extra`: a text is a list of tags."""
_SWITCHES = {"on": True, "off": False, "true": True, "false": False, "1": True, "0": False}


class Input(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every call's input. Absent fields are None, or what their default is."""


class Nothing(Input, frozen=True, kw_only=True):
    """Of calls that need no input."""


class Paged(Input, frozen=True, kw_only=True):
    """Base of the inputs of calls that list something."""

    size: Size = 20
    page: PageNumber = 0

    @property
    def start(self) -> int:
        """How many results are on the pages before."""
        return self.page * self.size


InputT = TypeVar("InputT", bound=Input)


class Reader(Generic[InputT]):
    """Reads the inputs of one call."""

    def __init__(self, kind: type[InputT]) -> None:
        self._kind = kind
        self._wishes = shape_of(kind).wishes
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        self._readings = {field.encode_name: _reading(field.type) for field in info.fields}

    def read(self, body: bytes) -> InputT:
        """BAD_JSON, MISSING_FIELD or INVALID_FIELD, with a message that names the field."""
        given = {}
        for name, value in parse_object(body).items():
            reading = self._readings.get(name)
            if value is None or value == "":
                continue
            if reading is not None and isinstance(value, str):
                try:
                    value = reading(value)
                except ValueError as fault:
                    raise _named(errors.INVALID_FIELD(str(fault), field=name)) from None
            given[name] = value
        try:
            return msgspec.convert(given, self._kind, strict=False)
        except msgspec.ValidationError as fault:
            raise _named(field_error(str(fault), self._wishes)) from None


def _named(error: errors.ShortdError) -> errors.ShortdError:
    """The error with its field in the message: answers of this dialect have no other place."""
    if error.kind is errors.INVALID_FIELD:
        return errors.INVALID_FIELD(f"{error.field}: {error.message}", field=error.field)
    return error


def _reading(kind: inspect.Type) -> Callable[[str], Any] | None:
    """How a field's text is read, where that is special; ValueError with what is wrong."""
    match kind:
        case inspect.UnionType(types=options):
            return next(filter(None, map(_reading, options)), None)
        case inspect.Metadata(extra={"tag_list": True}):
            return split_tags
        case inspect.Metadata(type=inner):
            return _reading(inner)
        case inspect.BoolType():
            return _switch
        case inspect.DateType():
            return _day
        case inspect.VarTupleType():
            return _listed
    return None


def _switch(text: str) -> bool | str:
    return _SWITCHES.get(text.lower(), text)


def _day(text: str) -> date:
    try:
        return parse_date(text)
    except ValueError:
        raise ValueError(f"A day is written {DATE_FORMAT}.") from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
