"""Forms for plugins' data, made from the JSON Schema of those data, and data made from such a form.

It knows no plugin: what it cannot ask for by fields it asks for as JSON. What is sent is shown to
the plugin, which alone decides whether it is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

SPARE = 2
"""Empty entries that a list has at its end."""
MOST = 50
"""Entries of a list that are read."""
DEPTH = 4

Schema = Mapping[str, Any]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A field, or fields that belong together."""

    kind: str
    """text, url, whole, number, box, choice, object, list, json."""
    path: str
    """Its name in the form: "variants.0.url"."""
    name: str = ""
    """Its own name in the data."""
    number: int = -1
    """Its place in a list."""
    value: str = ""
    hint: str = ""
    required: bool = False
    choices: Sequence[str] = ()
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    children: Sequence[Node] = ()


def form_of(schema: Schema, data: Any, prefix: str) -> Node:
    """The form of data, empty where there are none. `prefix` begins the names of its fields."""
    return _node(schema, schema, data, prefix, "", DEPTH)


def data_of(schema: Schema, typed: Mapping[str, Sequence[str]], prefix: str) -> Any:
    """What was typed into a form, as JSON has it; None if nothing was. What does not fit stays a
    text: the plugin's schema says so. ValueError, with the field, for what is no JSON."""
    return _value(schema, schema, typed, prefix, DEPTH)


def _node(root: Schema, schema: Schema, data: Any, path: str, name: str, depth: int) -> Node:
    schema = _resolved(root, schema)
    kind = _kind(schema, depth)
    about: dict[str, Any] = {"path": path, "name": name, "hint": str(schema.get("description", ""))}
    if kind == "object":
        needed = schema.get("required", ())
        values = data if isinstance(data, dict) else {}
        children = [
            _with(
                _node(root, below, values.get(key), f"{path}.{key}", key, depth - 1),
                required=key in needed,
            )
            for key, below in schema.get("properties", {}).items()
        ]
        return Node(kind=kind, children=children, **about)
    if kind == "list":
        entries = list(data) if isinstance(data, list | tuple) else []
        most = int(schema.get("maxItems", MOST))
        count = min(max(len(entries) + SPARE, 1), max(most, len(entries)), MOST)
        entries += [None] * (count - len(entries))
        children = [
            _with(
                _node(root, schema["items"], value, f"{path}.{place}", name, depth - 1),
                number=place,
            )
            for place, value in enumerate(entries)
        ]
        return Node(kind=kind, children=children, **about)
    return Node(
        kind=kind,
        value=_text(kind, data, schema),
        choices=[str(choice) for choice in schema.get("enum", ())],
        least=schema.get("minimum"),
        most=schema.get("maximum"),
        longest=schema.get("maxLength"),
        **about,
    )


def _value(
    root: Schema, schema: Schema, typed: Mapping[str, Sequence[str]], path: str, depth: int
) -> Any:
    schema = _resolved(root, schema)
    kind = _kind(schema, depth)
    if kind == "object":
        found = {
            key: _value(root, below, typed, f"{path}.{key}", depth - 1)
            for key, below in schema.get("properties", {}).items()
        }
        given = {key: value for key, value in found.items() if value is not None}
        # A box is no answer by itself, or every spare entry of a list were one.
        said = (
            given.values() if depth == DEPTH else (v for v in given.values() if type(v) is not bool)
        )
        return given if any(value is not False for value in said) else None
    if kind == "list":
        entries = [
            _value(root, schema["items"], typed, f"{path}.{place}", depth - 1)
            for place in range(MOST)
        ]
        return [entry for entry in entries if entry is not None] or None
    text = (typed.get(path) or [""])[-1].strip()
    if kind == "box":
        return bool(text)
    if not text:
        return None
    if kind == "json":
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            raise ValueError(path) from None
    if kind in ("whole", "number"):
        try:
            return int(text) if kind == "whole" else float(text)
        except ValueError:
            return text
    return text


def _resolved(root: Schema, schema: Schema) -> Schema:
    """A schema without references, and without the alternative of null."""
    for _ in range(DEPTH):
        reference = str(schema.get("$ref", ""))
        if reference.startswith("#/$defs/"):
            schema = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
            continue
        others = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(others) != 1:
            break
        schema = others[0]
    return schema


def _kind(schema: Schema, depth: int) -> str:
    if depth > 0 and "enum" in schema:
        return "choice"
    match schema.get("type"):
        case "object" if depth > 0 and schema.get("properties"):
            return "object"
        case "array" if depth > 0 and isinstance(schema.get("items"), dict):
            return "list"
        case "string":
            return "text"
        case "integer":
            return "whole"
        case "number":
            return "number"
        case "boolean":
            return "box"
    return "json"


def _text(kind: str, data: Any, schema: Schema) -> str:
    if data is None:
        # What is left empty gets its default from the plugin; a box cannot be empty.
        return "1" if kind == "box" and schema.get("default") else ""
    if kind == "box":
        return "1" if data else ""
    if kind == "json":
        return msgspec.json.encode(data).decode()
    return str(data)


def _with(node: Node, **changes: Any) -> Node:
    return msgspec.structs.replace(node, **changes)
