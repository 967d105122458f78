"""What msgspec says of an input, as an error of the catalogue that names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from shortd import errors

_LOCATION = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_LENGTH = re.compile(r"^Expected `str` of length (?P<sign><=|>=) (?P<size>\d+)")
_BOUND = re.compile(r"^Expected `(?:int|float)` (?P<sign><=|>=|<|>) (?P<size>-?[\d.]+)")
_CHOICE = "Invalid enum value"
_INDEX = re.compile(r"\[[^\]]*\]")
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]+)`")


class Wishes(msgspec.Struct, frozen=True):
    """What fields should be, for whoever gave something else: by their paths without indexes."""

    words: dict[str, str] = {}
    choices: dict[str, list[str]] = {}


def wishes_of(kind: type[msgspec.Struct]) -> Wishes:
    """Read from a type's JSON Schema."""
    schema = msgspec.json.schema(kind)
    wishes = Wishes({}, {})
    for path, one in _below(schema, schema.get("$defs", {}), "", ()):
        if "description" in one:
            wishes.words[path] = one["description"]
        values = one.get("enum", [True, False] if one.get("type") == "boolean" else [])
        known = wishes.choices.setdefault(path, [])
        # What differs in case alone is told once.
        known += [
            _said(value) for value in values if value is not None and not _is_lower(value, values)
        ]
    return wishes


def _below(
    schema: dict[str, Any], components: dict[str, Any], path: str, seen: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all below it, with their paths."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in seen:
        return
    if name:
        known = components[name]
        if "properties" not in known:
            yield path, known
        for field, inner in known.get("properties", {}).items():
            below = f"{path}.{field}" if path else field
            yield from _below(inner, components, below, (*seen, name))
    else:
        yield path, schema
        for inner in (*schema.get("anyOf", ()), *filter(None, (schema.get("items"),))):
            yield from _below(inner, components, path, seen)


def _is_lower(value: object, values: list[Any]) -> bool:
    return isinstance(value, str) and value != value.upper() and value.upper() in values


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def field_error(message: str, wishes: Wishes, *, below: str = "") -> errors.ShortdError:
    """msgspec's message as a catalogued error that names the field, and the choices where it has
    some; `below` is the field that was read by itself.
    """
    match = _LOCATION.match(message)
    reason, path = (match["reason"], match["path"] or "") if match else (message, "")
    place = _INDEX.sub("", path)
    if below:
        path = f"{below}.{path}" if path and not path.startswith("[") else below + path
    missing = _MISSING.match(reason)
    if missing:
        field = f"{path}.{missing['name']}" if path else missing["name"]
        return errors.MISSING_FIELD(field=field, english=f"{reason}.")
    if not path:
        return errors.BAD_JSON()
    if reason.startswith(_CHOICE) and (choices := wishes.choices.get(place)):
        english = f"{reason}. Expected one of: {', '.join(choices)}."
        return errors.INVALID_FIELD(field=path, english=english)
    wish = wishes.words.get(place)
    if wish and "matching regex" in reason:
        return errors.INVALID_FIELD(field=path, english=f"Expected: {wish}")
    return errors.INVALID_FIELD(bound_of(reason), field=path, english=f"{reason}.")


def bound_of(fault: str) -> errors.Sentence | None:
    """What msgspec says of a text's length or a number's bounds, as it is said to people; None for
    all else.
    """
    if length := _LENGTH.search(fault):
        size = int(length["size"])
        if length["sign"] == "<=":
            return errors.Sentence("At most %(most)s characters.", {"most": size})
        if size == 1:
            return errors.Sentence("Fill this in.")
        return errors.Sentence("At least %(least)s characters.", {"least": size})
    if bound := _BOUND.search(fault):
        if bound["sign"].startswith("<"):
            return errors.Sentence("At most %(most)s.", {"most": bound["size"]})
        return errors.Sentence("At least %(least)s.", {"least": bound["size"]})
    return None
