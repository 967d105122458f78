"""Proving who one is once more, and ending a way to sign in.

Who has a password gives it, or a passkey; others go to an issuer or a plugin that the account is
linked to.
What was proved holds for ten minutes, for the login that it was proved in.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.fields import PasskeyAnswer
from shortd.issuers.people import Voucher
from shortd.web import forms, session
from shortd.web.account.contents import ConfirmPage
from shortd.web.account.passwords import Password, checked, derivations
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.messages import Message
from shortd.web.navigation import navigation_of
from shortd.web.policies import is_open_origin
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, client_address, sent_json, services_of
from shortd.web.session import Session

ACCOUNT = "/-/account"
TEMPLATE = "account/confirm.html"


class Confirm(Password, frozen=True, kw_only=True):
    next: Annotated[str, Meta(max_length=4096)] = ""


class ConfirmByPasskey(msgspec.Struct, frozen=True, kw_only=True):
    credential: PasskeyAnswer
    next: Annotated[str, Meta(max_length=4096)] = ""


class EndWay(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(max_length=64)]


@show(session.CONFIRM)
async def show_confirm(request: AnyRequest) -> Response[bytes]:
    found = session.registered(request)
    form = filled(next=request.query_params.get("next", ""))
    return page(request, TEMPLATE, _content(request, found, form))


@act(session.CONFIRM, status_code=303)
async def confirm(request: AnyRequest) -> Response[bytes]:
    """Proves it by the password."""
    found, words = session.registered(request), language_of(request).gettext
    form = checked(await forms.read(request, Confirm), words)
    services, value = services_of(request), form.value
    if value is not None:
        address, now = client_address(services, request.scope), services.clock.now()
        try:
            first, other = await derivations(request, value, "password")
            await services.accounts.logins.prove(
                found.account, found.token, first, address, now, password_alt=other
            )
        except errors.ShortdError as refusal:
            if refusal.kind is errors.BAD_CREDENTIALS:
                form = form.wrong("password", words("This is not your password."))
            else:
                form = form.refuse(refusal, words)
    if form.errors:
        return again(request, TEMPLATE, _content(request, found, form), form)
    return see(request, session.back_to(request, form.text("next"), ACCOUNT))


@act(f"{session.CONFIRM}/passkey", status_code=303)
async def confirm_by_passkey(request: AnyRequest) -> Response[bytes]:
    """The same by a passkey of the account."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, ConfirmByPasskey)
    services, value = services_of(request), form.value
    address, now = client_address(services, request.scope), services.clock.now()
    try:
        given = "" if value is None else value.credential
        await services.accounts.passkeys.prove(found.account, found.token, given, address, now)
    except errors.ShortdError as refusal:
        form = form.wrong("", refusal.said(words), refusal)
        return again(request, TEMPLATE, _content(request, found, form), form)
    return see(request, session.back_to(request, form.text("next"), ACCOUNT))


@show(f"{session.CONFIRM}/passkey/options")
async def passkey_options(request: AnyRequest) -> Response[bytes]:
    """The same as in the page, for one that has been open for long."""
    session.registered(request)
    forms.charge(request, "")
    services = services_of(request)
    return sent_json(services.accounts.passkeys.request_options(services.clock.now()))


@act(f"{ACCOUNT}/ways/end", status_code=303)
async def end_way(request: AnyRequest) -> Response[bytes]:
    """Unlinks who the account is at an issuer or to the proxy, unless nothing else opens it."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, EndWay)
    services = services_of(request)
    logins, now = services.accounts.logins, services.clock.now()
    if not logins.is_proven(found.account, found.token, now):
        return see(request, session.confirm_address(ACCOUNT))
    if form.value is None:
        return see(request, ACCOUNT)
    try:
        await services.accounts.identities.unlink(found.account, form.value.id, now)
    except errors.ShortdError as refusal:
        return see(request, ACCOUNT, Message(refusal.said(words), kind="bad"))
    return see(request, ACCOUNT, words("That opens this account no more."))


def _content(request: AnyRequest, found: Session, form: Form[Any]) -> ConfirmPage:
    services, account = services_of(request), found.account
    ways = services.accounts.identities.of_account(account.userid)
    linked = {row.issuer for row in ways if row.voucher == Voucher.ISSUER}
    signing = {row.issuer for row in ways if row.voucher == Voucher.PLUGIN}
    wanted, passkeys = form.text("next"), services.accounts.passkeys
    has_passkey = passkeys.are_possible and bool(passkeys.of_account(account))
    return ConfirmPage(
        form=form,
        next=session.back_to(request, wanted, "") if wanted else "",
        name=account.username or account.email,
        has_password=services.accounts.logins.asks_password(account),
        issuers=[
            (name, issuer.label)
            for name, issuer in services.issuers.items()
            if issuer.settings.issuer in linked
        ],
        offers=navigation_of(request).offers_of(signing),
        passkey=passkeys.request_options(services.clock.now()) if has_passkey else "",
        is_open=is_open_origin(services.settings.pages_url),
    )


HANDLERS = (show_confirm, confirm, confirm_by_passkey, passkey_options, end_way)
