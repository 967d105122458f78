"""The calls of ww7 v2 that the client makes, against one server.

Knows envelopes, forms and accounts, and nothing of files on this side.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from shortd.client.connection import Connection
from shortd.client.crypto import double_sha256, pbkdf2
from shortd.client.failures import ClientFailure, Refused
from shortd.client.state import State

Output = TypeVar("Output")


class Envelope(msgspec.Struct, Generic[Output]):
    """What of an answer matters once it is a success."""

    output: Output


class Nothing(msgspec.Struct):
    """An output of which nothing matters."""


class Userid(msgspec.Struct):
    userid: str


class Credentials(msgspec.Struct, omit_defaults=True, frozen=True):
    """Who makes a call, as its inputs say it. A temporary account has no token."""

    userid: str
    token: str = ""

    def inputs(self) -> dict[str, Any]:
        inputs: dict[str, Any] = msgspec.to_builtins(self)
        return inputs


class Api:
    """Calls to the server at `server`, an address without a slash at its end."""

    def __init__(self, connection: Connection, server: str) -> None:
        self.server = server
        self._connection = connection

    async def call(self, name: str, kind: type[Output], /, **inputs: Any) -> Output:
        """A call's output. `Refused`, `Unreachable`."""
        url = f"{self.server}/v2/{name}"
        send = self._connection.send
        answer = await self._connection.patiently(lambda: send("POST", url, json=inputs))
        return _output(answer, kind)

    async def upload(self, name: str, kind: type[Output], body: Body, /, **inputs: Any) -> Output:
        """The output of a call that takes a file. `Refused`, `Unreachable`."""
        url, query = f"{self.server}/v2/{name}", msgspec.json.encode(inputs)

        async def attempt() -> httpx.Response:
            body.rewind()
            form = {
                "query": (None, query, "application/json"),
                "part": ("part", body, "application/octet-stream"),
            }
            return await self._connection.send("POST", url, files=form)

        return _output(await self._connection.patiently(attempt), kind)

    async def temporary(self, state: State) -> Credentials:
        """The temporary account remembered for this server, or else a new one, remembered."""
        with state.account(self.server) as account:
            if account.userid and not await self._is_valid(account.userid):
                account.userid = ""
            if not account.userid:
                account.userid = (await self.call("temporary_account", Userid)).userid
        return Credentials(account.userid)

    async def log_in(self, name: str, password: str) -> Credentials:
        """A token of a registered account, whichever of the two derivations it was made with."""
        login = {"username_email": name}
        try:
            return await self.call("login", Credentials, password=pbkdf2(password).hex(), **login)
        except Refused as refused:
            if refused.status != 401:
                raise
        derived = double_sha256(password).hex()
        return await self.call("login", Credentials, password=derived, **login)

    async def _is_valid(self, userid: str) -> bool:
        try:
            await self.call("check_credentials", Nothing, userid=userid)
        except Refused as refused:
            if refused.status != 401:
                raise
            return False
        return True


class Body(io.BytesIO):
    """The bytes of an upload; `sent` is told how many are on their way, less than 0 if again."""

    def __init__(self, data: bytes, sent: Callable[[int], None]) -> None:
        super().__init__(data)
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._sent(len(data))
        return data

    def rewind(self) -> None:
        """Back to the beginning, for another attempt."""
        self._sent(-self.tell())
        self.seek(0)


def _output(answer: httpx.Response, kind: type[Output]) -> Output:
    if answer.is_redirect:
        there = answer.headers.get("location", "")
        raise ClientFailure(f"{answer.url} has moved to {there}: use the new address.")
    try:
        return msgspec.json.decode(answer.content, type=Envelope[kind]).output  # type: ignore[valid-type]
    except msgspec.DecodeError:
        raise ClientFailure(f"{answer.url} does not answer like a ww7 v2 server.") from None
