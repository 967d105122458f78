"""The reference of ww7 v2, derived from the call table: an OpenAPI document and a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from litestar import Response

from shortd import __version__, errors
from shortd.api.v2.envelope import ErrorInfo
from shortd.api.v2.registry import CALLS, Call
from shortd.web.answers import Answer, json_answer, page
from shortd.web.pages import Pages
from shortd.web.reference_contents import CallDoc, DocsPage, DocsSection, FieldDoc, ShapeDoc
from shortd.web.routing import AnyRequest, look, response

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"
_EXAMPLES = {
    "userid": "FeJr3QgHeHe9D0kAxBBBo9lBidVhrRaU",
    "token": "8hSdMgDzTDXNW0Texqbq7JDcH5hOE0Z4",
    "url": "https://example.com/",
    "urls": ["https://example.com/", "https://example.org/"],
    "email": "test.user@example.com",
    "unique_code": "9f0c48d2bb15d09b12e7881869b570bc",
    "username_email": "test.user@example.com",
    "enabled": False,
    "tag": 32776,
    "expiration_count": 100,
    "plugin": "ab",
    "data": {"variants": [{"url": "https://example.com/b", "weight": 50}]},
    "call_queries": [{"type": "temporary_account", "broadcast": True}],
}


@look("/-/docs")
async def docs(request: AnyRequest) -> Response[bytes]:
    """The reference as a page."""
    base = request.app.state.services.settings.public_url
    return response(_docs_answer(base))


@look("/-/docs/openapi.json")
async def openapi(request: AnyRequest) -> Response[bytes]:
    """The reference as an OpenAPI 3.1 document."""
    return response(_openapi_answer(request.app.state.services.settings.public_url))


@cache
def _docs_answer(base_url: str) -> Answer:
    """Rendered once: that takes as long as a thousand redirects, and anybody may ask for it."""
    section = DocsSection(
        title="ww7 v2",
        intro=(
            "Every call is a POST of a JSON object and answers an envelope: output, status,"
            " type, utime in microseconds, and the weight it was charged."
        ),
        calls=[_call_doc(call, base_url) for call in CALLS.values()],
    )
    content = DocsPage(
        sections=[section],
        errors=list(errors.CATALOGUE.values()),
        shapes=[
            *_shapes([call.input_type for call in CALLS.values()], is_input=True),
            *_shapes([call.output_type for call in CALLS.values()], is_input=False),
        ],
    )
    return page(Pages(base_url), "docs.html", None, page=content)


@cache
def _openapi_answer(base_url: str) -> Answer:
    return json_answer(document(base_url))


@cache
def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document of all calls."""
    types = [kind for call in CALLS.values() for kind in (call.input_type, call.output_type)]
    schemas, components = msgspec.json.schema_components([*types, ErrorInfo], ref_template=REF)
    by_type = dict(zip([*types, ErrorInfo], schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "shortd",
            "version": __version__,
            "description": "The ww7 v2 API of a shortd server.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "paths": {
            f"/v2/{call.name}": {
                "post": {
                    "operationId": call.name,
                    "summary": call.summary.partition("\n")[0],
                    "description": f"{call.summary}\n\nWeight: {_weight(call)}.",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": by_type[call.input_type]}},
                    },
                    "responses": {
                        "200": _envelope("Success", by_type[call.output_type], None),
                        "default": _envelope("Refused", {"type": "object"}, by_type[ErrorInfo]),
                    },
                }
            }
            for call in CALLS.values()
        },
        "components": {"schemas": components},
    }


def _envelope(
    description: str, output: dict[str, Any], error: dict[str, Any] | None
) -> dict[str, Any]:
    properties = {
        "output": output,
        "status": {"const": "success" if error is None else "error"},
        "type": {"type": "string"},
        "utime": {"type": "integer", "description": "Unix time in microseconds."},
        "weight": {"type": "integer", "description": "Weight units charged."},
    }
    required = list(properties)
    if error is None:
        properties["warnings"] = {"type": "array", "items": {"type": "string"}}
    else:
        properties["error"] = error
        required.append("error")
    schema = {"type": "object", "properties": properties, "required": required}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _call_doc(call: Call, base_url: str) -> CallDoc:
    fields = list(_fields(call.input_type))
    example = {
        field.name: _EXAMPLES.get(field.name, _placeholder(field.name))
        for field in fields
        if field.required or field.name == "token"
    }
    return CallDoc(
        name=call.name,
        path=f"/v2/{call.name}",
        summary=call.summary,
        weight=_weight(call),
        fields=fields,
        outputs=list(_fields(call.output_type)),
        example=f"curl {base_url}/v2/{call.name} \\\n  -d '{json.dumps(example)}'",
    )


def _placeholder(name: str) -> object:
    if name.startswith("shorturl"):
        return (
            "https://s.example/D4AyPm" if name != "shorturl_new" else "https://s.example/fanciest"
        )
    return "ffbbafe935a9c961cc5ea6bbdb8d994e3eb2c84f8a48f998fcef14feb9cc1bde"


def _weight(call: Call) -> str:
    return f"{call.weight} {call.weight_note}".strip()


def _shapes(kinds: Sequence[type[msgspec.Struct]], *, is_input: bool) -> Iterator[ShapeDoc]:
    """The objects that the inputs or outputs of calls hold."""
    _, components = msgspec.json.schema_components(kinds, ref_template=REF)
    for name, definition in components.items():
        if definition.get("properties") and name not in {kind.__name__ for kind in kinds}:
            yield ShapeDoc(
                name=name,
                summary=definition.get("description", ""),
                fields=list(_field_docs(definition, components)),
                is_input=is_input,
            )


def _fields(kind: type[msgspec.Struct]) -> Iterator[FieldDoc]:
    (_,), components = msgspec.json.schema_components([kind], ref_template=REF)
    return _field_docs(components[kind.__name__], components)


def _field_docs(definition: Schema, components: dict[str, Schema]) -> Iterator[FieldDoc]:
    required = definition.get("required", [])
    for name, properties in definition["properties"].items():
        default = properties.get("default")
        yield FieldDoc(
            name=name,
            type=_type_words(properties, components),
            required=name in required,
            default=None if default is None else json.dumps(default),
            description=_description(properties),
        )


def _type_words(schema: Schema, components: dict[str, Schema]) -> str:
    if "anyOf" in schema:
        words = [_type_words(option, components) for option in schema["anyOf"]]
        return " or ".join(word for word in dict.fromkeys(words) if word != "null")
    if "$ref" in schema:
        name = str(schema["$ref"].rpartition("/")[2])
        return name if "properties" in components[name] else _type_words(components[name], {})
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "prefixItems" in schema:
        words = [_type_words(item, components) for item in schema["prefixItems"]]
        return f"[{', '.join(words)}]"
    if schema.get("type") == "array":
        return f"list of {_type_words(schema['items'], components)}"
    return str(schema.get("type", "any"))


def _description(schema: Schema) -> str:
    options = [schema, *schema.get("anyOf", [])]
    return next((option["description"] for option in options if "description" in option), "")


HANDLERS = (docs, openapi)
