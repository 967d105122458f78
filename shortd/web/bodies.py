"""Bodies of requests on their way to whoever reads them: what is kept of them in memory is counted.

The one place where it is, for all APIs and pages: it stands before they see the request. Whoever
passes a body on as it comes (an upload) says so by `files.transfers.expect_upload`, and tells what
is kept of it all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from litestar.types import HTTPReceiveMessage, HTTPScope, Receive

from shortd import errors
from shortd.files.transfers import offer_body, withdraw_body
from shortd.limits.bodies import BodyPool, HeldBody
from shortd.limits.budgets import body_weight
from shortd.services import Services
from shortd.web.routing import client_address

START_BYTES = 64 * 1024
"""In so much of a body its credentials have to stand, if it wants more than its client's share."""

Prove = Callable[[HTTPScope, bytes], str | None]
"""The account whose credentials a request has in its headers, or in the beginning of its body."""
AddressOf = Callable[[HTTPScope], str]


class IncomingBody:
    """The body of one request. `receive` takes the place of ASGI's; `close` ends it."""

    __slots__ = (
        *("_address_of", "_held", "_is_tried", "_pool", "_prove", "_receive", "_scope"),
        *("_start", "_userid", "is_streamed"),
    )

    def __init__(
        self,
        pool: BodyPool,
        scope: HTTPScope,
        receive: Receive,
        address_of: AddressOf,
        prove: Prove,
    ) -> None:
        self._pool = pool
        self._scope = scope
        self._receive = receive
        self._address_of = address_of
        self._prove = prove
        self._held: HeldBody | None = None
        self.is_streamed = False
        self._is_tried = False
        """Whether credentials were looked for."""
        self._start = bytearray()
        """Of a body that goes on, until they were."""
        self._userid: str | None = None
        offer_body(scope, self)

    async def receive(self) -> HTTPReceiveMessage:
        """The next message. BUSY or CREDENTIALS_FIRST if there is no room for it."""
        message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]
        if message["type"] == "http.request" and not self.is_streamed:
            piece = message.get("body", b"")
            if piece or self._start:
                self.keep(piece, is_last=not message.get("more_body"))
        return message

    def stream(self) -> None:
        """Nothing is kept of the rest, but for what `keep` is told of."""
        self.is_streamed = True

    def keep(self, piece: bytes, *, is_last: bool = False) -> None:
        """Counts a piece that is to be kept in memory. BUSY or CREDENTIALS_FIRST."""
        if self._held is None:
            self._held = HeldBody(self._pool, self._address_of(self._scope))
        # Its start is kept twice, until it was looked at.
        counted = len(self._start)
        copied = 0 if self._is_tried or is_last else len(piece)
        # What comes in one piece, as nearly all do, is only kept a second time if it is refused.
        is_whole = is_last and not self._start
        if not (self._is_tried or is_whole):
            self._start += piece
        try:
            self._held.take(len(piece) + copied, self._userid)
        except errors.ShortdError:
            if self._is_tried:
                raise
            if is_whole:
                self._start += piece
            self._find(counted)
            self._held.take(len(piece), self._userid)
            return
        if is_whole:
            return
        if is_last:
            self._held.give_back(counted)
            self._start.clear()
        elif len(self._start) >= START_BYTES:
            self._find(counted + copied)

    def close(self) -> None:
        """The request is answered: nothing of it is kept."""
        withdraw_body(self._scope)
        if self._held is not None:
            self._held.close()

    def _find(self, counted: int) -> None:
        """Looks for credentials, once. So many bytes of the start were counted."""
        start = bytes(self._start[:START_BYTES])
        self._start.clear()
        self._is_tried = True
        if self._held is not None:
            self._held.give_back(counted)
        self._userid = self._prove(self._scope, start)


async def whole_body(services: Services, scope: HTTPScope, receive: Receive, limit: int) -> bytes:
    """A body of `limit` bytes at most, paid for by its client whatever becomes of it.

    BODY_TOO_LARGE as soon as it is known to be; BAD_REQUEST if the client leaves before;
    RATE_LIMITED where the client cannot pay for one so long; BUSY, CREDENTIALS_FIRST.
    """
    budgets, address = services.limits.budgets, client_address(services, scope)
    announced = dict(scope["headers"]).get(b"content-length", b"")
    paid = 0
    if announced.isdigit():
        if int(announced) > limit:
            raise errors.BODY_TOO_LARGE()
        paid = body_weight(int(announced))
        budgets.charge_client(address, paid, services.clock.now())
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise errors.BAD_REQUEST()
        body += event["body"]
        if len(body) > limit:
            raise errors.BODY_TOO_LARGE()
        if (weight := body_weight(len(body))) > paid:
            budgets.charge_client(address, weight - paid, services.clock.now())
            paid = weight
        if not event.get("more_body"):
            return bytes(body)
