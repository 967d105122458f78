"""Signing in, up and out, and what to do about a password that was forgotten.

Nothing here tells whether a name or an address has an account.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.accounts.tokens import Login
from shortd.fields import Email, Name, Username
from shortd.web import forms, session
from shortd.web.account.contents import KEPT_ADDRESS, KEPT_BYTES, Kept, SignPage
from shortd.web.account.passwords import (
    NewPassword,
    Password,
    checked,
    derivations,
)
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.messages import Message
from shortd.web.policies import is_open_origin
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, client_address, services_of

START = "/-/dashboard"
"""Where who has just signed in goes."""

Next = Annotated[str, Meta(max_length=4096)]


class SignIn(Password, frozen=True, kw_only=True):
    name: Name
    next: Next = ""
    kept_action: Annotated[str, Meta(max_length=KEPT_ADDRESS)] = ""
    """Of a form that is to be sent once more; empty for none."""
    kept: Annotated[str, Meta(max_length=KEPT_BYTES)] = ""


class SignUp(NewPassword, frozen=True, kw_only=True):
    email: Email
    username: Username = ""
    next: Next = ""


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    name: Name


@show("/-/login")
async def show_login(request: AnyRequest) -> Response[bytes]:
    wanted = request.query_params.get("next", "")
    if _is_in(request):
        return see(request, session.back_to(request, wanted, START))
    return sign_in_page(request, wanted)


def sign_in_page(request: AnyRequest, wanted: str = "") -> Response[bytes]:
    """The form for signing in, which leads on to `wanted`."""
    return page(request, "account/login.html", _content(request, filled(next=wanted)))


@act("/-/login", status_code=303)
async def log_in(request: AnyRequest) -> Response[bytes]:
    """A new login, in a cookie. What was made without an account comes along."""
    words = language_of(request).gettext
    form = checked(await forms.read(request, SignIn, call="login"), words)
    services, value = services_of(request), form.value
    if value is None:
        return again(request, "account/login.html", _content(request, form), form)
    address, agent = client_address(services, request.scope), _agent(request)
    try:
        first, other = await derivations(request, value, "password")
        login = await services.accounts.logins.log_in(
            value.name, first, address, services.clock.now(), agent, password_alt=other
        )
    except errors.ShortdError as refusal:
        if refusal.kind is errors.BAD_CREDENTIALS:
            form = form.wrong("", words("This name and this password do not fit together."))
        else:
            form = form.refuse(refusal, words)
        return again(request, "account/login.html", _content(request, form), form)
    moved = await _come_along(request, login)
    kept = _kept(request, value.kept_action, value.kept)
    if kept is not None:
        session.become(request, login)
        return session.start(request, page(request, "account/kept.html", kept), login)
    answer = see(request, session.back_to(request, value.next, START), moved)
    return session.start(request, answer, login)


@show("/-/signup")
async def show_signup(request: AnyRequest) -> Response[bytes]:
    wanted = request.query_params.get("next", "")
    if _is_in(request):
        return see(request, session.back_to(request, wanted, START))
    return page(request, "account/signup.html", _content(request, filled(next=wanted)))


@act("/-/signup", status_code=303)
async def sign_up(request: AnyRequest) -> Response[bytes]:
    """A new account, or a temporary one that becomes one, and a login to it."""
    words = language_of(request).gettext
    form = checked(await forms.read(request, SignUp, call="signup"), words, new=True)
    services, found = services_of(request), session.current(request)
    value = form.value
    if value is None:
        return again(request, "account/signup.html", _content(request, form), form)
    address, now = client_address(services, request.scope), services.clock.now()
    try:
        login = await services.accounts.accounts.sign_up(
            email=value.email,
            username=value.username,
            passwords=await derivations(request, value, "password_new"),
            temporary_userid=found.account.userid if found and found.temporary else None,
            address=address,
            now=now,
            user_agent=_agent(request),
        )
    except errors.ShortdError as refusal:
        form = form.refuse(refusal, words)
        return again(request, "account/signup.html", _content(request, form), form)
    if services.settings.mail.smtp_url:
        with suppress(errors.ShortdError):
            await services.accounts.mailboxes.mail_verification(
                login.account.userid, address, now, language_of(request).code
            )
    await _end(request, found)
    said = Message(words("Welcome. This account is yours."))
    answer = see(request, session.back_to(request, value.next, START), said)
    return session.start(request, answer, login)


@show("/-/logout")
async def show_logout(request: AnyRequest) -> Response[bytes]:
    """A button: nobody is signed out by a link."""
    if session.current(request) is None:
        return see(request, "/")
    return page(request, "account/logout.html")


@act("/-/logout", status_code=303)
async def log_out(request: AnyRequest) -> Response[bytes]:
    """Ends the login. What nobody signed up for is only forgotten by this browser."""
    await _end(request, session.current(request))
    words = language_of(request).gettext
    return session.stop(request, see(request, "/", words("You are signed out.")))


@show("/-/forgot")
async def show_forgot(request: AnyRequest) -> Response[bytes]:
    return page(request, "account/forgot.html", _content(request, filled()))


@act("/-/forgot", status_code=303)
async def forgot(request: AnyRequest) -> Response[bytes]:
    """Mails a link, if there is somebody to mail it to: the answer is the same."""
    words = language_of(request).gettext
    form = await forms.read(request, Forgotten, call="forgot_password")
    services = services_of(request)
    if form.value is not None:
        address, now = client_address(services, request.scope), services.clock.now()
        try:
            await services.accounts.mailboxes.mail_reset(
                form.value.name, address, now, language_of(request).code
            )
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words, username_email="name")
    if form.errors:
        return again(request, "account/forgot.html", _content(request, form), form)
    said = words("If this account has an e-mail address, a mail is on its way to it.")
    return see(request, session.LOGIN, said)


def _content(request: AnyRequest, form: Form[Any]) -> SignPage:
    services, found = services_of(request), session.current(request)
    along = 0
    if found is not None and found.temporary:
        along = services.upkeep.adoption.links_of(found.account)
    wanted = form.typed.get("next", "")
    return SignPage(
        form=form,
        next=session.back_to(request, wanted, "") if wanted else "",
        along=along,
        is_open=is_open_origin(services.settings.pages_url),
        kept=_kept(request, form.text("kept_action"), form.text("kept")),
        takes_signups=services.settings.accounts.signup,
        sends_mail=bool(services.settings.mail.smtp_url),
    )


def _kept(request: AnyRequest, action: str, body: str) -> Kept | None:
    """The form that waits behind this sign-in; None if there is none that can be one."""
    wanted = session.back_to(request, action, "") if action else ""
    kept = Kept(wanted, body)
    try:
        return kept if wanted and kept.fields else None
    except ValueError:
        return None


def _is_in(request: AnyRequest) -> bool:
    found = session.current(request)
    return found is not None and not found.temporary


async def _come_along(request: AnyRequest, login: Login) -> Message | None:
    """Ends what this browser had before; links that were made without an account move in."""
    services, found = services_of(request), session.current(request)
    if found is None or not found.temporary:
        await _end(request, found)
        return None
    try:
        moved = await services.upkeep.adoption.adopt(found.account.userid, login.account)
    except errors.ShortdError:
        # They are still reached by the cookie that there is: it must not be replaced.
        await services.accounts.logins.log_out(login.account.userid, login.token)
        raise
    if not moved:
        return None
    language = language_of(request)
    said = language.ngettext(
        "The link that you made here came along.",
        "The %(n)s links that you made here came along.",
        moved,
    )
    return Message(said % {"n": language.number(moved)})


async def _end(request: AnyRequest, found: session.Session | None) -> None:
    if found is not None and found.token is not None:
        await services_of(request).accounts.logins.log_out(found.account.userid, found.token)


def _agent(request: AnyRequest) -> str:
    return request.headers.get("user-agent", "")


HANDLERS = (
    show_login,
    log_in,
    show_signup,
    sign_up,
    show_logout,
    log_out,
    show_forgot,
    forgot,
)
