"""The envelope of ww7 v2: the one place that turns results and errors into it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import structlog
from msgspec.structs import replace

from shortd import errors
from shortd.api.v2.forms import Form
from shortd.api.v2.registry import (
    CALLS,
    Context,
    Credentials,
    Disconnected,
    Empty,
    JsonObject,
    Output,
    parse_object,
)
from shortd.files.multiparts import Keep
from shortd.limits.budgets import body_weight
from shortd.limits.repeats import Answered, Attempt
from shortd.services import Services

log = structlog.get_logger(__name__)


class ErrorInfo(msgspec.Struct, frozen=True):
    """`error` of a failed call."""

    code: str
    message: str
    field: str | None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every call answers. `utime` in µs, `weight` as charged."""

    output: Output | msgspec.Raw
    status: str
    type: str
    utime: int
    weight: int
    error: ErrorInfo | msgspec.UnsetType = msgspec.UNSET
    warnings: list[str] | msgspec.UnsetType = msgspec.UNSET


class Answer(msgspec.Struct, frozen=True):
    """An envelope with what HTTP needs beside it."""

    envelope: Envelope
    http_status: int = 200
    retry_after: float | None = None
    refusal: errors.Sentence | None = None
    """What was refused. Not as it was raised: an exception holds on to all that was at work then,
    such as a list that is too large to be sent."""

    def said(self, words: errors.Words) -> Answer:
        """The answer with what was refused in a language."""
        error, refusal = self.envelope.error, self.refusal
        if refusal is None or not isinstance(error, ErrorInfo):
            return self
        said = refusal.said(words)
        if said == str(refusal):
            return self
        said_error = replace(error, message=said)
        return replace(self, envelope=replace(self.envelope, error=said_error))


def refused(call_name: str, error: errors.ShortdError, now: int, weight: int = 0) -> Answer:
    """The answer to a call that failed."""
    envelope = Envelope(
        output=Empty(),
        status="error",
        type=call_name,
        utime=now,
        weight=weight,
        error=ErrorInfo(error.code, error.message, error.field),
    )
    return Answer(envelope, error.status, error.retry_after, error.sentence)


async def answer(
    services: Services,
    call_name: str,
    body: bytes,
    address: str,
    disconnected: Disconnected | None = None,
    user_agent: str = "",
    credentials: JsonObject | None = None,
    attempt: Attempt | None = None,
) -> Answer:
    """Runs the call that came in a request of its own. Raises nothing but `Answered`.

    `credentials` are those of the session that made it, and win over what the body names.
    """
    try:
        given = parse_object(body)
    except errors.ShortdError as error:
        error = error if call_name in CALLS else errors.UNKNOWN_CALL()
        return refused(call_name, error, services.clock.now())
    return await run(
        services,
        call_name,
        given,
        address=address,
        body=body,
        disconnected=disconnected,
        user_agent=user_agent,
        credentials=credentials,
        attempt=attempt,
    )


async def answer_form(
    services: Services,
    call_name: str,
    content_type: str,
    body: AsyncIterator[bytes],
    address: str,
    keep: Keep,
    credentials: JsonObject | None = None,
    attempt: Attempt | None = None,
) -> Answer:
    """Runs a call whose input comes in a form, beside a file. Never raises ShortdError; `Answered`
    where it was answered before."""
    files = services.sharing.files
    try:
        async with Form(content_type, body, files.blobs, keep) as form:
            query = await form.query()
            now = services.clock.now()
            services.limits.budgets.charge_client(address, body_weight(len(query)), now)
            given = parse_object(query)
            return await run(
                services,
                call_name,
                given,
                address=address,
                body=query,
                form=form,
                credentials=credentials,
                attempt=attempt,
            )
    except errors.ShortdError as error:
        return refused(call_name, error, services.clock.now())


async def run(
    services: Services,
    call_name: str,
    given: JsonObject,
    *,
    address: str,
    broadcast: JsonObject | None = None,
    body: bytes | None = None,
    form: Form | None = None,
    disconnected: Disconnected | None = None,
    user_agent: str = "",
    credentials: JsonObject | None = None,
    attempt: Attempt | None = None,
) -> Answer:
    """Runs one call, by itself or inside `multi`. Raises nothing but `Answered`.

    `given` are the caller's own inputs, which win over those that were `broadcast`; `body` is
    their JSON text where there is one.
    """
    ctx = Context(services, address, services.clock.now(), form, disconnected, user_agent, attempt)
    try:
        call = CALLS.get(call_name)
        if call is None:
            raise errors.UNKNOWN_CALL()
        if call.form and form is None:
            raise errors.BAD_FORM("This call takes a form of its own.")
        if credentials is not None and issubclass(call.input_type, Credentials):
            given, body = {**given, **credentials}, None
        raw = body if body is not None else {**(broadcast or {}), **given}
        args = call.parse(raw)
        unknown = call.unknown_fields(given)
        output = await call.run(ctx, args)
    except errors.ShortdError as error:
        return refused(call_name, error, ctx.now, ctx.charged)
    except Answered:
        raise
    except Exception:
        log.exception("call_failed", call=call_name)
        return refused(call_name, errors.INTERNAL(), ctx.now, ctx.charged)
    return Answer(
        Envelope(
            output=output,
            status="success",
            type=call_name,
            utime=ctx.now,
            weight=ctx.charged,
            warnings=[*(f"unknown field: {name}" for name in unknown), *ctx.warnings]
            or msgspec.UNSET,
        )
    )
