"""What the code says of a type's fields in texts below them, for fields whose types say nothing.

Where there is no source, as in programs made of one file, there are no such words.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache

import msgspec


@cache
def field_words(kind: type[msgspec.Struct]) -> dict[str, str]:
    """By the names that fields have in JSON."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            told |= _told(base)
    fields = msgspec.structs.fields(kind)
    return {field.encode_name: told[field.name] for field in fields if field.name in told}


def _told(base: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(base))
    except (OSError, TypeError):
        return {}
    [defined] = ast.parse(source).body
    assert isinstance(defined, ast.ClassDef), "the source of a class is one"
    told = {}
    for field, text in zip(defined.body, defined.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            told[field.target.id] = " ".join(text.value.value.split())
    return told
