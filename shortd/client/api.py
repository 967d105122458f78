"""The calls of ww7 v2 that the client makes, against one server.

Knows envelopes, forms and accounts, and nothing of files on this side.
"""

from __future__ import annotations

import io
import time
import unicodedata
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from shortd.client.connection import Answer, Connection, Moved, shown
from shortd.client.crypto import double_sha256, pbkdf2
from shortd.client.failures import ClientFailure, Refused
from shortd.client.state import State

Output = TypeVar("Output")


class Envelope(msgspec.Struct, Generic[Output]):
    """What of an answer matters once it is a success."""

    output: Output
    utime: object = None
    """The server's time, Unix µs, in every answer of ww7 v2."""


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
        self._utime_offset: int | None = None
        """What the server's time has beyond our monotonic one (µs); None before it has said."""

    async def call(self, name: str, kind: type[Output], /, **inputs: Any) -> Output:
        """A call's output. `Refused`, `Unreachable`."""
        url = f"{self.server}/v2/{name}"
        send = self._connection.send
        answer = await self._connection.patiently(lambda: send("POST", url, json=inputs))
        return self._output(answer, kind)

    async def upload(self, name: str, kind: type[Output], body: Body, /, **inputs: Any) -> Output:
        """The output of a call that takes a file. `Refused`, `Unreachable`."""
        url, query = f"{self.server}/v2/{name}", msgspec.json.encode(inputs)

        async def attempt() -> Answer:
            body.rewind()
            form = {
                "query": (None, query, "application/json"),
                "part": ("part", body, "application/octet-stream"),
            }
            return await self._connection.send("POST", url, files=form)

        return self._output(await self._connection.patiently(attempt), kind)

    async def temporary(self, state: State) -> Credentials:
        """The temporary account remembered for this server, or else a new one, remembered."""
        with state.account(self.server) as account:
            if account.userid and not await self._is_valid(account.userid):
                account.userid = ""
            if not account.userid:
                account.userid = await self._new_account()
        return Credentials(account.userid)

    async def _new_account(self) -> str:
        try:
            return (await self.call("temporary_account", Userid)).userid
        except Refused as refused:
            if refused.code != "signup_closed":
                raise
            raise ClientFailure(
                f"{refused} Log in to one that you have: --username NAME, or --userid and --token."
            ) from None

    async def log_in(
        self, name: str, password: str, second_factor: str | None = None
    ) -> Credentials:
        """A token of a registered account, whichever of the two derivations it was made with,
        and whether or not its password was composed (NFC) as it should be.
        """
        code = {} if second_factor is None else {"second_factor": second_factor}
        for spelling in dict.fromkeys((unicodedata.normalize("NFC", password), password)):
            for derive in (pbkdf2, double_sha256):
                login = {"username_email": name, "password": derive(spelling).hex()}
                try:
                    return await self.call("login", Credentials, **login, **code)
                except Refused as refused:
                    if refused.status != 401:
                        raise
                    refusal = refused
        raise refusal

    async def now(self, credentials: Credentials) -> int:
        """The server's time (Unix µs); ours, if it does not say."""
        if self._utime_offset is None:
            await self.call("check_credentials", Nothing, **credentials.inputs())
        if self._utime_offset is None:
            return time.time_ns() // 1000
        return time.monotonic_ns() // 1000 + self._utime_offset

    async def _is_valid(self, userid: str) -> bool:
        try:
            await self.call("check_credentials", Nothing, userid=userid)
        except Refused as refused:
            if refused.status != 401:
                raise
            return False
        return True

    def _output(self, answer: Answer, kind: type[Output]) -> Output:
        if answer.location is not None:
            raise Moved(answer)
        try:
            envelope = msgspec.json.decode(answer.body, type=Envelope[kind])  # type: ignore[valid-type]
        except (msgspec.DecodeError, RecursionError):
            raise ClientFailure(
                f"{shown(answer.url)} does not answer like a ww7 v2 server."
            ) from None
        if isinstance(envelope.utime, int) and not isinstance(envelope.utime, bool):
            self._utime_offset = envelope.utime - time.monotonic_ns() // 1000
        output: Output = envelope.output
        return output


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
