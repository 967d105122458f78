"""Forms of pages: a body read once into a Struct, or what is wrong with it, field by field.

What was refused is shown again with all that was typed, but for passwords. A form costs what the
API call of its name costs. No rule of what is asked for stands here: types say what a field may
be, and services refuse the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from litestar import Response
from multipart import MultipartError, parse_form_data

from shortd import errors
from shortd.field_errors import bound_of
from shortd.limits.budgets import body_weight
from shortd.web import session
from shortd.web.answers import whole_seconds
from shortd.web.guard import FORM_BYTES
from shortd.web.render import language_of, page
from shortd.web.routing import AnyRequest, client_address, services_of

FIELDS = 128
WEIGHT = 1000
"""Of a form that is no call's."""

T = TypeVar("T", bound=msgspec.Struct)
Words = errors.Words

SECRET = "password"
"""How names of fields begin that are never shown again."""
_TRUE = frozenset({"on", "1", "true", "yes"})


class Form(Generic[T]):
    """A form that was sent, or is to be filled in.

    `value` is None where something is wrong; `errors` then say what, by field, and under "" what
    is wrong with the whole.
    """

    def __init__(
        self,
        value: T | None = None,
        typed: Mapping[str, list[str]] | None = None,
        wrong: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        refusal: errors.ShortdError | None = None,
    ) -> None:
        self.value = value
        self.lists = dict(typed or {})
        """Every field as it was typed."""
        self.errors = dict(wrong or {})
        self.files = dict(files or {})
        """Contents of files, by field."""
        self.refusal = refusal
        """What a service said against it last."""

    @property
    def typed(self) -> dict[str, str]:
        """What to show in the fields again."""
        return {
            name: values[-1]
            for name, values in self.lists.items()
            if values and not name.startswith(SECRET)
        }

    def last(self, name: str) -> str:
        """What came for a field, be it a secret."""
        return next(reversed(self.lists.get(name, [])), "")

    def text(self, name: str) -> str:
        """What stands in a field."""
        return self.typed.get(name, "")

    def error(self, name: str) -> str:
        """What is wrong with a field, or with the whole (""); empty if nothing is."""
        return self.errors.get(name, "")

    def focus(self, name: str, *, first: bool = False) -> str | None:
        """For the attribute `autofocus` of a field: the first that is wrong has it, else the one
        that comes `first`."""
        wanted = name == next(iter(self.errors)) if self.errors else first
        return "" if wanted else None

    def refuse(self, refusal: errors.ShortdError, words: Words = str, **fields: str) -> Form[T]:
        """The form with what a service said against it, at its field; `fields` has names that
        services know by other ones."""
        name = (refusal.field or "").partition("[")[0].partition(".")[0]
        name = fields.get(name, name)
        field = name if name in self.lists else ""
        return self.wrong(field, refusal.said(words), refusal)

    def wrong(self, field: str, said: str, refusal: errors.ShortdError | None = None) -> Form[T]:
        """The form with something wrong at a field, or with the whole of it ("")."""
        return Form(None, self.lists, {**self.errors, field: said}, self.files, refusal)

    @property
    def status(self) -> int:
        """Of the answer that shows it again: 422 where what was typed is at fault."""
        status = 422 if self.refusal is None else self.refusal.status
        return status if status == 429 or status >= 500 else 422


def again(
    request: AnyRequest, template: str, content: object, form: Form[Any], **options: Any
) -> Response[bytes]:
    """The page of a form that was refused, with all that was typed. See `render.page`."""
    answer = page(request, template, content, status=form.status, **options)
    if form.refusal is not None and form.refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(whole_seconds(form.refusal.retry_after))
    return answer


def filled(**typed: str) -> Form[Any]:
    """A form to be filled in, with what is known already."""
    return Form(typed={name: [text] for name, text in typed.items()})


async def read(
    request: AnyRequest,
    kind: type[T],
    *,
    call: str = "",
    weight: int = 0,
    most: int = FORM_BYTES,
    fields: int = FIELDS,
) -> Form[T]:
    """The form that came with a request.

    It is charged like the API `call` of that name, with a further `weight` for what it works on, to
    the account that has signed in, else to the client. `most` bytes and `fields` are read: a
    handler that asks for more bytes says so to `act`, too. BAD_FORM for what no page of ours sends,
    BODY_TOO_LARGE, RATE_LIMITED.
    """
    body = await request.body()
    if len(body) > most:
        raise errors.BODY_TOO_LARGE()
    charge(request, call, weight + body_weight(len(body)))
    lists, files = _parsed(request.headers.get("content-type", ""), body, fields)
    return converted(lists, kind, language_of(request).gettext, files)


def charge(request: AnyRequest, call: str, weight: int = 0) -> None:
    """Takes what the API call of that name costs, and `weight` on top. RATE_LIMITED."""
    services, found = services_of(request), session.current(request)
    weights: Mapping[str, int] = request.app.state.weights
    weight += weights[call] if call else WEIGHT
    now, budgets = services.clock.now(), services.limits.budgets
    address = client_address(services, request.scope)
    if found is not None:
        budgets.charge_account(found.account, address, weight, now)
    else:
        budgets.charge_client(address, weight, now)


def converted(
    lists: Mapping[str, list[str]],
    kind: type[T],
    words: Words = str,
    files: Mapping[str, bytes] | None = None,
) -> Form[T]:
    """Fields as a Struct. What the Struct does not have is left alone."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, field in _fields_of(kind).items():
        given = lists.get(name, [])
        raw = _raw(given, field)
        if raw is msgspec.UNSET:
            if field.required:
                wrong[name] = words("Fill this in.")
            continue
        try:
            values[name] = msgspec.convert(raw, field.type, strict=False)
        except msgspec.ValidationError as fault:
            wrong[name] = _said(str(fault), field, words)
    return Form(None if wrong else kind(**values), lists, wrong, files)


class _Field(msgspec.Struct, frozen=True):
    """What is known of a Struct's field."""

    type: Any
    required: bool
    bare: Any
    """The type without notes, and without None."""
    may_miss: bool
    """None is one of its values: an empty field is none."""
    wish: str
    """Its description."""


@cache
def _fields_of(kind: type[msgspec.Struct]) -> Mapping[str, _Field]:
    return {field.name: _field(field) for field in msgspec.structs.fields(kind)}


def _field(field: msgspec.structs.FieldInfo) -> _Field:
    bare, wish, may_miss = field.type, "", False
    while True:
        if get_origin(bare) is Annotated:
            bare, *notes = get_args(bare)
            wish = next((note.description for note in notes if note.description), wish)
        elif get_origin(bare) in (Union, UnionType):
            rest = [one for one in get_args(bare) if one is not NoneType]
            may_miss = len(rest) < len(get_args(bare))
            if len(rest) != 1:
                break
            bare = rest[0]
        else:
            break
    return _Field(field.type, field.required, bare, may_miss, wish)


def _raw(given: list[str], field: _Field) -> Any:
    """What came for a field, ready to be converted; UNSET if nothing did."""
    if field.bare is bool:
        # A box that is not ticked is not sent.
        return bool(given) and given[-1].lower() in _TRUE
    if (get_origin(field.bare) or field.bare) in (list, tuple, set, frozenset):
        return given
    if not given:
        return msgspec.UNSET
    text = given[-1].replace("\r\n", "\n")
    if not text.strip():
        if field.may_miss:
            return None
        if field.bare is not str or field.required:
            return msgspec.UNSET
    return text


def _said(fault: str, field: _Field, words: Words) -> str:
    """What msgspec says, as it is said to people."""
    if sentence := bound_of(fault):
        return sentence.said(words)
    if field.bare is int:
        return words("Write a whole number.")
    if field.bare is float:
        return words("Write a number.")
    return words(field.wish) if field.wish else words("This cannot be used here.")


def _parsed(
    content_type: str, body: bytes, fields: int
) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """Texts and files of a body. BAD_FORM."""
    environ = {
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    size = len(body) + 1
    limits = {"part_limit": fields, "memory_limit": size, "spool_limit": size}
    try:
        texts, files = parse_form_data(environ, strict=True, **limits)
    except (MultipartError, ValueError, LookupError):
        raise errors.BAD_FORM("The body is not the form of this page.") from None
    lists: dict[str, list[str]] = {}
    for name, text in texts.iterallitems():
        if any(0xD800 <= ord(character) < 0xE000 for character in name + text):
            raise errors.BAD_FORM("The body is not the form of this page.")
        lists.setdefault(name, []).append(text)
    return lists, {name: part.raw for name, part in files.items()}
