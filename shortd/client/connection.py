"""HTTP with patience: a request that a server could not take now is sent again, for a while.

Waits are as long as the server asks for, or grow; a request is given up when the next wait
would make all its waits longer than the user's patience. It must never repeat a request that
was refused for good, and raises nothing but `ClientFailure`.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_exponential,
    wait_random,
)

from shortd import __version__
from shortd.client.failures import ClientFailure, Refused, Unreachable

T = TypeVar("T")

PASSING = frozenset({429, 502, 503, 504, 507})
"""Refusals that may not be for long."""
FIRST_PATIENCE = 2.0
"""Seconds to wait for a server that has never answered: its address may be wrong."""
NOTABLE = 2.0
"""A wait of so many seconds is worth a word."""
TIMEOUT = httpx.Timeout(60, connect=10)
ERROR_BYTES = 1 << 16
"""Most that is read of a refusal."""

_grow = wait_exponential(multiplier=0.2, max=10) + wait_random(0, 0.2)


class Connection:
    """Requests to servers. `patience` is in seconds; `note` is told of long waits.

    The client is httpx's own, with what the environment says of proxies and certificates: a
    transport of ours, with retries in it, would ignore the proxies.
    """

    def __init__(self, patience: float, note: Callable[[str], None]) -> None:
        self._client = httpx.AsyncClient(
            headers={"user-agent": f"shortd/{__version__}", "accept": "application/json"},
            timeout=TIMEOUT,
        )
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

    async def send(
        self, method: str, url: str, *, refuse: bool = True, **options: object
    ) -> httpx.Response:
        """One attempt: the answer with its body. httpx's errors come through.

        `Refused` for statuses from 400 on. `options` are httpx's.
        """
        try:
            answer = await self._client.request(method, url, **options)  # type: ignore[arg-type]
        except httpx.InvalidURL as error:
            raise ClientFailure(f"{url}: not an address: {error}") from None
        self._answered = True
        if answer.status_code >= 400:
            raise refusal(answer, answer.content)
        return answer

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """One attempt: an answer whose body is still to come, as `send`."""
        try:
            async with self._client.stream("GET", url, headers=headers) as answer:
                self._answered = True
                if answer.status_code >= 400:
                    raise refusal(answer, await _beginning(answer))
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


def refusal(answer: httpx.Response, body: bytes) -> Refused:
    """What an answer with a status from 400 on says, in its envelope or without one."""
    message, code = f"{origin(str(answer.url))} answered {answer.status_code}.", ""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        error = httpx.Response(200, content=body).json()["error"]
        message, code = str(error["message"]), str(error["code"])
    wait = answer.headers.get("retry-after", "")
    return Refused(
        message,
        status=answer.status_code,
        code=code,
        retry_after=float(wait) if wait.isascii() and wait.isdigit() else None,
    )


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Refused) and error.retry_after is not None:
        return error.retry_after
    return _grow(state)


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether a certificate was the reason: it will not be better in a moment."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _unreachable(error: httpx.TransportError) -> str:
    try:
        server = origin(str(error.request.url))
    except RuntimeError:
        server = "The server"
    reason = str(error).rstrip(".") or type(error).__name__
    return f"{server} does not answer: {reason}."


async def _beginning(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > ERROR_BYTES:
            break
    return body
