"""Who may come in, and how what he does is noted: every handler of the room begins here."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.upkeep.audit import on_page
from shortd.web import session
from shortd.web.routing import AnyRequest, services_of
from shortd.web.session import Session

PATH = "/-/admin"
SEARCH_WEIGHT = 1000
"""Of a page that has to read on, in weight units, as the calls that list have them."""


class MayReason(msgspec.Struct, frozen=True, kw_only=True):
    """A form of something that may be done without saying why."""

    reason: Annotated[str, Meta(max_length=300)] = ""


class Reason(MayReason, frozen=True, kw_only=True):
    """A form of something that may not."""

    reason: Annotated[str, Meta(min_length=1, max_length=300)]


def operator_of(request: AnyRequest) -> Session:
    """The operator whose request this is. NOT_FOUND for everybody else."""
    found = session.current(request)
    if found is None or not found.account.operator:
        raise errors.NOT_FOUND()
    return found


def as_seen(request: AnyRequest, error: errors.ShortdError) -> errors.ShortdError:
    """What a wrong method is answered with: where there is nothing for somebody, no method is
    wrong."""
    path = request.scope["path"]
    if error.kind is not errors.METHOD_NOT_ALLOWED or not f"{path}/".startswith(f"{PATH}/"):
        return error
    try:
        operator_of(request)
    except errors.ShortdError as refusal:
        return refusal
    return error


def noted(
    request: AnyRequest,
    action: Action,
    subject: str = "",
    *,
    about: Account | None = None,
    detail: str = "",
    reason: str = "",
) -> AbstractAsyncContextManager[None]:
    """Around what the operator does to somebody else. See `AuditLog.noting`."""
    services, found = services_of(request), operator_of(request)
    return services.upkeep.audit.noting(
        on_page(found.account),
        action,
        services.clock.now(),
        subject,
        about=about,
        detail=detail,
        reason=reason,
    )
