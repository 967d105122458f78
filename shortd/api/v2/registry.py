"""The calls of ww7 v2: how one is declared, decoded, charged and run.

A call is a typed function with its weight above it:

    @call("set_tag", weight=1000)
    async def set_tag(ctx: Context, args: SetTag) -> Empty: ...

The registry derives the rest from the types: strict decoding, credentials, warnings for
unknown fields, the OpenAPI document and the reference page.
"""

from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.api.caller import Caller, Keyed
from shortd.api.shapes import Shape, shape_of
from shortd.api.v2.forms import Form
from shortd.api.v2.numbers import Reading, reading_of, with_numbers
from shortd.field_errors import field_error
from shortd.fields import TokenText, UserId
from shortd.limits.repeats import Attempt
from shortd.services import Services

MOST_NAMES = 1000
"""In one object: no input has more than some dozens."""
NAMES_TOLD = 10
NAME_LENGTH = 64
"""Unknown names that an answer tells, and characters of each."""

JsonObject = dict[str, msgspec.Raw]
Disconnected = Callable[[], Awaitable[object]]
"""Waits until the client has left."""

_decode_object = msgspec.json.Decoder(JsonObject).decode


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every call's input. Unknown fields are ignored, wrong types are errors."""


class Credentials(Input, frozen=True, kw_only=True):
    """Base of the inputs of calls that act for an account."""

    userid: UserId
    token: TokenText | None = None


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every call's output."""


class Empty(Output, frozen=True, kw_only=True):
    """`{}`."""


T = TypeVar("T")
InputT = TypeVar("InputT", bound=Input)
OutputT = TypeVar("OutputT", bound=Output)
Handler = Callable[["Context", Any], Awaitable[Output]]


class Context(Caller):
    """One call under way, with the file that comes with it."""

    def __init__(
        self,
        services: Services,
        address: str,
        now: int,
        form: Form | None = None,
        disconnected: Disconnected | None = None,
        user_agent: str = "",
        attempt: Attempt | None = None,
    ) -> None:
        super().__init__(services, address, now, user_agent, attempt)
        self._form = form
        self.disconnected = disconnected
        self.warnings: list[str] = []
        """What the caller hardly means, though it is done."""

    @property
    def form(self) -> Form:
        """The file that comes with the call."""
        assert self._form is not None, "the call was not declared with form=True"
        return self._form

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Does work that takes long, unless the client leaves meanwhile: then BAD_REQUEST."""
        if self.disconnected is None:
            return await work
        working = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(self.disconnected())
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise errors.BAD_REQUEST("The client has left.")
            return working.result()
        finally:
            working.cancel()
            leaving.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)

    def authenticate(self, credentials: Credentials) -> None:
        """Raises BAD_CREDENTIALS, TOKEN_REQUIRED or ACCOUNT_EXPIRED; SECOND_FACTOR_REQUIRED for who
        has to set one up first."""
        accounts = self.services.accounts
        account = accounts.logins.authenticate(credentials.userid, credentials.token, self.now)
        accounts.factors.demand(account, credentials.token)
        self._account = account


class Call(msgspec.Struct, frozen=True):
    """One row of the call table."""

    name: str
    weight: int
    weight_note: str
    """What comes on top, for the reference: "+ 100 per URL"."""
    extra_weight: Callable[[Any], int] | None
    input_type: type[Input]
    output_type: type[Output]
    handler: Handler
    form: bool
    """Comes as a form, with a file beside the input."""
    keyed: Keyed
    decode: Callable[[bytes], Input]
    shape: Shape
    numbers: Reading | None
    """Reads what may be too large for a client's numbers."""

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.handler) or ""

    def parse(self, raw: bytes | JsonObject) -> Input:
        """Strictly reads the call's input. BAD_JSON, MISSING_FIELD or INVALID_FIELD."""
        text = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
        try:
            try:
                return self.decode(text)
            except msgspec.ValidationError:
                put = with_numbers(text, self.numbers) if self.numbers else None
                if put is None:
                    raise
                return self.decode(put)
        except msgspec.ValidationError as fault:
            raise field_error(str(fault), self.shape.wishes) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise errors.BAD_JSON() from None

    def unknown_fields(self, given: JsonObject) -> list[str]:
        """Fields of the input that the call does not have, `qr.colour` among them: the first
        `NAMES_TOLD` of them, cut at `NAME_LENGTH`. BAD_JSON.
        """
        unknown = [name for name in given if name not in self.shape.names]
        for name, known in self.shape.inner.items():
            if name in given and bytes(given[name]).lstrip()[:1] == b"{":
                inner = parse_object(bytes(given[name]))
                unknown += [f"{name}.{key}" for key in inner if key not in known]
        return [name[:NAME_LENGTH] for name in unknown[:NAMES_TOLD]]

    async def run(self, ctx: Context, args: Input) -> Output:
        """Authenticates, charges and runs the call. `Answered` where that was done before."""
        if self.keyed is Keyed.REFUSED:
            ctx.attempt.refuse()
        if isinstance(args, Credentials):
            ctx.authenticate(args)
        if self.keyed is Keyed.ONCE and ctx.attempt.has_key:
            ctx.begin(self._request(args), has_file=self.form)
        ctx.charge(self.weight + (self.extra_weight(args) if self.extra_weight else 0))
        if not self.form:
            ctx.attempt.answer_again()
        return await self.handler(ctx, args)

    def _request(self, args: Input) -> bytes:
        """What is asked for, whatever token it comes with."""
        if isinstance(args, Credentials):
            args = msgspec.structs.replace(args, token=None)
        return b"v2 %b %b" % (self.name.encode(), msgspec.json.encode(args))


CALLS: dict[str, Call] = {}
"""Every call, by name, in the order of declaration."""


def call(
    name: str,
    *,
    weight: int,
    extra_weight: Callable[[Any], int] | None = None,
    weight_note: str = "",
    form: bool = False,
    keyed: Keyed = Keyed.IGNORED,
) -> Callable[
    [Callable[[Context, InputT], Awaitable[OutputT]]],
    Callable[[Context, InputT], Awaitable[OutputT]],
]:
    """Enters a function into the call table.

    `weight` is charged before the call runs, together with what `extra_weight` makes of the
    input; a call whose price depends on its result charges the rest itself.
    """

    def register(
        function: Callable[[Context, InputT], Awaitable[OutputT]],
    ) -> Callable[[Context, InputT], Awaitable[OutputT]]:
        hints = typing.get_type_hints(function)
        input_type: type[Input] = hints["args"]
        CALLS[name] = Call(
            name=name,
            weight=weight,
            weight_note=weight_note,
            extra_weight=extra_weight,
            input_type=input_type,
            output_type=hints["return"],
            handler=function,
            form=form,
            keyed=keyed,
            decode=msgspec.json.Decoder(input_type).decode,
            shape=shape_of(input_type),
            numbers=reading_of(input_type),
        )
        return function

    return register


def parse_object(body: bytes) -> JsonObject:
    """The body as a JSON object with undecoded values, `MOST_NAMES` at most; BAD_JSON."""
    try:
        given = _decode_object(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise errors.BAD_JSON() from None
    if len(given) > MOST_NAMES:
        raise errors.BAD_JSON(f"An object has at most {MOST_NAMES} names.")
    return given
