"""Who has an account, and what the operator does to one: `/-/admin/people`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response

from shortd import errors
from shortd.fields import Email, Username
from shortd.models.accounts import Account, AccountType
from shortd.models.audit import Action
from shortd.upkeep.administration import Changes, check_other, told
from shortd.upkeep.people import Which, handle_of
from shortd.web import forms
from shortd.web.admin.contents import NewPersonPage, PeoplePage, PersonPage
from shortd.web.admin.cursors import address, asked
from shortd.web.admin.operators import (
    PATH,
    SEARCH_WEIGHT,
    MayReason,
    Reason,
    noted,
    operator_of,
)
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.messages import Message
from shortd.web.render import language_of, long_page, page, see
from shortd.web.routing import AnyRequest, services_of

PEOPLE = f"{PATH}/people"
PERSON = "admin/person.html"
NEW = "admin/new_person.html"


class NewType(MayReason, frozen=True, kw_only=True):
    type: AccountType


class SignOut(MayReason, frozen=True, kw_only=True):
    end_keys: bool = False


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    email: Email
    username: Username = ""


@show(PEOPLE)
async def people(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    q, after = asked(request, "q"), asked(request, "after", 400)
    of = asked(request, "is")
    which = Which(of) if of in list(Which) else Which.PEOPLE
    forms.charge(request, "", SEARCH_WEIGHT if q or which else 0)
    found = await services_of(request).upkeep.people.page(which, q, after)
    here = {"q": q, "is": which.value}
    older = found.older[0] if found.older else ""
    content = PeoplePage(
        rows=found.rows,
        which=which,
        q=q,
        older=address(PEOPLE, **here, after=older) if older else "",
        first=address(PEOPLE, **here) if after else "",
        is_cut=found.is_cut,
    )
    return await long_page(request, "admin/people.html", content)


@show(f"{PEOPLE}/new")
async def new_person(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    return page(request, NEW, _new(request, filled()))


@act(f"{PEOPLE}/new", status_code=303)
async def add_person(request: AnyRequest) -> Response[bytes]:
    """Makes an account with a password that nobody knows, and mails its owner how to choose one, if
    it would open anything."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(request, NewPerson, call="signup")
    value, now = form.value, services.clock.now()
    if value is None:
        return again(request, NEW, _new(request, form), form)
    name = value.username or value.email
    try:
        async with noted(request, Action.ADD_ACCOUNT, name):
            account = await services.accounts.accounts.add(value.email, value.username, None, now)
    except errors.ShortdError as refusal:
        form = form.refuse(refusal, words)
        return again(request, NEW, _new(request, form), form)
    said = words("The account is made. It has no password yet.")
    if not services.settings.auth.password:
        said = words("The account is made.")
    elif services.settings.mail.smtp_url:
        try:
            async with noted(request, Action.MAIL_RESET, about=account):
                await services.accounts.mailboxes.send_reset(account.userid, now)
            said = words("The account is made. A mail says how to choose a password.")
        except errors.ShortdError as refusal:
            said = refusal.said(words)
    return see(request, _address(account), said)


@show(f"{PEOPLE}/{{person:str}}")
async def person(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    return page(request, PERSON, _content(request, _asked(request)))


@act(f"{PEOPLE}/{{person:str}}/lock", status_code=303)
async def lock(request: AnyRequest) -> Response[bytes]:
    return await _do(request, "lock", Reason, Action.LOCK_ACCOUNT, Changes(locked=True))


@act(f"{PEOPLE}/{{person:str}}/unlock", status_code=303)
async def unlock(request: AnyRequest) -> Response[bytes]:
    return await _do(request, "unlock", MayReason, Action.UNLOCK_ACCOUNT, Changes(locked=False))


@act(f"{PEOPLE}/{{person:str}}/type", status_code=303)
async def change_type(request: AnyRequest) -> Response[bytes]:
    """Other limits."""
    return await _do(request, "type", NewType, Action.CHANGE_ACCOUNT)


@act(f"{PEOPLE}/{{person:str}}/sign-out", status_code=303)
async def sign_out(request: AnyRequest) -> Response[bytes]:
    return await _do(request, "sign-out", SignOut, Action.SIGN_OUT_ACCOUNT)


@act(f"{PEOPLE}/{{person:str}}/reset", status_code=303)
async def mail_reset(request: AnyRequest) -> Response[bytes]:
    """Mails a code for a new password, which the operator never sees. PASSWORD_OFF."""
    operator_of(request)
    if not services_of(request).settings.auth.password:
        raise errors.PASSWORD_OFF()
    return await _do(request, "reset", MayReason, Action.MAIL_RESET)


async def _do(
    request: AnyRequest,
    what: str,
    kind: type[MayReason],
    action: Action,
    changes: Changes | None = None,
) -> Response[bytes]:
    """One form of a person's page."""
    found, account = operator_of(request), _asked(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(request, kind)
    value = form.value
    if value is not None:
        detail = ""
        if isinstance(value, NewType):
            changes = Changes(type=value.type)
            detail = told(changes)
        elif isinstance(value, SignOut) and value.end_keys:
            detail = "with API keys"
        try:
            check_other(found.account, account.userid)
            async with noted(request, action, about=account, detail=detail, reason=value.reason):
                if changes is not None:
                    await services.upkeep.administration.change(account.userid, changes)
                elif isinstance(value, SignOut):
                    administration = services.upkeep.administration
                    await administration.sign_out(account.userid, end_keys=value.end_keys)
                else:
                    now = services.clock.now()
                    await services.accounts.mailboxes.send_reset(account.userid, now)
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
    if form.errors:
        return again(request, PERSON, _content(request, account, {what: form}), form)
    said = {
        "lock": words("The account is locked. Its links answer 404."),
        "unlock": words("The account is unlocked."),
        "type": words("The account has other limits now."),
        "sign-out": words("The account is signed out everywhere."),
        "reset": words("A mail with a code for a new password is on its way."),
    }
    return see(request, _address(account), Message(said[what]))


def _asked(request: AnyRequest) -> Account:
    """The account that the address names. NOT_FOUND."""
    account = services_of(request).upkeep.people.find(request.path_params["person"])
    if account is None:
        raise errors.NOT_FOUND()
    return account


def _address(account: Account) -> str:
    return f"{PEOPLE}/{quote(handle_of(account))}"


def _content(
    request: AnyRequest, account: Account, refused: dict[str, Form[Any]] | None = None
) -> PersonPage:
    services, found = services_of(request), operator_of(request)
    seen, holds = services.upkeep.people.seen(account)
    return PersonPage(
        seen=seen,
        holds=holds,
        most_stored=services.settings.limits.of(account.type).storage_bytes,
        is_own=found.account.userid == account.userid,
        sends_mail=bool(services.settings.mail.smtp_url),
        takes_passwords=services.settings.auth.password,
        forms=refused or {},
    )


def _new(request: AnyRequest, form: Form[Any]) -> NewPersonPage:
    settings = services_of(request).settings
    return NewPersonPage(
        form=form,
        sends_mail=bool(settings.mail.smtp_url),
        takes_passwords=settings.auth.password,
    )


HANDLERS = (
    *(people, new_person, add_person, person),
    *(lock, unlock, change_type, sign_out, mail_reset),
)
