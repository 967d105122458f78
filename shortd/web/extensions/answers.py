"""What plugins' routes answer, on its way out: the one place that keeps it from harming others.

Whatever a handler says, its answer has the policy of our pages, sets no cookie of ours and no rule
for the whole origin; it begins in time, ends in time, and is not larger than an answer may be.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from litestar import Request, Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shortd import errors
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.workers import failure
from shortd.web import messages, policies
from shortd.web.extensions.threads import of_plugin
from shortd.web.readers import LANGUAGE_COOKIE, THEME_COOKIE
from shortd.web.routing import AnyRequest

BEGINS_SECONDS = 30.0
"""How long a handler may take until its answer begins."""
LASTS_SECONDS = 600.0
"""How long a whole answer may take, such as a stream."""
MOST_BYTES = 64 << 20
"""Of an answer."""
AT_ONCE = 64
"""Requests of one plugin that are answered at a time."""

_OWN_COOKIES = (messages.COOKIE, LANGUAGE_COOKIE, THEME_COOKIE)
_FOR_THE_ORIGIN = frozenset(
    (
        *(b"accept-ch", b"access-control-allow-credentials", b"alt-svc", b"clear-site-data"),
        *(b"critical-ch", b"expect-ct", b"nel", b"public-key-pins", b"report-to"),
        *(b"reporting-endpoints", b"service-worker-allowed", b"set-login"),
        *(b"speculation-rules", b"strict-transport-security"),
    )
)
"""Headers that say something about all that is on this origin, not about one answer."""
_OF_THE_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"trailer", b"transfer-encoding", b"upgrade")
)
_POLICY = b"content-security-policy"
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_PERMITTED = "shortd_cookies"
_OWN_POLICY = "shortd_policy"


class Unsendable(ValueError):
    """An answer that is not sent."""


def permit(scope: Scope, answer: Response[bytes]) -> Response[bytes]:
    """An answer of our own making, whose cookies are ours to set."""
    permitted = scope["state"].setdefault(_PERMITTED, set())
    permitted |= {cookie.to_encoded_header()[1] for cookie in answer.cookies}
    return answer


def permit_all(scope: Scope, answer: Response[bytes]) -> Response[bytes]:
    """The same for one that the plugin never sees."""
    scope["state"][_PERMITTED] = _All()
    return answer


class _All(set[bytes]):
    """Contains whatever is asked for."""

    def __contains__(self, cookie: object) -> bool:
        return True


def keep_policy(scope: Scope, policy: str) -> None:
    """The answer is to have a page of ours, which has this policy."""
    scope["state"][_OWN_POLICY] = policy.encode()


class Bounded:
    """Around the routes of one plugin: `enter` lets requests in, `refuse` answers what was raised,
    from either."""

    def __init__(
        self,
        app: ASGIApp,
        hook: GuardedCall,
        enter: Callable[[AnyRequest], None],
        refuse: Callable[[AnyRequest, Exception], Response[bytes]],
    ) -> None:
        self._app = app
        self._hook = hook
        self._enter = enter
        self._refuse = refuse
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: AnyRequest = Request(scope, receive, send)
        sending = _Sending(scope, send)
        self._at_work += 1
        try:
            if self._at_work > AT_ONCE:
                raise errors.BUSY(retry_after=1)
            self._enter(request)
            await self._answer(scope, receive, sending)
        # A handler that ends the process ends its own answer.
        except (Exception, SystemExit) as raised:
            fault = sending.fault or failure(raised)
            if sending.has_begun:
                # Nobody can be told any more: it stays torn.
                self._hook.fail(fault)
                return
            answer = self._refuse(request, fault)
            await answer.to_asgi_response(None, request)(scope, receive, send)
        finally:
            self._at_work -= 1
        if sending.refused:
            self._hook.fail(Unsendable(f"must not set {', '.join(sorted(sending.refused))}"))

    async def _answer(self, scope: Scope, receive: Receive, sending: _Sending) -> None:
        try:
            with of_plugin(self._hook.guard.name):
                async with asyncio.timeout(BEGINS_SECONDS) as sending.patience:
                    await self._app(scope, _patient(receive, sending), sending)
        except TimeoutError as fault:
            what = "end its answer" if sending.has_begun else "begin to answer"
            most = LASTS_SECONDS if sending.has_begun else BEGINS_SECONDS
            raise Unsendable(f"did not {what} within {most:.0f} s") from fault


def _patient(receive: Receive, sending: _Sending) -> Receive:
    """`receive`, but the time does not run while a client still sends its body: how long that may
    take is not the plugin's affair."""
    is_whole = False

    async def received() -> Any:
        nonlocal is_whole
        if is_whole or sending.has_begun:
            return await receive()
        sending.wait(None)
        message = await receive()
        is_whole = not message.get("more_body", False)
        if not sending.has_begun:
            sending.wait(BEGINS_SECONDS)
        return message

    return received


class _Sending:
    """One answer as it goes out. Its beginning waits for what comes next, so that what is too large
    as a whole is refused."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._size = 0
        self.patience: asyncio.Timeout | None = None
        self.has_begun = False
        self.fault: Unsendable | None = None
        self.refused: set[str] = set()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not 200 <= message["status"] <= 599:
                self.fault = Unsendable(f"answered the status {message['status']}")
                raise self.fault
            message["headers"] = self._headers(message["headers"])
            self._start = message
            return
        if message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
            if self._size > MOST_BYTES:
                self.fault = Unsendable(f"answered more than {MOST_BYTES} bytes")
                raise self.fault
        if self._start is not None:
            start, self._start = self._start, None
            self.has_begun = True
            self.wait(LASTS_SECONDS)
            await self._send(start)
        await self._send(message)

    def wait(self, seconds: float | None) -> None:
        """From now on it may take so long; None: for as long as it takes."""
        until = None if seconds is None else asyncio.get_running_loop().time() + seconds
        # Its time may be over already.
        with suppress(RuntimeError):
            if self.patience is not None:
                self.patience.reschedule(until)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        services = self._scope["litestar_app"].state.services
        origin = policies.origin_of(services, self._scope["headers"])
        own = policies.fitting(policies.app_headers(origin), services.settings.pages_url)
        ours = {name.lower().encode(): value.encode() for name, value in own}
        ours[_POLICY] = self._scope["state"].get(_OWN_POLICY, ours[_POLICY])
        kept = [*self._fit(given)]
        names = {name for name, _ in kept}
        kept = [pair for pair in kept if pair != (_POLICY, ours[_POLICY])]
        # Of several policies all count: one of the plugin's own can only forbid more.
        kept.append((_POLICY, ours.pop(_POLICY)))
        kept = [pair for pair in kept if pair[0] != b"x-content-type-options"]
        kept.append((b"x-content-type-options", ours.pop(b"x-content-type-options")))
        ours[b"cache-control"] = b"no-store"
        return [*kept, *(pair for pair in ours.items() if pair[0] not in names)]

    def _fit(self, given: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
        permitted: set[bytes] = self._scope["state"].get(_PERMITTED, set())
        for raw, value in given:
            name = raw.lower()
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                self.fault = Unsendable("answered a header that cannot be sent")
                raise self.fault
            if name == b"set-cookie" and _is_ours(value) and value not in permitted:
                self.refused.add("a cookie of the server's own")
            elif name in _FOR_THE_ORIGIN:
                self.refused.add(name.decode())
            elif name not in _OF_THE_CONNECTION:
                yield name, value


def _is_ours(cookie: bytes) -> bool:
    name = cookie.partition(b"=")[0].strip().decode("latin-1").casefold()
    for prefix in ("__host-", "__secure-"):
        name = name.removeprefix(prefix)
    return name.startswith("shortd") or name in _OWN_COOKIES
