"""JSON Schemas as documents of OpenAPI have them: msgspec's, put so that every generator of clients
gets them right.

They must never say less than msgspec's, but for what is another spelling of the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from shortd.api.reference.field_words import field_words

Schema = dict[str, Any]

REF = "#/components/schemas/"
EXACT = 2**53
"""Up to here JavaScript's numbers, and whatever else reads JSON into floating point, are exact."""
INT32 = 2**31
PYTHON_ONLY = r"(?!\n)"
"""Behind the `$` of a pattern, where that matches before a final newline as well."""
WHOLE_NUMBER = {"type": "string", "pattern": "^-?[0-9]{1,19}$"}
_TOLD = ("description", "default", "examples")
"""What is said of a field, and not of one of its types."""


def reference(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": REF + name}


def referred(schema: Schema) -> str:
    """The component that a schema refers to; empty if it is none."""
    return str(schema.get("$ref", "")).removeprefix(REF)


def components_of(
    kinds: Sequence[type[msgspec.Struct]], prefix: str, *, is_input: bool
) -> dict[str, Schema]:
    """The schemas of these types, and of all that they are made of, by their names behind `prefix`.

    In an `is_input`, numbers that some languages cannot hold may be texts, too.
    """
    _, found = msgspec.json.schema_components(kinds, ref_template=f"{REF}{prefix}{{name}}")
    components = {prefix + name: _put(schema, is_input) for name, schema in found.items()}
    for kind in _structs(kinds):
        for field, words in field_words(kind).items():
            one = components[prefix + kind.__name__]["properties"][field]
            if "description" not in one:
                one["description"] = words
    return components


def within(schemas: Iterable[Schema], components: dict[str, Schema]) -> dict[str, Schema]:
    """The components that schemas refer to, and those that these refer to, in the order met."""
    met: dict[str, Schema] = {}
    waiting = list(schemas)
    while waiting:
        for name in _names_in(waiting.pop(0)):
            if name not in met:
                met[name] = components[name]
                waiting.append(components[name])
    return met


def nullable(schema: Schema) -> Schema:
    """What may be null as well."""
    kind = schema.get("type")
    # Generators read a list of choices with null in it as one of texts.
    if isinstance(kind, str) and not schema.keys() & {"const", "enum"}:
        return {**schema, "type": [kind, "null"]}
    told = {name: schema[name] for name in _TOLD if name in schema}
    options = schema.get("anyOf", [{k: v for k, v in schema.items() if k not in told}])
    return {**told, "anyOf": [*options, {"type": "null"}]}


def _structs(kinds: Iterable[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """The types, and all that they are made of."""
    met: dict[type[msgspec.Struct], None] = {}
    waiting: list[inspect.Type] = list(inspect.multi_type_info(kinds))
    while waiting:
        match waiting.pop():
            case inspect.StructType(cls=kind, fields=fields):
                if kind not in met:
                    met[kind] = None
                    waiting += [field.type for field in fields]
            case inspect.Metadata(type=inner):
                waiting.append(inner)
            case inspect.UnionType(types=options):
                waiting += options
            case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
                waiting.append(item)
            case inspect.DictType(value_type=value):
                waiting.append(value)
    return list(met)


def _names_in(value: object) -> list[str]:
    if isinstance(value, dict):
        name = referred(value)
        below = [found for inner in value.values() for found in _names_in(inner)]
        return [name, *below] if name else below
    if isinstance(value, list):
        return [found for inner in value for found in _names_in(inner)]
    return []


def _put(schema: Schema, is_input: bool) -> Schema:
    """One schema, with all below it."""
    schema = dict(schema)
    if "anyOf" in schema:
        schema = _union(schema, is_input)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            schema[name] = _put(schema[name], is_input)
    if "prefixItems" in schema:
        schema["prefixItems"] = [_put(item, is_input) for item in schema["prefixItems"]]
    if "properties" in schema:
        given = schema["properties"]
        schema["properties"] = {name: _put(one, is_input) for name, one in given.items()}
        required = set(schema.pop("required", ()))
        if not is_input:
            # What has a default is answered all the same.
            required |= {name for name, one in given.items() if "default" in one}
        if required:
            schema["required"] = [name for name in given if name in required]
    if "pattern" in schema:
        schema["pattern"] = schema["pattern"].replace(PYTHON_ONLY, "")
    if "enum" in schema:
        schema = _choice(schema)
    if schema.get("type") == "integer" and "enum" not in schema:
        schema = _whole(schema, is_input)
    return _without_default(schema)


def _union(schema: Schema, is_input: bool) -> Schema:
    options = [_put(option, is_input) for option in schema.pop("anyOf")]
    rest = [option for option in options if option != {"type": "null"}]
    # Of two options that say what they are each keeps that.
    told = [option.pop("description") for option in rest if "description" in option]
    if told and "description" not in schema:
        schema["description"] = " ".join(told)
    shown = [one for option in rest for one in option.pop("examples", ())]
    if shown:
        schema["examples"] = shown
    flat = [part for option in rest for part in option.get("anyOf", [option])]
    merged = {**schema, **flat[0]} if len(flat) == 1 else {**schema, "anyOf": flat}
    return nullable(merged) if len(rest) < len(options) else merged


def _choice(schema: Schema) -> Schema:
    """Choices that differ in case alone are one to who makes names of them: the capitals."""
    given = schema["enum"]
    known = {value for value in given if isinstance(value, str)}
    values = [
        value
        for value in given
        if not (isinstance(value, str) and value != value.upper() and value.upper() in known)
    ]
    kinds = {"integer" if isinstance(v, int) else "string" for v in values if v is not None}
    put = {**schema, "enum": values}
    if len(kinds) == 1 and "type" not in schema:
        put["type"] = kinds.pop()
    return put


def _whole(schema: Schema, is_input: bool) -> Schema:
    least, most = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
    if least >= -INT32 and most < INT32:
        return schema
    schema = {**schema, "format": "int64"}
    if not is_input or (least >= -EXACT and most <= EXACT):
        return schema
    told = {name: schema.pop(name) for name in _TOLD if name in schema}
    return {**told, "anyOf": [schema, WHOLE_NUMBER]}


def _without_default(schema: Schema) -> Schema:
    """Where there is a `default`, some generators take the field for one that is always there."""
    schema = dict(schema)
    default = schema.pop("default", None)
    if default in (None, "", [], {}):
        return schema
    told = f"Default: `{json.dumps(default)}`."
    return {**schema, "description": f"{schema.get('description', '')} {told}".strip()}
