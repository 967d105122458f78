"""What docs.html shows: the reference of all APIs, and the error catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shortd.errors import ErrorKind


class FieldDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a call's inputs or outputs."""

    name: str
    type: str
    required: bool = True
    default: str | None = None
    """As JSON; None where there is no default to speak of."""
    description: str = ""


class CallDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One API call in docs.html."""

    name: str
    path: str
    method: str = "POST"
    summary: str
    weight: str
    """As words: "1000 + 100 per url"."""
    fields: Sequence[FieldDoc] = ()
    outputs: Sequence[FieldDoc] = ()
    example: str
    """A curl command."""

    @property
    def anchor(self) -> str:
        return "call-" + self.path.strip("/").replace("/", "-")


class DocsSection(msgspec.Struct, frozen=True, kw_only=True):
    """One API in docs.html."""

    title: str
    intro: str
    calls: Sequence[CallDoc]


class ShapeDoc(msgspec.Struct, frozen=True, kw_only=True):
    """An object inside inputs or outputs, by the name that stands there as a type."""

    name: str
    summary: str
    fields: Sequence[FieldDoc]
    is_input: bool

    @property
    def anchor(self) -> str:
        return f"shape-{self.name}"


class DocsPage(msgspec.Struct, frozen=True, kw_only=True):
    """docs.html: the reference of all APIs, and the error catalogue."""

    sections: Sequence[DocsSection]
    errors: Sequence[ErrorKind]
    shapes: Sequence[ShapeDoc] = ()
