"""The answers of Shorten World v1: the one place that turns results and errors into them."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from shortd import errors
from shortd.api.v1.registry import CALLS, Context, Empty, Output
from shortd.api.v1.times import second_text
from shortd.limits.repeats import Answered, Attempt
from shortd.services import Services

SUCCESS = "Wow, successfully!"
HTTP_STATUSES = frozenset({401, 403, 429, 500})
"""Of errors that the document gives an HTTP status of their own. All others come with 200."""

log = structlog.get_logger(__name__)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`status` of every answer."""

    message: str
    code: int
    """0 for success, else the HTTP status that the error has in the catalogue."""
    timestamp: str


class Answer(msgspec.Struct, frozen=True):
    """An answer with what HTTP needs beside it."""

    status: Status
    output: Output
    retry_after: float | None = None

    @property
    def http_status(self) -> int:
        return self.status.code if self.status.code in HTTP_STATUSES else 200

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return {"status": self.status, **msgspec.to_builtins(self.output)}


def refused(error: errors.ShortdError, now: int) -> Answer:
    """The answer to a call that failed."""
    status = Status(message=error.message, code=error.status, timestamp=second_text(now))
    return Answer(status, Empty(), error.retry_after)


async def answer(
    services: Services,
    name: str,
    body: bytes,
    *,
    authorization: str,
    address: str,
    attempt: Attempt | None = None,
) -> Answer:
    """Runs a call. Raises nothing but `Answered`."""
    ctx = Context(services, address, services.clock.now(), authorization, attempt)
    try:
        call = CALLS.get(name)
        if call is None:
            raise errors.UNKNOWN_CALL()
        output = await call.run(ctx, body)
    except errors.ShortdError as error:
        return refused(error, ctx.now)
    except Answered:
        raise
    except Exception:
        log.exception("call_failed", call=f"v1/{name}")
        return refused(errors.INTERNAL(), ctx.now)
    return Answer(Status(message=SUCCESS, code=0, timestamp=second_text(ctx.now)), output)
