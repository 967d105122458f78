"""sqwish as the reference has it. Its calls have no types, so the fields are written down here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shortd.api.caller import Keyed
from shortd.api.reference.documents import OF_DOCUMENT
from shortd.api.reference.examples import input_of
from shortd.api.reference.operations import (
    BINARY,
    Api,
    ApiReference,
    Operation,
    answers,
    topic_of,
    waits,
)
from shortd.api.reference.refusals import ANY_CALL, KEYED, SQWISH_KEY, key_parameter, refusals_of
from shortd.api.reference.schemas import Schema, reference
from shortd.api.reference.snippets import CONTENT, parameters_call
from shortd.api.sqwish import uploads
from shortd.api.sqwish.calls import ADDRESS_WEIGHT, MOST_ADDRESSES
from shortd.api.sqwish.documents import Format
from shortd.api.sqwish.parameters import FORM
from shortd.api.sqwish.registry import CALLS, WEIGHT
from shortd.errors import ErrorKind
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT

_INTRO = (
    "GET or POST of an address that ends in `.json` or `.xml`. Parameters stand in the query or in"
    " a form, and one that is empty is as none. The answer is a document in that format, in which"
    " everything is text; that of a refused call has `error` `true` and a `message`."
)
_PREFIX = "Sqwish"
_KEY = "apiKey"
_XML = "application/xml"
_FACTS = ("original", "shortURL", "code")

_PARAMETERS: dict[str, Schema] = {
    "api_key": {"type": "string", "description": "One of your account's API keys."},
    "url": {
        "type": "string",
        "description": "An http or https URL, percent-encoded in a query.",
        "examples": ["https://example.com/"],
    },
    "custom": {
        "type": "string",
        "description": "A code of your own: 1 to 64 of A-Z, a-z, 0-9, _, -.",
    },
    "password": {"type": "string", "description": "The link's password.", "maxLength": 256},
    "code": {"type": "string", "description": "The link's code, or its whole short URL."},
    "limit": {
        "type": "integer",
        "minimum": 1,
        "description": f"How many visits, at most; never more than {MOST_ADDRESSES}.",
    },
    "file": BINARY,
}
_ANSWERED: dict[str, Schema] = {
    "error": {"type": "string", "const": "false"},
    "original": {"type": "string", "description": "Where the link leads; of a file, its name."},
    "shortURL": {"type": "string", "description": "The short URL."},
    "code": {"type": "string", "description": "Its code."},
    "custom": {"type": "string", "enum": ["true", "false"], "description": "A code of your own?"},
    "password": {"type": "string", "enum": ["true", "false"], "description": "Is there one?"},
    "hits": {"type": "string", "pattern": "^[0-9]+$", "description": "All visits."},
    "limit": {"type": "string", "description": "In XML alone: as it was asked for, or false."},
    "iplist": {
        "type": "object",
        "description": "Single visits, the newest first.",
        "properties": {"ipdata": {"type": "array", "items": reference(f"{_PREFIX}Visit")}},
        "required": ["ipdata"],
    },
}
_VISIT: Schema = {
    "title": f"{_PREFIX}Visit",
    "type": "object",
    "properties": {
        "ip": {"type": "string", "description": "The address, as the settings keep it."},
        "date": {"type": "string", "description": "When, in UTC: 2026-11-22 01:40:31."},
    },
    "required": ["ip", "date"],
}
# What each call needs, takes and answers, and what it costs beside the usual.
_CALLS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]] = {
    "shorten": (("url",), ("custom", "password"), (*_FACTS, "custom", "password"), ""),
    "stats": (("code",), ("password",), (*_FACTS, "hits"), ""),
    "ips": (
        *(("api_key", "code"), ("password", "limit"), (*_FACTS, "hits", "limit", "iplist")),
        f" + {ADDRESS_WEIGHT} per visit told",
    ),
    uploads.NAME: (
        *(("api_key", "file"), ("custom", "password"), (*_FACTS, "custom", "password")),
        f" + {FILE_MEGABYTE_WEIGHT} per MB",
    ),
}
_FORMAT: Schema = {
    "name": "format",
    "in": "path",
    "required": True,
    "description": "What the answer is written in.",
    "schema": {"type": "string", "enum": [str(one) for one in Format]},
}


def of_sqwish(base_url: str) -> ApiReference:
    """All of it, with examples for a server at this address."""
    components = {
        f"{_PREFIX}Visit": _VISIT,
        f"{_PREFIX}Refusal": {
            "title": f"{_PREFIX}Refusal",
            "description": "The answer of a call that failed. It has changed nothing.",
            "type": "object",
            "properties": {
                "error": {"type": "string", "const": "true"},
                "message": {"type": "string", "description": "What is wrong, for people."},
            },
            "required": ["error", "message"],
            "xml": {"name": "sqwish"},
        },
        **{_answer(name): _answered(name) for name in _CALLS},
        **{_input(name): _taken(name) for name in _CALLS},
    }
    handlers: dict[str, Callable[..., object]] = {
        **{name: call.handler for name, call in CALLS.items()},
        uploads.NAME: uploads.upload,
    }
    operations = [_operation(name, handler, base_url) for name, handler in handlers.items()]
    return ApiReference(
        api=Api.SQWISH,
        intro=_INTRO,
        operations=operations,
        components=components,
        security_schemes={
            _KEY: {
                "type": "apiKey",
                "in": "query",
                "name": "api_key",
                "description": "Of an account: `create_api_key` of ww7 v2 gives one. It may stand"
                " in a form as well, where fewer logs see it.",
            }
        },
    )


def _operation(name: str, handler: Callable[..., object], base_url: str) -> Operation:
    needed, _, _, cost = _CALLS[name]
    schema = _taken(name)
    is_upload = name == uploads.NAME
    keyed = Keyed.ONCE if is_upload else CALLS[name].keyed
    refusals = refusals_of(name, schema, [*SQWISH_KEY, *KEYED[keyed]])
    given = {"api_key": "$API_KEY", **input_of(name, _without(schema, "api_key", "file"), {})}
    example = parameters_call(f"{base_url}/{name}.{Format.JSON}", given, with_file=is_upload)
    media = "multipart/form-data" if is_upload else FORM
    shown = {**example.literal, **({"file": CONTENT} if is_upload else {})}
    query = [
        {
            "name": field,
            "in": "query",
            "required": field in needed,
            "description": one["description"],
            "schema": {key: value for key, value in one.items() if key != "description"},
        }
        for field, one in schema["properties"].items()
    ]
    key = {_KEY: list[str]()}
    return Operation(
        api=Api.SQWISH,
        name=name,
        topic=topic_of(handler) if is_upload else "links",
        path=f"/{name}.{{format}}",
        methods=("POST",) if is_upload else ("GET", "POST"),
        summary=_summary(name, handler),
        access=_access(name, is_upload),
        weight=f"{WEIGHT}{cost}",
        is_ours=name not in OF_DOCUMENT[Api.SQWISH],
        input=schema,
        output={"type": "object", "properties": _answered(name)["properties"]},
        refusals=refusals,
        example=example,
        content={media: {"schema": reference(_input(name)), "example": shown}},
        responses=dict(_responses(name, [*refusals, *ANY_CALL])),
        parameters=[_FORMAT, *key_parameter(keyed)],
        query=[] if is_upload else query,
        security=[key] if "api_key" in needed else [key, {}],
    )


def _summary(name: str, handler: Callable[..., object]) -> str:
    if name == uploads.NAME:
        return "Shares the file of a form, whose key comes before the file."
    return (handler.__doc__ or "").strip()


def _access(name: str, is_upload: bool) -> str:
    if is_upload:
        return "an API key that allows to write"
    key = f"an API key that allows to {CALLS[name].scope}"
    return key if CALLS[name].needs_key else f"{key}, unless the server asks for none"


def _responses(name: str, kinds: list[ErrorKind]) -> Iterator[tuple[str, Schema]]:
    yield "200", _either(reference(_answer(name)), "Done.")
    for status in sorted({kind.status for kind in kinds}):
        codes = ", ".join(f"`{kind.code}`" for kind in kinds if kind.status == status)
        refused = _either(reference(f"{_PREFIX}Refusal"), f"Refused: {codes}.")
        yield str(status), {**refused, **waits(status)}


def _either(schema: Schema, description: str) -> Schema:
    """A response in either format."""
    response = answers(schema, description)
    response["content"][_XML] = {"schema": schema}
    return response


def _input(name: str) -> str:
    return f"{_PREFIX}{name.capitalize()}Input"


def _taken(name: str) -> Schema:
    needed, more, *_ = _CALLS[name]
    fields = dict.fromkeys(("api_key", *needed, *more))
    return {
        "title": _input(name),
        "type": "object",
        "properties": {field: _PARAMETERS[field] for field in fields},
        "required": list(needed),
    }


def _answer(name: str) -> str:
    return f"{_PREFIX}{name.capitalize()}Answer"


def _answered(name: str) -> Schema:
    fields = ("error", *_CALLS[name][2])
    return {
        "title": _answer(name),
        "type": "object",
        "properties": {field: _ANSWERED[field] for field in fields},
        "required": [field for field in fields if field != "limit"],
        "additionalProperties": False,
        "xml": {"name": "sqwish"},
    }


def _without(schema: Schema, *names: str) -> Schema:
    properties = {name: one for name, one in schema["properties"].items() if name not in names}
    required = [name for name in schema["required"] if name not in names]
    return {**schema, "properties": properties, "required": required}
