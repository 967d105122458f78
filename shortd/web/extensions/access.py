"""Who asks for a plugin's route, and whether he may: before anything of the plugin runs.

The rules are those of our own pages: an identity is there on the pages' own host alone, a form
comes from a page of ours or changes nothing, and where there is nothing for somebody he must never
be told more.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from litestar import Response

from shortd import errors
from shortd.accounts.api_keys import need_scope
from shortd.limits.budgets import body_weight
from shortd.models import accounts as account_rows
from shortd.models.accounts import Scope
from shortd.plugin import Access, Account, Caller
from shortd.plugin_runtime.facts import shown_account
from shortd.web import guard, session
from shortd.web.forms import WEIGHT
from shortd.web.render import language_of
from shortd.web.routing import AnyRequest, client_address, services_of

SAFE = ("GET", "HEAD", "OPTIONS")
_CALLER = "shortd_caller"


class Sent(Exception):
    """The request is answered without its handler."""

    def __init__(self, answer: Response[bytes]) -> None:
        super().__init__("answered")
        self.answer = answer


class _Known(NamedTuple):
    """An account, and by what it is known."""

    account: account_rows.Account
    by_key: bool = False


def access_of(options: Mapping[str, Any]) -> Access:
    """Who may use a route of which this is said. ValueError for what is no Access."""
    return Access(options.get("access", Access.OPERATOR))


def admit(request: AnyRequest, access: Access) -> None:
    """Lets the request through as that of who asks. NOT_FOUND, `SignInFirst`, BAD_CREDENTIALS,
    SCOPE_REQUIRED, FOREIGN_FORM, SECOND_FACTOR_REQUIRED, RATE_LIMITED; `Sent`."""
    known = _anybody(request) if access is Access.PUBLIC else _somebody(request, access)
    _charge(request, known)
    request.scope["state"][_CALLER] = _caller(request, known)


def caller_of(request: AnyRequest) -> Caller:
    """Who was let through."""
    found: Caller = request.scope["state"][_CALLER]
    return found


def _anybody(request: AnyRequest) -> _Known | None:
    """Who asks for what is everybody's, where he is known."""
    if not guard.is_at_home(request):
        return None
    found = session.current(request)
    if found is None:
        return None
    if request.method not in SAFE:
        guard.check(request)
    with suppress(errors.ShortdError):
        services_of(request).accounts.factors.demand(found.account, found.token)
        return _Known(found.account)
    return None


def _somebody(request: AnyRequest, access: Access) -> _Known:
    if not guard.is_at_home(request) and request.method not in SAFE:
        raise errors.NOT_FOUND()
    elsewhere = guard.at_home(request)
    if elsewhere is not None:
        raise Sent(elsewhere)
    if access is Access.ACCOUNT and (key := _key(request)) is not None:
        return _of_key(request, key)
    found = session.current(request)
    if access is Access.OPERATOR:
        if found is None or not found.account.operator:
            raise errors.NOT_FOUND()
    elif found is None or found.temporary:
        if request.headers.get("accept", "").find("text/html") < 0:
            raise errors.TOKEN_REQUIRED("Send an API key as bearer token.")
        raise session.SignInFirst
    if request.method not in SAFE:
        guard.check(request)
    return _Known(found.account)


def _key(request: AnyRequest) -> str | None:
    """The API key that the request names."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def _of_key(request: AnyRequest, key: str) -> _Known:
    services = services_of(request)
    address, now = client_address(services, request.scope), services.clock.now()
    account, row = services.accounts.api_keys.find(key, address, now)
    need_scope(row.scopes, Scope.READ if request.method in SAFE else Scope.WRITE)
    return _Known(account, by_key=True)


def _charge(request: AnyRequest, known: _Known | None) -> None:
    """What looks at a page of ours is free, and what changes something costs what a form does."""
    if request.method in SAFE and not (known and known.by_key):
        return
    services = services_of(request)
    address, now = client_address(services, request.scope), services.clock.now()
    length = request.headers.get("content-length", "")
    weight = WEIGHT + body_weight(int(length) if length.isdecimal() and len(length) < 12 else 0)
    if known is not None:
        services.limits.budgets.charge_account(known.account, address, weight, now)
    else:
        services.limits.budgets.charge_client(address, weight, now)


def _caller(request: AnyRequest, known: _Known | None) -> Caller:
    account: Account | None = None if known is None else shown_account(known.account)
    return Caller(
        request=request,
        account=account,
        is_operator=known is not None and not known.by_key and known.account.operator,
        language=language_of(request).code,
        address=client_address(services_of(request), request.scope),
    )
