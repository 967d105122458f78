"""API keys: made, shown once, ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.accounts.tokens import Proof
from shortd.clock import DAY
from shortd.models.accounts import Scope
from shortd.models.common import NEVER
from shortd.web import forms, session
from shortd.web.account.contents import KeysPage
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, client_address, services_of
from shortd.web.session import Session

PATH = "/-/account/keys"
TEMPLATE = "account/keys.html"
SCOPES = {"read": (Scope.READ,), "write": (Scope.WRITE,), "all": (Scope.READ, Scope.WRITE)}


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    scope: Literal["all", "read", "write"] = "all"
    days: Annotated[int, Meta(ge=1, le=36_500)] | None = None
    """None: until it is ended."""


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    program: Annotated[str, Meta(min_length=1, max_length=64)]


class EndKey(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(max_length=64)]


@show(PATH)
async def show_keys(request: AnyRequest) -> Response[bytes]:
    return page(request, TEMPLATE, _content(request, session.registered(request), filled()))


@act(PATH, status_code=200)
async def make_key(request: AnyRequest) -> Response[bytes]:
    """Makes a key. The answer is the one page that ever shows it."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, NewKey, call="create_api_key")
    services, value = services_of(request), form.value
    if value is not None:
        now = services.clock.now()
        until = NEVER if value.days is None else now + value.days * DAY
        try:
            made = await services.accounts.api_keys.create(
                found.account, value.name, SCOPES[value.scope], now, until
            )
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
        else:
            content = _content(request, found, filled(), made.key, made.row.name)
            return page(request, TEMPLATE, content, secret=True)
    return again(request, TEMPLATE, _content(request, found, form), form)


@act(f"{PATH}/token", status_code=200)
async def make_token(request: AnyRequest) -> Response[bytes]:
    """A login for a program that speaks ww7 v2, for who has no password to give it. The answer is
    the one page that ever shows it."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, NewToken, call="login")
    services, value = services_of(request), form.value
    logins, now = services.accounts.logins, services.clock.now()
    if not logins.is_proven(found.account, found.token, now):
        return see(request, session.confirm_address(PATH))
    if value is not None:
        address = client_address(services, request.scope)
        try:
            login = await logins.open(found.account, address, now, value.program, Proof(how=""))
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
        else:
            content = _content(request, found, filled(), token=login.token)
            return page(request, TEMPLATE, content, secret=True)
    return again(request, TEMPLATE, _content(request, found, form), form)


@act(f"{PATH}/end", status_code=303)
async def end_key(request: AnyRequest) -> Response[bytes]:
    """Ends a key. One that has ended already is no mistake."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, EndKey, call="delete_api_key")
    if form.value is not None:
        try:
            await services_of(request).accounts.api_keys.delete(found.account, form.value.id)
        except errors.ShortdError as refusal:
            if refusal.kind is not errors.KEY_NOT_FOUND:
                raise
    return see(request, PATH, words("The key has ended. Nothing opens with it any more."))


def _content(
    request: AnyRequest,
    found: Session,
    form: Form[Any],
    made: str = "",
    made_name: str = "",
    token: str = "",
) -> KeysPage:
    services = services_of(request)
    return KeysPage(
        keys=services.accounts.api_keys.of_account(found.account),
        form=form,
        now=services.clock.now(),
        username=found.account.username or found.account.email,
        made=made,
        made_name=made_name,
        userid=found.account.userid,
        token=token,
    )


HANDLERS = (show_keys, make_key, make_token, end_key)
