"""The calls of sqwish: how one is declared, and who may make it.

@call("stats", scope=Scope.READ)
async def stats(ctx: Context) -> Document: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from shortd import errors
from shortd.accounts.api_keys import need_scope
from shortd.api.caller import Caller, Keyed
from shortd.api.sqwish.documents import Document, Format
from shortd.api.sqwish.parameters import Parameters
from shortd.limits.repeats import Attempt
from shortd.models.accounts import Account, Scope
from shortd.services import Services

WEIGHT = 1000
"""Weight units of a call."""


class Context(Caller):
    """One call under way. Without a key nobody is known, and the client's address pays."""

    def __init__(
        self,
        services: Services,
        address: str,
        now: int,
        parameters: Parameters,
        *,
        written: Format,
        is_prefetch: bool,
        attempt: Attempt | None = None,
    ) -> None:
        super().__init__(services, address, now, attempt=attempt)
        self.parameters = parameters
        self.written = written
        self.is_prefetch = is_prefetch
        """A browser asks before its user does."""

    @property
    def keyless(self) -> bool:
        """Whether links may be made, and their counts seen, without a key."""
        return not self.services.settings.sqwish.require_key

    def authenticate(self, scope: Scope, *, keyless: bool) -> None:
        """BAD_CREDENTIALS, LOGIN_LIMITED, ACCOUNT_LOCKED or SCOPE_REQUIRED; `keyless` if no key
        will do."""
        key = self.parameters.get("api_key")
        if key:
            self._account, row = self.services.accounts.api_keys.find(key, self.address, self.now)
            need_scope(row.scopes, scope)
        elif not keyless:
            raise errors.BAD_CREDENTIALS("This call needs an API key.", field="api_key")

    def request(self, name: str) -> bytes:
        """What is asked for, whatever key it comes with."""
        given = self.parameters.without("api_key")
        return f"sqwish {name}.{self.written} ".encode() + msgspec.json.encode(given)

    async def owner(self) -> Account:
        """Whose links this call is about. ACCOUNT_LOCKED."""
        return self._account or await self.services.accounts.accounts.anonymous(self.now)


Handler = Callable[[Context], Awaitable[Document]]


class Call(msgspec.Struct, frozen=True):
    """One row of the call table."""

    name: str
    scope: Scope
    """What the API key has to allow."""
    needs_key: bool
    """Whatever the settings say."""
    handler: Handler
    keyed: Keyed

    async def run(self, ctx: Context) -> Document:
        """Authenticates, charges and runs the call. `Answered` where that was done before."""
        ctx.authenticate(self.scope, keyless=ctx.keyless and not self.needs_key)
        if self.keyed is Keyed.ONCE and ctx.attempt.has_key:
            ctx.begin(ctx.request(self.name))
        ctx.charge(WEIGHT)
        ctx.attempt.answer_again()
        return await self.handler(ctx)


CALLS: dict[str, Call] = {}
"""Every call, by name."""


def call(
    name: str, *, scope: Scope, needs_key: bool = False, keyed: Keyed = Keyed.IGNORED
) -> Callable[[Handler], Handler]:
    """Enters a function into the call table."""

    def register(function: Handler) -> Handler:
        CALLS[name] = Call(name, scope, needs_key, function, keyed)
        return function

    return register
