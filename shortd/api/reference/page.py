"""What the page of the reference shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from shortd import errors
from shortd.api.reference.document import all_apis
from shortd.api.reference.examples import VARIABLES
from shortd.api.reference.operations import Api, ApiReference, Operation
from shortd.api.reference.refusals import ANY_CALL
from shortd.api.reference.schemas import WHOLE_NUMBER, Schema, referred, within
from shortd.web.reference_contents import (
    CallDoc,
    DocsPage,
    DocsSection,
    FieldDoc,
    ShapeDoc,
    VariableDoc,
)


def contents(base_url: str) -> DocsPage:
    """The page of a server at this address."""
    apis = all_apis(base_url)
    return DocsPage(
        sections=[_section(api) for api in apis],
        errors=list(errors.CATALOGUE.values()),
        any_call=[kind.code for kind in ANY_CALL],
        shapes=[shape for api in apis for shape in _shapes(api)],
        variables=[
            VariableDoc(name=name, look=look, about=about)
            for name, (look, about) in VARIABLES.items()
        ],
    )


def _section(api: ApiReference) -> DocsSection:
    return DocsSection(
        title=api.api.called,
        name=str(api.api),
        intro=api.intro,
        calls=[_call(operation, api.components) for operation in api.operations],
    )


def _call(operation: Operation, components: Mapping[str, Schema]) -> CallDoc:
    return CallDoc(
        api=str(operation.api),
        name=operation.name,
        topic=operation.topic.capitalize(),
        path=operation.path,
        method=" or ".join(operation.methods),
        summary=" ".join([operation.summary, *_notes(operation)]),
        access=operation.access,
        weight=operation.weight,
        is_ours=operation.is_ours,
        fields=list(_fields(operation.input, components)),
        outputs=list(_fields(operation.output, components)),
        errors=[kind.code for kind in operation.refusals],
        curl=operation.example.curl,
        python=operation.example.python,
    )


def _notes(operation: Operation) -> Iterator[str]:
    """How it is sent, where that is not as the others are."""
    if operation.api is Api.V2 and "multipart/form-data" in operation.content:
        yield "It is a form: `query` is a JSON object with these fields, beside it comes the file."
    if any(one["in"] == "header" for one in operation.parameters):
        yield "Takes the header `Idempotency-Key`."


def _shapes(api: ApiReference) -> Iterator[ShapeDoc]:
    """The objects that inputs and outputs hold, by the names that stand there as types."""
    for is_input in (True, False):
        schemas = [one.input if is_input else one.output for one in api.operations]
        for name, schema in within(schemas, api.components).items():
            if "properties" in schema and not _is_of_multi(api, name):
                yield ShapeDoc(
                    name=name,
                    summary=schema.get("description", ""),
                    fields=list(_fields(schema, api.components)),
                    is_input=is_input,
                )


def _is_of_multi(api: ApiReference, name: str) -> bool:
    """What is told where the call itself is."""
    return api.api is Api.V2 and name.endswith(("Query", "Answer", "Output"))


def _fields(schema: Schema, components: Mapping[str, Schema]) -> Iterator[FieldDoc]:
    required = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        yield FieldDoc(
            name=name,
            type=_type_words(one, components),
            required=name in required,
            description=one.get("description", ""),
        )


def _type_words(schema: Schema, components: Mapping[str, Schema]) -> str:
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option != WHOLE_NUMBER]
        words = [_type_words(option, components) for option in options]
        return " or ".join(word for word in dict.fromkeys(words) if word != "null")
    name = referred(schema)
    if name:
        component = components[name]
        if "oneOf" in component:
            return "object"
        return name if "properties" in component else _type_words(component, components)
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"] if value is not None)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "prefixItems" in schema:
        words = [_type_words(item, components) for item in schema["prefixItems"]]
        return f"[{', '.join(words)}]"
    kind = schema.get("type", "any")
    kind = next(one for one in kind if one != "null") if isinstance(kind, list) else kind
    if kind == "array":
        return f"list of {_type_words(schema['items'], components)}"
    return "file" if schema.get("format") == "binary" else str(kind)
