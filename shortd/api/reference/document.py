"""The documents of OpenAPI 3.1: one of everything, and one of each API."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from shortd import __version__
from shortd.api.reference.of_put import of_put
from shortd.api.reference.of_sqwish import of_sqwish
from shortd.api.reference.of_v1 import of_v1
from shortd.api.reference.of_v2 import of_v2
from shortd.api.reference.operations import Api, ApiReference, Operation
from shortd.api.reference.schemas import Schema, within

_ABOUT_NUMBERS = (
    "Integers have up to 64 bits. Where a client's numbers are exact only to 2^53, as JavaScript's"
    " are, it reads larger ones as text or as BigInt, and may send any of these fields as text with"
    ' its digits ("576460752303423487").'
)


@cache
def all_apis(base_url: str) -> Sequence[ApiReference]:
    """The APIs of a server at this address."""
    return [of_v2(base_url), of_v1(base_url), of_sqwish(base_url), of_put(base_url)]


@cache
def document(base_url: str, only: Api | None = None) -> dict[str, Any]:
    """The OpenAPI document of all APIs, or of one."""
    apis = [one for one in all_apis(base_url) if only in (None, one.api)]
    operations = [operation for api in apis for operation in api.operations]
    components = {name: one for api in apis for name, one in api.components.items()}
    schemes = {name: one for api in apis for name, one in api.security_schemes.items()}
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths[operation.path] = {
            method.lower(): _described(operation, method) for method in operation.methods
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "shortd" if only is None else f"shortd: {only.called}",
            "version": __version__,
            "description": "\n\n".join(
                [*(f"**{one.api.called}.** {one.intro}" for one in apis), _ABOUT_NUMBERS]
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "tags": [
            {"name": tag, "description": f"{api.called}: {topic}."}
            for tag, (api, topic) in {one.tag: (one.api, one.topic) for one in operations}.items()
        ],
        "paths": paths,
        "components": {
            "schemas": within(list(paths.values()), components),
            **({"securitySchemes": schemes} if schemes else {}),
        },
    }


def _described(operation: Operation, method: str) -> Schema:
    parameters = [*operation.parameters, *(() if method == "POST" else operation.query)]
    summary, _, rest = operation.summary.partition("\n\n")
    has_body = method != "GET"
    told = [f"Weight: {operation.weight}."]
    if rest:
        told.insert(0, rest)
    if operation.access:
        told.append(f"Needs {operation.access}.")
    if operation.is_ours:
        told.append("A call of ours, which no other server of this API has.")
    described: Schema = {
        "operationId": operation.id if method != "GET" else f"{operation.id}_get",
        "tags": [operation.tag],
        "summary": " ".join(summary.split()),
        "description": "\n\n".join(told),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": {"required": True, "content": operation.content}} if has_body else {}),
        "responses": operation.responses,
    }
    # What needs nothing says so, lest it be taken for forgotten.
    return {**described, "security": list(operation.security)}
