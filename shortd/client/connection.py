"""HTTP with patience: a request that a server could not take now is sent again, for a while.

Waits are as long as the server asks for, or grow; a request is given up when the next wait
would make all its waits longer than the user's patience. Servers are not to be trusted: whatever
is no file is short, comes soon, and is not unpacked. It must never repeat a request that
was refused for good, follow a redirect, or raise anything but `ClientFailure`.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import httpx
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_exponential,
    wait_random,
)

from shortd import __version__
from shortd.client.failures import ClientFailure, Refused, Unreachable
from shortd.client.metering import Endless, Meter, meter_all

T = TypeVar("T")

PASSING = frozenset({429, 502, 503, 504, 507})
"""Refusals that may not be for long."""
FIRST_PATIENCE = 2.0
"""Seconds to wait for a server that has never answered: its address may be wrong."""
NOTABLE = 2.0
"""A wait of so many seconds is worth a word."""
TIMEOUT = httpx.Timeout(60, connect=10)
BODY_BYTES = 64 << 10
"""Most that the body of an answer may have that is no file."""

_grow = wait_exponential(multiplier=0.2, max=10) + wait_random(0, 0.2)


class Answer(NamedTuple):
    """What a server said that is no file and no refusal."""

    url: httpx.URL
    """What was asked."""
    status: int
    headers: httpx.Headers
    body: bytes
    """Empty for redirects."""

    @property
    def location(self) -> str | None:
        """Where it redirects to, as it stands there; None if it does not."""
        return self.headers.get("location") if 300 <= self.status < 400 else None


class Connection:
    """Requests to servers. `patience` is in seconds; `note` is told of long waits.

    The client is httpx's own, with what the environment says of proxies and certificates: a
    transport of ours, with retries in it, would ignore the proxies.
    """

    def __init__(self, patience: float, note: Callable[[str], None]) -> None:
        self._client = httpx.AsyncClient(
            headers={
                "user-agent": f"shortd/{__version__}",
                "accept": "application/json",
                # What is packed could unpack to any size; and lengths are those of the file.
                "accept-encoding": "identity",
            },
            timeout=TIMEOUT,
        )
        meter_all(self._client)
        self._patience = patience
        self._note = note
        self._answered = False

    async def aclose(self) -> None:
        """Ends all connections."""
        await self._client.aclose()

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns, however often it takes. `Refused`, `Unreachable`."""

        async def once() -> T:
            # Its coroutines are only known from functions that are written as such.
            return await attempt()

        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_pass),
            wait=_wait,
            stop=self._is_over,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return await retrying(once)
        except httpx.TransportError as error:
            raise Unreachable(_unreachable(error)) from None

    async def send(self, method: str, url: str | httpx.URL, **options: object) -> Answer:
        """One attempt: the answer with its body. httpx's errors come through.

        `Refused` for statuses from 400 on. `options` are httpx's.
        """
        async with self._open(method, url, **options) as answer:
            is_redirect = 300 <= answer.status_code < 400
            body = b"" if is_redirect else await _body(answer)
            return Answer(answer.request.url, answer.status_code, answer.headers, body)

    @asynccontextmanager
    async def download(
        self, url: str | httpx.URL, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """One attempt: a file, or a part of it, that is still to come, as `send`.

        Redirects are `Refused`.
        """
        async with self._open("GET", url, headers=headers) as answer:
            if answer.status_code not in (200, 206):
                message = f"{origin(answer.request.url)} answered {answer.status_code}."
                raise Refused(message, status=answer.status_code)
            if not _is_plain(answer):
                raise ClientFailure("The server sent the file packed, which was not asked for.")
            meter = answer.extensions.get("network_stream")
            if isinstance(meter, Meter):
                meter.lift()
            yield answer

    @asynccontextmanager
    async def _open(
        self, method: str, url: str | httpx.URL, **options: object
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with self._client.stream(method, url, **options) as answer:  # type: ignore[arg-type]
                self._answered = True
                if answer.status_code >= 400:
                    raise await _refusal(answer)
                yield answer
        except httpx.InvalidURL as error:
            raise ClientFailure(f"{url}: not an address: {error}") from None

    def _may_pass(self, error: BaseException) -> bool:
        if isinstance(error, Refused):
            return error.status in PASSING
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return False
        return isinstance(error, httpx.TransportError) and not _is_untrusted(error)

    def _is_over(self, state: RetryCallState) -> bool:
        patience = self._patience if self._answered else min(self._patience, FIRST_PATIENCE)
        return state.idle_for + state.upcoming_sleep > patience

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None and state.upcoming_sleep >= NOTABLE:
            reason = _unreachable(error) if isinstance(error, httpx.TransportError) else error
            self._note(f"{reason} Trying again in {state.upcoming_sleep:.0f} s.")


class _Problem(msgspec.Struct):
    message: str
    code: str


class _Refusal(msgspec.Struct):
    """An envelope without success."""

    error: _Problem


def shown(url: httpx.URL) -> str:
    """An address as it may be printed: without the name and password that it may have."""
    return str(url.copy_with(username=None, password=None))


def origin(url: httpx.URL) -> str:
    """Scheme, host and port of an address."""
    return shown(url.copy_with(raw_path=b"/", fragment=None)).rstrip("/")


class Moved(ClientFailure):
    """A redirect, which is not followed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(
            f"{shown(answer.url)} has moved to {answer.location}: use the new address."
        )
        self.answer = answer


async def _body(answer: httpx.Response) -> bytes:
    """The whole body. `Endless` for a long one; empty where it is packed."""
    body = bytearray()
    if not _is_plain(answer):
        return b""
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > BODY_BYTES:
            raise Endless
    return bytes(body)


def _is_plain(answer: httpx.Response) -> bool:
    return answer.headers.get("content-encoding", "identity").strip().lower() in ("", "identity")


async def _refusal(answer: httpx.Response) -> Refused:
    """What an answer with a status from 400 on says, in its envelope or without one."""
    message, code = f"{origin(answer.request.url)} answered {answer.status_code}.", ""
    with contextlib.suppress(msgspec.DecodeError, RecursionError):
        problem = msgspec.json.decode(await _body(answer), type=_Refusal).error
        message, code = problem.message, problem.code
    wait = answer.headers.get("retry-after", "")
    is_number = wait.isascii() and wait.isdigit()
    return Refused(
        message,
        status=answer.status_code,
        code=code,
        retry_after=float(wait) if is_number else None,
        location=answer.headers.get("location"),
    )


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    # A server that says "0" for ever must not be asked for ever.
    asked = error.retry_after if isinstance(error, Refused) else None
    return asked or _grow(state)


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether a certificate was the reason: it will not be better in a moment."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _unreachable(error: httpx.TransportError) -> str:
    try:
        server = origin(error.request.url)
    except RuntimeError:
        server = "The server"
    reason = str(error).rstrip(".") or type(error).__name__
    return f"{server} does not answer: {reason}."
