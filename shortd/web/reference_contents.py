"""What docs.html shows: the reference of all APIs, and the error catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from shortd.errors import ErrorKind


class FieldDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a call's inputs or outputs."""

    name: str
    type: str
    required: bool = True
    description: str = ""


class CallDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One API call in docs.html."""

    api: str
    """Its part of the anchor."""
    name: str
    topic: str = ""
    path: str
    method: str = "POST"
    summary: str
    access: str = ""
    """What opens it, in words; empty for nothing."""
    weight: str
    """As words: "1000 + 100 per URL"."""
    is_ours: bool = False
    fields: Sequence[FieldDoc] = ()
    outputs: Sequence[FieldDoc] = ()
    errors: Sequence[str] = ()
    """Codes, beside those that any call has."""
    curl: str
    python: str
    """The same call by both: programs that can be run."""

    @property
    def anchor(self) -> str:
        return f"call-{self.api}-{self.name.replace('/', '-')}"


class DocsSection(msgspec.Struct, frozen=True, kw_only=True):
    """One API in docs.html."""

    title: str
    name: str = ""
    """Of the API's own OpenAPI document; empty where there is none."""
    intro: str
    calls: Sequence[CallDoc]

    @property
    def topics(self) -> list[tuple[str, list[CallDoc]]]:
        """The calls by what they are about."""
        return [(topic, list(calls)) for topic, calls in groupby(self.calls, lambda c: c.topic)]


class ShapeDoc(msgspec.Struct, frozen=True, kw_only=True):
    """An object inside inputs or outputs, by the name that stands there as a type."""

    name: str
    summary: str
    fields: Sequence[FieldDoc]
    is_input: bool

    @property
    def anchor(self) -> str:
        return f"shape-{self.name}"


class VariableDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What an example takes from the environment."""

    name: str
    look: str
    """What such a thing looks like."""
    about: str
    """Where it comes from."""


class DocsPage(msgspec.Struct, frozen=True, kw_only=True):
    """docs.html: the reference of all APIs, and the error catalogue."""

    sections: Sequence[DocsSection]
    errors: Sequence[ErrorKind]
    any_call: Sequence[str] = ()
    """Codes that any call may answer."""
    shapes: Sequence[ShapeDoc] = ()
    variables: Sequence[VariableDoc] = ()
