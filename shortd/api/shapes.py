"""What the types of a call's input say in words: names inside of fields, and descriptions."""

from __future__ import annotations

from typing import Any

import msgspec

from shortd.field_errors import Wishes, wishes_of


class Shape(msgspec.Struct, frozen=True):
    """The fields of an input."""

    names: frozenset[str]
    inner: dict[str, frozenset[str]]
    """The keys that a field takes, where it is a dictionary of known ones."""
    wishes: Wishes
    """What a field should be, for whoever gave something else."""


def shape_of(kind: type[msgspec.Struct]) -> Shape:
    """Reads the shape of an input type from its JSON Schema."""
    schema = msgspec.json.schema(kind)
    components = schema["$defs"]
    properties: dict[str, dict[str, Any]] = components[kind.__name__]["properties"]
    inner = {}
    for name, field in properties.items():
        for option in (field, *field.get("anyOf", ())):
            reference = option.get("$ref", "").rpartition("/")[2]
            if reference and "properties" in components[reference]:
                inner[name] = frozenset(components[reference]["properties"])
    return Shape(frozenset(properties), inner, wishes_of(kind))
