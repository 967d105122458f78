"""ww7 v2 as the reference has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from shortd import errors
from shortd.api.reference.documents import OF_DOCUMENT
from shortd.api.reference.examples import Example, input_of
from shortd.api.reference.operations import (
    BINARY,
    INT64,
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
from shortd.api.reference.refusals import ANY_CALL, FORM, KEYED, key_parameter, refusals_of
from shortd.api.reference.schemas import Schema, components_of, reference
from shortd.api.reference.snippets import CONTENT, form_call, json_call
from shortd.api.v2.envelope import ErrorInfo
from shortd.api.v2.multi_call import CallQuery, Multi, MultiOutput
from shortd.api.v2.registry import CALLS, Call, Credentials
from shortd.errors import ErrorKind

_INTRO = (
    "Every call is a POST of a JSON object, and most have `userid` and `token` in it. The answer"
    " is an envelope: `output`, `status`, `type`, `utime` in microseconds, and the `weight` that it"
    " was charged. Fields that a call does not have are ignored and told in `warnings`."
)
_ANY = (*ANY_CALL, errors.BAD_JSON, errors.CREDENTIALS_FIRST)
WEIGHT = {"type": "integer", "description": "Weight units charged."}


def of_v2(base_url: str) -> ApiReference:
    """All of it, with examples for a server at this address."""
    outputs = [call.output_type for call in CALLS.values()]
    components = {
        **components_of([*outputs, ErrorInfo], "", is_input=False),
        **_common(),
        **_inputs(),
    }
    components["ErrorInfo"]["properties"]["code"] = reference("ErrorCode")
    calls = list(CALLS.values())
    for call in calls:
        components[_answer(call)] = _envelope(call)
        if call.form:
            components[_form(call)] = {
                "title": _form(call),
                "type": "object",
                "properties": {"query": reference(_input(call)), "file": BINARY},
                "required": ["query", "file"],
            }
    _type_multi(components)
    operations = [_operation(call, components, base_url) for call in calls]
    return ApiReference(
        api=Api.V2, intro=_INTRO, operations=by_topic(operations), components=components
    )


def _operation(call: Call, components: dict[str, Schema], base_url: str) -> Operation:
    name = _input(call)
    schema = components[name]
    refusals = refusals_of(call.name, schema, [*(FORM if call.form else ()), *KEYED[call.keyed]])
    example = _example(call, schema, components, f"{base_url}/v2/{call.name}")
    content: Schema
    if call.form:
        content = {
            "multipart/form-data": {
                "schema": reference(_form(call)),
                "encoding": {"query": {"contentType": JSON}},
                "example": {"query": example.literal, "file": CONTENT},
            }
        }
    else:
        content = {JSON: {"schema": reference(name), "example": example.literal}}
    needs_account = issubclass(call.input_type, Credentials)
    return Operation(
        api=Api.V2,
        name=call.name,
        topic=topic_of(call.handler),
        path=f"/v2/{call.name}",
        summary=call.summary,
        access="`userid` and `token`" if needs_account else "",
        weight=f"{call.weight} {call.weight_note}".strip(),
        is_ours=call.name not in OF_DOCUMENT[Api.V2],
        input=schema,
        output=components[call.output_type.__name__],
        refusals=refusals,
        example=example,
        content=content,
        parameters=key_parameter(call.keyed),
        responses={
            "200": answers(reference(_answer(call)), "Done."),
            **dict(_refused(dict.fromkeys([*refusals, *_ANY]), reference("Refusal"))),
        },
    )


def _example(call: Call, schema: Schema, components: Mapping[str, Schema], url: str) -> Example:
    given = input_of(call.name, schema, components)
    return form_call(url, given) if call.form else json_call(url, given)


def _refused(kinds: Iterable[ErrorKind], schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Responses by their status; each tells the codes that it may have."""
    for status in sorted({kind.status for kind in kinds}):
        codes = ", ".join(f"`{kind.code}`" for kind in kinds if kind.status == status)
        yield str(status), {**answers(schema, f"Refused: {codes}."), **waits(status)}


def _inputs() -> dict[str, Schema]:
    """The inputs of the calls by their names, and what they are made of."""
    found: dict[str, Schema] = {}
    own = {call.input_type.__name__ for call in CALLS.values()}
    for call in CALLS.values():
        made_of = components_of([call.input_type], "", is_input=True)
        schema = made_of[call.input_type.__name__]
        name = _input(call)
        found[name] = {**schema, "title": name}
        found |= {other: one for other, one in made_of.items() if other not in own}
    return found


def _input(call: Call) -> str:
    return f"{pascal(call.name)}Input"


def _form(call: Call) -> str:
    return f"{pascal(call.name)}Form"


def _answer(call: Call) -> str:
    return f"{pascal(call.name)}Answer"


def _common() -> dict[str, Schema]:
    return {
        "ErrorCode": {
            "title": "ErrorCode",
            "description": "What a call was refused for: see the table of errors.",
            "type": "string",
            "enum": list(errors.CATALOGUE),
        },
        "Refusal": {
            "title": "Refusal",
            "description": "The answer of a call that failed. It has changed nothing.",
            "type": "object",
            "properties": {
                "output": {"type": "object", "description": "Empty."},
                "status": {"type": "string", "const": "error"},
                "type": {"type": "string", "description": "The call."},
                "utime": {**INT64, "description": "Unix time in microseconds."},
                "weight": WEIGHT,
                "error": reference("ErrorInfo"),
            },
            "required": ["output", "status", "type", "utime", "weight", "error"],
        },
    }


def _envelope(call: Call) -> Schema:
    """The answer of a call that succeeded."""
    return {
        "title": _answer(call),
        "type": "object",
        "properties": {
            "output": reference(call.output_type.__name__),
            "status": {"type": "string", "const": "success"},
            "type": {"type": "string", "const": call.name},
            "utime": {**INT64, "description": "Unix time in microseconds."},
            "weight": WEIGHT,
            "warnings": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Fields that the call does not have, and times that have passed."
                " Absent if there are none.",
            },
        },
        "required": ["output", "status", "type", "utime", "weight"],
    }


def _type_multi(components: dict[str, Schema]) -> None:
    """Has `multi` say which inputs and answers its calls have."""
    for name in [name for name, one in components.items() if one.get("title") == "Envelope"]:
        del components[name]
    del components[CallQuery.__name__]
    within = [call for call in CALLS.values() if not call.form and call.input_type is not Multi]
    for call in within:
        whole = components[_input(call)]
        # What is broadcast need not stand there again.
        given = {"type": "object", "properties": whole.get("properties", {})}
        query = f"{pascal(call.name)}Query"
        components[query] = {
            "title": query,
            "type": "object",
            "properties": {
                "type": {"type": "string", "const": call.name},
                "input": given,
                "broadcast": {
                    "type": "boolean",
                    "description": "Offers the output to the calls behind it. Default: `false`.",
                },
            },
            "required": ["type"],
        }
    components["MultiQuery"] = _by(
        "type", {call.name: f"{pascal(call.name)}Query" for call in within}
    )
    components["Success"] = _by("type", {call.name: _answer(call) for call in within})
    # Told apart by `status`, which is no discriminator, as one of the two is a choice itself.
    components["MultiAnswered"] = {"oneOf": [reference("Success"), reference("Refusal")]}
    queries = components["MultiInput"]["properties"]["call_queries"]
    queries["items"] = reference("MultiQuery")
    responses = components[MultiOutput.__name__]["properties"]["call_responses"]
    responses["items"] = reference("MultiAnswered")


def _by(name: str, schemas: Mapping[str, str]) -> Schema:
    """One of several, told apart by a property."""
    return {
        "oneOf": [reference(schema) for schema in schemas.values()],
        "discriminator": {
            "propertyName": name,
            "mapping": {value: reference(schema)["$ref"] for value, schema in schemas.items()},
        },
    }
