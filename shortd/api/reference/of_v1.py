"""Shorten World v1 as the reference has it."""

from __future__ import annotations

from collections.abc import Iterator

from shortd import errors
from shortd.api.reference.documents import OF_DOCUMENT
from shortd.api.reference.examples import input_of
from shortd.api.reference.operations import (
    JSON,
    Api,
    ApiReference,
    Operation,
    answers,
    by_topic,
    pascal,
    topic_of,
    waits,
)
from shortd.api.reference.refusals import ANY_CALL, KEYED, V1_BEARER, key_parameter, refusals_of
from shortd.api.reference.schemas import Schema, components_of, reference
from shortd.api.reference.snippets import json_call
from shortd.api.v1.answers import HTTP_STATUSES, SUCCESS
from shortd.api.v1.inputs import Paged
from shortd.api.v1.registry import CALLS, ENTRY_WEIGHT, WEIGHT, Call
from shortd.errors import ErrorKind

_INTRO = (
    "Every call is a POST of a JSON object with the header `Authorization: Bearer` and an access"
    " token, which `authen/token` gives. Numbers may be texts, an empty text is as no field. The"
    " answer has a `status` and beside it what the call answers. A call that is refused has a"
    " `status.code` other than 0, and mostly the HTTP status 200 all the same."
)
_PREFIX = "V1"
_ANY = (*ANY_CALL, errors.BAD_JSON)
_BEARER = "accessToken"
_OWN_TOKEN = frozenset({"authen/revoke-token"})
"""Of no scope, but about the token that comes with the call."""
_LOOKED_THROUGH = {"entity/link/list": " + 1 per 10 links looked through"}


def of_v1(base_url: str) -> ApiReference:
    """All of it, with examples for a server at this address."""
    calls = list(CALLS.values())
    outputs = components_of([call.output_type for call in calls], _PREFIX, is_input=False)
    components = {**outputs, **_common()}
    for call in calls:
        made_of = components_of([call.input_type], _PREFIX, is_input=True)
        own = made_of.pop(_PREFIX + call.input_type.__name__)
        name = f"{_PREFIX}{pascal(call.name)}Input"
        components |= {name: {**own, "title": name}, **made_of}
        components[_answer(call)] = _answered(call, outputs)
    return ApiReference(
        api=Api.V1,
        intro=_INTRO,
        operations=by_topic([_operation(call, components, base_url) for call in calls]),
        components=components,
        security_schemes={
            _BEARER: {
                "type": "http",
                "scheme": "bearer",
                "description": "The `access_token` that `authen/token` gives, good for an hour.",
            }
        },
    )


def _operation(call: Call, components: dict[str, Schema], base_url: str) -> Operation:
    name = f"{_PREFIX}{pascal(call.name)}Input"
    schema = components[name]
    is_opened = call.scope is not None or call.name in _OWN_TOKEN
    refusals = refusals_of(
        call.name, schema, [*(V1_BEARER if is_opened else ()), *KEYED[call.keyed]]
    )
    given = input_of(call.name, schema, components)
    url = f"{base_url}/v1/{call.name}"
    example = json_call(url, given, "ACCESS_TOKEN" if is_opened else "")
    paged = f" + {ENTRY_WEIGHT} per entry" if issubclass(call.input_type, Paged) else ""
    return Operation(
        api=Api.V1,
        name=call.name,
        topic=topic_of(call.handler),
        path=f"/v1/{call.name}",
        summary=call.summary,
        access=_access(call, is_opened),
        weight=f"{WEIGHT}{paged}{_LOOKED_THROUGH.get(call.name, '')}",
        is_ours=call.name not in OF_DOCUMENT[Api.V1],
        input=schema,
        output=components[_PREFIX + call.output_type.__name__],
        refusals=refusals,
        example=example,
        content={JSON: {"schema": reference(name), "example": example.literal}},
        responses=dict(_responses(call, [*refusals, *_ANY])),
        parameters=key_parameter(call.keyed),
        security=[{_BEARER: []}] if is_opened else [],
    )


def _access(call: Call, is_opened: bool) -> str:
    if call.scope is None:
        return "an access token" if is_opened else ""
    return f"an access token that allows to {call.scope}"


def _responses(call: Call, kinds: list[ErrorKind]) -> Iterator[tuple[str, Schema]]:
    refusal = reference(f"{_PREFIX}Refusal")
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        status = kind.status if kind.status in HTTP_STATUSES else 200
        by_status.setdefault(status, []).append(f"`{kind.code}` ({kind.status})")
    with_success = {"oneOf": [reference(_answer(call)), refusal]}
    told = f"Done, or refused: {', '.join(by_status.pop(200))}."
    yield "200", answers(with_success, told)
    for status in sorted(by_status):
        told = f"Refused: {', '.join(by_status[status])}."
        yield str(status), {**answers(refusal, told), **waits(status)}


def _answer(call: Call) -> str:
    return f"{_PREFIX}{pascal(call.name)}Answer"


def _answered(call: Call, outputs: dict[str, Schema]) -> Schema:
    """The answer of a call that succeeded: what it answers stands beside `status`."""
    output = outputs[_PREFIX + call.output_type.__name__]
    return {
        "title": _answer(call),
        "type": "object",
        "properties": {"status": reference(f"{_PREFIX}Success"), **output.get("properties", {})},
        "required": ["status", *output.get("required", [])],
    }


def _common() -> dict[str, Schema]:
    numbers = sorted({kind.status for kind in errors.CATALOGUE.values()})
    return {
        f"{_PREFIX}Success": _status({"type": "integer", "const": 0}, SUCCESS),
        f"{_PREFIX}Failure": _status(
            {
                "type": "integer",
                "enum": numbers,
                "description": "The HTTP status of the error in the table of errors.",
            },
            "What is wrong, for people.",
        ),
        f"{_PREFIX}Refusal": {
            "title": f"{_PREFIX}Refusal",
            "description": "The answer of a call that failed. It has changed nothing.",
            "type": "object",
            "properties": {"status": reference(f"{_PREFIX}Failure")},
            "required": ["status"],
        },
    }


def _status(code: Schema, message: str) -> Schema:
    return {
        "type": "object",
        "properties": {
            "message": {"type": "string", "description": message},
            "code": code,
            "timestamp": {"type": "string", "description": "Such as 2026-11-22T01:40:31+0000."},
        },
        "required": ["message", "code", "timestamp"],
    }
