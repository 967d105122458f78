"""Files by PUT, as the reference has them: a call of ours, which answers text."""

from __future__ import annotations

from collections.abc import Iterator

from shortd.api.caller import Keyed
from shortd.api.put.routes import CALL, METHOD, WEIGHT
from shortd.api.put.wishes import FOLDER, HEADERS, MOST_DAYS
from shortd.api.reference.operations import BINARY, Api, ApiReference, Operation, waits
from shortd.api.reference.refusals import ANY_CALL, KEYED, key_parameter, refusals_of
from shortd.api.reference.schemas import Schema
from shortd.api.reference.snippets import put_call
from shortd.errors import ErrorKind
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT

_INTRO = (
    "For `curl -T`, and whatever sends files so. The answer is the short URL and a newline, as"
    " text, and that of a refused call a line `code: message` or `code: field: message`. `PUT /`"
    " and `PUT /NAME` of any short host do the same, where nothing else is at that address."
)
_BEARER, _BASIC = "apiKeyBearer", "apiKeyBasic"
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_NAME: Schema = {"type": "string", "description": "The file's name.", "examples": ["note.txt"]}
_WISHES: dict[str, Schema] = {
    "days": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": MOST_DAYS,
        "description": "After so many days the link ends; fractions count.",
    },
    "clicks": {"type": "integer", "minimum": 1, "description": "How many downloads it allows."},
    "password": {"type": "string", "description": "What visitors have to name first."},
    "code": {"type": "string", "description": "A code of your own."},
}
assert _WISHES.keys() == HEADERS.keys(), "what a PUT can wish for is told"


def of_put(base_url: str) -> ApiReference:
    """All of it, with an example for a server at this address."""
    folder = FOLDER.decode()
    schema: Schema = {
        "type": "object",
        "properties": {"name": _NAME, **_WISHES},
        "required": ["name"],
    }
    refusals = refusals_of(CALL, schema, KEYED[Keyed.ONCE])
    operation = Operation(
        api=Api.PUT,
        name=CALL,
        topic="files",
        path=f"{folder}{{name}}",
        methods=(METHOD,),
        summary="Shares a file, which is the body. Each parameter may come in a header, too:"
        f" {', '.join(f'`{name.decode()}`' for name in HEADERS.values())}.",
        access="an API key that allows to write, as bearer token or as the password of basic"
        " authentication, unless the home page makes links without an account",
        weight=f"{WEIGHT} + {FILE_MEGABYTE_WEIGHT} per MB",
        is_ours=True,
        input=schema,
        output={"type": "object", "properties": {}},
        refusals=refusals,
        example=put_call(f"{base_url}{folder}"),
        content={"application/octet-stream": {"schema": BINARY}},
        responses=dict(_responses([*refusals, *ANY_CALL])),
        parameters=[
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
            *key_parameter(Keyed.ONCE),
        ],
        query=[
            {
                "name": name,
                "in": "query",
                "description": one["description"],
                "schema": {key: value for key, value in one.items() if key != "description"},
            }
            for name, one in _WISHES.items()
        ],
        security=[{_BEARER: []}, {_BASIC: []}, {}],
    )
    return ApiReference(
        api=Api.PUT,
        intro=_INTRO,
        operations=[operation],
        components={},
        security_schemes={
            _BEARER: {
                "type": "http",
                "scheme": "bearer",
                "description": "One of your account's API keys.",
            },
            _BASIC: {
                "type": "http",
                "scheme": "basic",
                "description": "The same as the password, with any name.",
            },
        },
    )


def _responses(kinds: list[ErrorKind]) -> Iterator[tuple[str, Schema]]:
    yield "201", {"description": "Done: the short URL.", "content": _TEXT}
    for status in sorted({kind.status for kind in kinds}):
        codes = ", ".join(f"`{kind.code}`" for kind in kinds if kind.status == status)
        yield (
            str(status),
            {"description": f"Refused: {codes}.", "content": _TEXT, **waits(status)},
        )
