"""The calls of Shorten World v1: how one is declared, and how it is run.

    @call("entity/team/list", scope=Scope.READ)
    async def team_list(ctx: Context, args: Paged) -> TeamsOutput: ...

The registry derives the rest from the types. Whoever comes without a token of the right scope is
not told what is wrong with his input.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.accounts.api_keys import need_scope
from shortd.api.caller import Caller, Keyed
from shortd.api.v1.inputs import Input, InputT, Paged, Reader
from shortd.limits.repeats import Attempt
from shortd.models.accounts import Scope
from shortd.services import Services

WEIGHT = 1000
"""Weight units of a call."""
ENTRY_WEIGHT = 100
"""Weight units on top for each entry of a list."""


class Output(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every call's output: what stands beside `status`."""


class Empty(Output, frozen=True, kw_only=True):
    """Nothing beside `status`."""


OutputT = TypeVar("OutputT", bound=Output)
RowT = TypeVar("RowT")
Handler = Callable[["Context", Any], Awaitable[Output]]


class Context(Caller):
    """One call under way. `authorization` is the header of this name, empty if there is none."""

    def __init__(
        self,
        services: Services,
        address: str,
        now: int,
        authorization: str,
        attempt: Attempt | None = None,
    ) -> None:
        super().__init__(services, address, now, attempt=attempt)
        self._authorization = authorization

    @property
    def access_token(self) -> str:
        """The bearer token (RFC 6750 2.1). TOKEN_REQUIRED."""
        scheme, _, token = self._authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise errors.TOKEN_REQUIRED("Send the header: Authorization: Bearer [access_token]")
        return token.strip()

    def authenticate(self, scope: Scope) -> None:
        """TOKEN_REQUIRED, BAD_CREDENTIALS, ACCOUNT_LOCKED or SCOPE_REQUIRED."""
        bearer = self.services.accounts.access_tokens.authenticate_bearer(
            self.access_token, self.now
        )
        need_scope(bearer.scopes, scope)
        self._account = bearer.account

    def page_of(self, rows: Sequence[RowT], args: Paged) -> Sequence[RowT]:
        """The page of a list that is asked for, which is charged."""
        chosen = rows[args.start : args.start + args.size]
        self.charge(ENTRY_WEIGHT * len(chosen))
        return chosen


class Call(msgspec.Struct, frozen=True):
    """One row of the call table."""

    name: str
    scope: Scope | None
    """What the access token has to allow; None for calls without one, which are charged to the
    client's address."""
    input_type: type[Input]
    output_type: type[Output]
    handler: Handler
    reader: Reader[Any]
    keyed: Keyed

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.handler) or ""

    async def run(self, ctx: Context, body: bytes) -> Output:
        """Authenticates, reads the input, charges and runs the call. `Answered` where that was
        done before."""
        if self.keyed is Keyed.REFUSED:
            ctx.attempt.refuse()
        if self.scope is not None:
            ctx.authenticate(self.scope)
        args = self.reader.read(body)
        if self.keyed is Keyed.ONCE and ctx.attempt.has_key:
            ctx.begin(b"v1 %b %b" % (self.name.encode(), msgspec.json.encode(args)))
        ctx.charge(WEIGHT)
        ctx.attempt.answer_again()
        return await self.handler(ctx, args)


CALLS: dict[str, Call] = {}
"""Every call, by name, in the order of declaration."""


def call(
    name: str, *, scope: Scope | None, keyed: Keyed = Keyed.IGNORED
) -> Callable[
    [Callable[[Context, InputT], Awaitable[OutputT]]],
    Callable[[Context, InputT], Awaitable[OutputT]],
]:
    """Enters a function into the call table. `name` is the path behind `/v1/`."""

    def register(
        function: Callable[[Context, InputT], Awaitable[OutputT]],
    ) -> Callable[[Context, InputT], Awaitable[OutputT]]:
        hints = typing.get_type_hints(function)
        CALLS[name] = Call(
            name=name,
            scope=scope,
            input_type=hints["args"],
            output_type=hints["return"],
            handler=function,
            reader=Reader(hints["args"]),
            keyed=keyed,
        )
        return function

    return register
