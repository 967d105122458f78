"""Passkeys and second factors of an account: shown, added, named, removed.

Whoever changes one has proved himself within the last ten minutes; the page says nothing of a
secret before. Recovery codes are in one answer, and in none after it.
"""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.accounts.passkeys import PASSKEYS_PER_ACCOUNT
from shortd.fields import FactorCode, PasskeyAnswer
from shortd.web import forms, session
from shortd.web.account.contents import FactorsPage, PasskeyRow
from shortd.web.forms import Form, again
from shortd.web.guard import act, show
from shortd.web.messages import Message
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, client_address, sent_json, services_of
from shortd.web.session import Session

PATH = session.SECOND_FACTOR
TEMPLATE = "account/second_factor.html"
NAME = Annotated[str, Meta(min_length=1, max_length=64)]


class FirstCode(msgspec.Struct, frozen=True, kw_only=True):
    code: FactorCode


class NewPasskey(msgspec.Struct, frozen=True, kw_only=True):
    name: NAME
    credential: PasskeyAnswer = ""


class NamedPasskey(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(max_length=64)]
    name: NAME


class OnePasskey(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(max_length=64)]


@show(PATH)
async def show_factors(request: AnyRequest) -> Response[bytes]:
    found = session.registered(request)
    return page(request, TEMPLATE, await _content(request, found), secret=True)


@act(f"{PATH}/app", status_code=303)
async def begin_app(request: AnyRequest) -> Response[bytes]:
    """Draws a secret, which the page then shows."""
    found = session.registered(request)
    forms.charge(request, "")
    services = services_of(request)
    try:
        await services.accounts.factors.begin_app(found.account, found.token, services.clock.now())
    except errors.ShortdError as refusal:
        return _ask_first(request, refusal)
    return see(request, PATH)


@act(f"{PATH}/app/code", status_code=200)
async def finish_app(request: AnyRequest) -> Response[bytes]:
    """The first code of an app. The answer is the one page that shows the recovery codes."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, FirstCode)
    services, value = services_of(request), form.value
    if value is None:
        return await _again(request, found, "code", form)
    address, now = client_address(services, request.scope), services.clock.now()
    try:
        codes = await services.accounts.factors.finish_app(
            found.account, found.token, value.code, address, now
        )
    except errors.ShortdError as refusal:
        if refusal.kind is errors.PROOF_REQUIRED:
            return _ask_first(request, refusal)
        return await _again(request, found, "code", form.refuse(refusal, words))
    return page(request, TEMPLATE, await _content(request, found, codes=codes), secret=True)


@act(f"{PATH}/recovery-codes", status_code=200)
async def renew_recovery_codes(request: AnyRequest) -> Response[bytes]:
    """Ten new ones, on the one page that shows them."""
    found = session.registered(request)
    forms.charge(request, "")
    services = services_of(request)
    try:
        codes = await services.accounts.factors.renew_recovery_codes(
            found.account, found.token, services.clock.now()
        )
    except errors.ShortdError as refusal:
        return _ask_first(request, refusal)
    return page(request, TEMPLATE, await _content(request, found, codes=codes), secret=True)


@act(f"{PATH}/app/end", status_code=303)
async def end_app(request: AnyRequest) -> Response[bytes]:
    found, words = session.registered(request), language_of(request).gettext
    forms.charge(request, "")
    services = services_of(request)
    try:
        await services.accounts.factors.end_app(found.account, found.token, services.clock.now())
    except errors.ShortdError as refusal:
        return _ask_first(request, refusal)
    return see(request, PATH, words("The app is removed: no code is asked for any more."))


@act(f"{PATH}/passkeys", status_code=303)
async def add_passkey(request: AnyRequest) -> Response[bytes]:
    """Keeps a passkey that the browser has made."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, NewPasskey)
    services, value = services_of(request), form.value
    if value is None:
        return await _again(request, found, "passkeys", form)
    try:
        await services.accounts.passkeys.add(
            found.account, found.token, value.name, value.credential, services.clock.now()
        )
    except errors.ShortdError as refusal:
        if refusal.kind is errors.PROOF_REQUIRED:
            return _ask_first(request, refusal)
        field = "name" if refusal.field == "name" else ""
        form = form.wrong(field, refusal.said(words), refusal)
        return await _again(request, found, "passkeys", form)
    return see(request, PATH, words("The passkey is added. It signs you in without a password."))


@show(f"{PATH}/passkeys/options")
async def passkey_options(request: AnyRequest) -> Response[bytes]:
    """The same as in the page, for one that has been open for long."""
    found = session.registered(request)
    forms.charge(request, "")
    services = services_of(request)
    now = services.clock.now()
    return sent_json(await services.accounts.passkeys.creation_options(found.account, now))


@act(f"{PATH}/passkeys/name", status_code=303)
async def rename_passkey(request: AnyRequest) -> Response[bytes]:
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, NamedPasskey)
    value, passkeys = form.value, services_of(request).accounts.passkeys
    if value is not None:
        try:
            await passkeys.rename(found.account, value.id, value.name)
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
    if form.errors:
        return await _again(request, found, "name", form)
    return see(request, PATH, words("The passkey has another name."))


@act(f"{PATH}/passkeys/end", status_code=303)
async def remove_passkey(request: AnyRequest) -> Response[bytes]:
    """Removes a passkey. One that is gone already is no mistake."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, OnePasskey)
    services = services_of(request)
    if form.value is not None:
        try:
            await services.accounts.passkeys.remove(
                found.account, found.token, form.value.id, services.clock.now()
            )
        except errors.ShortdError as refusal:
            if refusal.kind is errors.LAST_WAY:
                return see(request, PATH, Message(refusal.said(words), kind="bad"))
            if refusal.kind is not errors.PASSKEY_NOT_FOUND:
                return _ask_first(request, refusal)
    said = words("The passkey is removed. Your device may offer it still: remove it there, too.")
    return see(request, PATH, said)


def _ask_first(request: AnyRequest, refusal: errors.ShortdError) -> Response[bytes]:
    """To the page that asks for a proof. Raises whatever else was refused."""
    if refusal.kind is not errors.PROOF_REQUIRED:
        raise refusal
    return see(request, session.confirm_address(PATH))


async def _again(
    request: AnyRequest, found: Session, name: str, form: Form[Any]
) -> Response[bytes]:
    content = await _content(request, found, {name: form})
    return again(request, TEMPLATE, content, form, secret=True)


async def _content(
    request: AnyRequest,
    found: Session,
    refused: dict[str, Form[Any]] | None = None,
    codes: list[str] | None = None,
) -> FactorsPage:
    services, account = services_of(request), found.account
    factors, passkeys = services.accounts.factors, services.accounts.passkeys
    now = services.clock.now()
    standing, rows = factors.of(account), passkeys.of_account(account)
    is_proven = services.accounts.logins.is_proven(account, found.token, now)
    creation, secret = "", ""
    if is_proven:
        secret = factors.waiting_secret(account, now)
        if passkeys.are_possible and len(rows) < PASSKEYS_PER_ACCOUNT:
            creation = await passkeys.creation_options(account, now)
    return FactorsPage(
        is_proven=is_proven,
        is_due=factors.are_due(account, found.token),
        is_demanded=standing.is_demanded,
        has_app=standing.has_app,
        since=standing.since,
        codes_left=standing.recovery_codes,
        passkeys=[
            PasskeyRow(
                id=row.id,
                name=row.name,
                created=row.create_utime,
                used=row.use_utime,
                is_doubted=bool(row.doubt_utime),
            )
            for row in rows
        ],
        most_passkeys=PASSKEYS_PER_ACCOUNT,
        creation=creation,
        has_passkeys=passkeys.are_possible,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        qr=await asyncio.to_thread(_drawn, factors.uri(account, secret)) if secret else "",
        codes=codes or (),
        forms=refused or {},
    )


def _drawn(text: str) -> str:
    """A QR image as a data URI. Not one of those that are kept: it holds a secret."""
    import segno

    image = io.BytesIO()
    segno.make(text, error="m", boost_error=False).save(image, kind="svg", border=3, light="#fff")
    return f"data:image/svg+xml;base64,{base64.b64encode(image.getvalue()).decode()}"


HANDLERS = (
    show_factors,
    begin_app,
    finish_app,
    renew_recovery_codes,
    end_app,
    add_passkey,
    passkey_options,
    rename_passkey,
    remove_passkey,
)
