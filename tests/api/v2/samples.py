"""Inputs derived from the call table: a good one of every call, and bad values of every field.

A call that is added later is tested without a line here, as long as its fields are known by
name or a plain value of their type will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from shortd.api.v2.registry import CALLS, Call
from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD, Person, double_sha256, registered

CODE = "abcdef"
JSON_CALLS = {name: call for name, call in CALLS.items() if not call.form}
"""The calls whose body is a JSON object."""

_JSON_VALUES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 5,
    "fraction": 1.5,
    "string": "text",
    "array": [],
    "object": {},
}


class World:
    """An app with an account and an entry, and inputs for every call about them."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.owner: Person = registered(app, "owner", username="Owner")
        self.entry = self.owner.shorten(code=CODE)
        self._samples: dict[str, Any] = {
            **self.owner.credentials,
            "url": "https://example.org/",
            "urls": ["https://example.org/", "https://example.net/"],
            "shorturl": self.entry["shorturl"],
            "shorturl_old": self.entry["shorturl"],
            "shorturl_new": "http://127.0.0.1:8080/fanciest",
            "host": "127.0.0.1:8080",
            "code": "another",
            "email": "somebody@nowhere.example",
            "username": "Somebody",
            "username_email": "Owner",
            "password": double_sha256(PASSWORD),
            "password_new": double_sha256("NewPassword12!"),
            "password_alt": "ab" * 32,
            "unique_code": "9f0c48d2bb15d09b12e7881869b570bc",
            "filename": "sample-image.png",
            "filesize": 53990,
            "filetype": "image/png",
            "filekey": "LcZJXWn7nYxUFTxzsJ9pDWTDZKF8IFXc",
            "entries": [{"path": "photos/a.png", "filesize": 53990}],
            "signature": "8d" * 44,
            "challenge": "284932ca2ea3595cf6d106ef51ca3826",
            "id": "63a3d2af450da672f48d90ff",
            "call_queries": [{"type": "temporary_account"}],
        }

    def good(self, call: Call) -> dict[str, Any]:
        """An input with all required fields, which are right, and the token."""
        return {
            field.encode_name: self.sample(field)
            for field in fields(call)
            if field.required or field.encode_name == "token"
        }

    def sample(self, field: inspect.Field) -> Any:
        """A right value for a field."""
        if field.encode_name in self._samples:
            return self._samples[field.encode_name]
        return next(_JSON_VALUES[kind] for kind in kinds(field.type) if kind != "null")


def fields(call: Call) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(call.input_type)
    assert isinstance(info, inspect.StructType)
    return info.fields


def kinds(of: inspect.Type) -> set[str]:
    """The kinds of JSON values that a type takes."""
    match of:
        case inspect.UnionType(types=types):
            return set().union(*(kinds(one) for one in types))
        case inspect.Metadata(type=inner):
            return kinds(inner)
        case inspect.NoneType():
            return {"null"}
        case inspect.BoolType():
            return {"boolean"}
        case inspect.IntType():
            return {"integer"}
        case inspect.FloatType():
            return {"integer", "fraction"}
        case inspect.StrType() | inspect.EnumType() | inspect.LiteralType():
            return {"string"}
        case inspect.ListType() | inspect.VarTupleType():
            return {"array"}
        case inspect.StructType() | inspect.DictType():
            return {"object"}
        case inspect.AnyType() | inspect.RawType():
            return set(_JSON_VALUES)
    raise AssertionError(f"an input of type {of}")


def bad_values(of: inspect.Type) -> Iterator[Any]:
    """Values of another type, or beyond the bounds of the type."""
    for kind in _JSON_VALUES.keys() - kinds(of):
        yield _JSON_VALUES[kind]
    options = of.types if isinstance(of, inspect.UnionType) else (of,)
    for option in options:
        while isinstance(option, inspect.Metadata):
            option = option.type
        yield from _beyond(option)


def _beyond(of: inspect.Type) -> Iterator[Any]:
    match of:
        case inspect.IntType(ge=least, le=most):
            if least is not None:
                yield least - 1
                yield -(10**400)
            if most is not None:
                yield most + 1
                yield 10**400
        case inspect.StrType(pattern=pattern, min_length=shortest, max_length=longest):
            if longest is not None:
                yield "x" * (longest + 1)
            if shortest:
                yield "x" * (shortest - 1)
            if pattern is not None:
                yield from ("", "\0", "é" * 32, "x" * 10_000, "a" * 32 + "\n", "a" * 64 + "\n")
        case inspect.ListType(item_type=item, min_length=fewest, max_length=most):
            if most is not None:
                yield [_any_of(item)] * (most + 1)
            if fewest:
                yield [_any_of(item)] * (fewest - 1)
            for value in bad_values(item):
                yield [value]


def _any_of(item: inspect.Type) -> Any:
    if isinstance(item, inspect.StructType):
        required = [field for field in item.fields if field.required]
        return {f.encode_name: 5 if "integer" in kinds(f.type) else "text" for f in required}
    if "object" in kinds(item):
        return {"type": "temporary_account"}
    return "https://example.com/"


def strings(call: Call) -> Iterator[str]:
    """Names of the call's fields that take a string."""
    for field in fields(call):
        if "string" in kinds(field.type):
            yield field.encode_name
