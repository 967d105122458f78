"""Signing in, up and out, and what to do about a password that was forgotten.

Nothing here tells whether a name or an address has an account.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.accounts.logins import Halfway
from shortd.accounts.tokens import Login, Proof
from shortd.fields import Email, FactorCode, Name, PasskeyAnswer, Username
from shortd.models.accounts import Account
from shortd.services import Services
from shortd.web import forms, session
from shortd.web.account.contents import KEPT_ADDRESS, KEPT_BYTES, CodePage, Kept, SignPage
from shortd.web.account.passwords import (
    NewPassword,
    Password,
    checked,
    derivations,
)
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.messages import Message
from shortd.web.navigation import navigation_of
from shortd.web.policies import is_open_origin
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, client_address, home_of, sent_json, services_of

START = "/-/dashboard"
"""Where who has just signed in goes."""
SIGNED_OUT = "/-/logout/done"
"""Where who came by an issuer is told so."""

CODE_TEMPLATE = "account/code.html"

Next = Annotated[str, Meta(max_length=4096)]
KeptAction = Annotated[str, Meta(max_length=KEPT_ADDRESS)]
KeptBody = Annotated[str, Meta(max_length=KEPT_BYTES)]


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sign-in leads on to. (A Struct has one base with fields: `SignIn` repeats them.)"""

    next: Next = ""
    kept_action: KeptAction = ""
    """Of a form that is to be sent once more; empty for none."""
    kept: KeptBody = ""


class SignIn(Password, frozen=True, kw_only=True):
    name: Name
    next: Next = ""
    kept_action: KeptAction = ""
    kept: KeptBody = ""


class SecondStep(Onward, frozen=True, kw_only=True):
    ticket: Annotated[str, Meta(max_length=128)]
    code: FactorCode


class ByPasskey(Onward, frozen=True, kw_only=True):
    credential: PasskeyAnswer


class SignUp(NewPassword, frozen=True, kw_only=True):
    email: Email
    username: Username = ""
    next: Next = ""


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    name: Name


@show("/-/login")
async def show_login(request: AnyRequest) -> Response[bytes]:
    wanted = request.query_params.get("next", "")
    if is_in(request):
        return see(request, session.back_to(request, wanted, START))
    auto = services_of(request).settings.auth.auto
    if auto and request.method == "GET" and "ways" not in request.query_params:
        query = urlencode({"next": wanted}) if wanted else ""
        return see(request, f"{session.LOGIN}/oidc/{auto}{'?' if query else ''}{query}")
    return sign_in_page(request, wanted)


def sign_in_page(request: AnyRequest, wanted: str = "") -> Response[bytes]:
    """The form for signing in, which leads on to `wanted`."""
    return page(request, "account/login.html", _content(request, filled(next=wanted)))


@act("/-/login", status_code=303)
async def log_in(request: AnyRequest) -> Response[bytes]:
    """A new login, in a cookie. What was made without an account comes along."""
    _demand_passwords(request)
    words = language_of(request).gettext
    form = checked(await forms.read(request, SignIn, call="login"), words)
    services, value = services_of(request), form.value
    if value is None:
        return again(request, "account/login.html", _content(request, form), form)
    address, agent = client_address(services, request.scope), _agent(request)
    try:
        first, other = await derivations(request, value, "password")
        account = await services.accounts.logins.check(
            value.name, first, address, services.clock.now(), agent, password_alt=other
        )
        halfway = services.accounts.logins.halfway(account, services.clock.now())
        if halfway is not None:
            onward = filled(next=value.next, kept_action=value.kept_action, kept=value.kept)
            return page(request, CODE_TEMPLATE, _code_content(request, onward, halfway))
        kept = _kept(request, value.kept_action, value.kept)
        proof = Proof(utime=services.clock.now())
        return await open_session(request, account, proof, value.next, kept)
    except errors.ShortdError as refusal:
        if refusal.kind is errors.BAD_CREDENTIALS:
            form = form.wrong("", words("This name and this password do not fit together."))
        else:
            form = form.refuse(refusal, words)
        return again(request, "account/login.html", _content(request, form), form)


@act("/-/login/code", status_code=303)
async def send_code(request: AnyRequest) -> Response[bytes]:
    """What follows the password of an account with a second factor. Nobody is signed in before."""
    words = language_of(request).gettext
    form = await forms.read(request, SecondStep, call="login")
    services, value = services_of(request), form.value
    address, now = client_address(services, request.scope), services.clock.now()
    logins = services.accounts.logins
    try:
        if value is not None:
            account = await logins.finish(value.ticket, value.code, address, now)
            kept = _kept(request, value.kept_action, value.kept)
            return await open_session(request, account, Proof(utime=now), value.next, kept)
    except errors.ShortdError as refusal:
        if refusal.kind is errors.BAD_CREDENTIALS:
            return _begin_anew(request, form, refusal.said(words))
        form = form.refuse(refusal, words)
    try:
        halfway = logins.still_halfway(form.last("ticket"), now)
    except errors.ShortdError as refusal:
        return _begin_anew(request, form, refusal.said(words))
    return again(request, CODE_TEMPLATE, _code_content(request, form, halfway), form)


@act("/-/login/passkey", status_code=303)
async def log_in_by_passkey(request: AnyRequest) -> Response[bytes]:
    """A new login for who has signed with a passkey, which is both factors."""
    words = language_of(request).gettext
    form = await forms.read(request, ByPasskey, call="login")
    services, value = services_of(request), form.value
    address, now = client_address(services, request.scope), services.clock.now()
    if value is None:
        return _begin_anew(request, form, words("Your browser has sent no passkey."))
    try:
        account = await services.accounts.passkeys.check(value.credential, address, now)
        kept = _kept(request, value.kept_action, value.kept)
        return await open_session(
            request, account, Proof(utime=now, how="passkey"), value.next, kept
        )
    except errors.ShortdError as refusal:
        return _begin_anew(request, form, refusal.said(words), refusal)


@show("/-/login/passkey/options")
async def passkey_options(request: AnyRequest) -> Response[bytes]:
    """The same as in the page, for one that has been open for long."""
    forms.charge(request, "")
    services = services_of(request)
    options = services.accounts.passkeys.request_options(services.clock.now())
    return sent_json(options)


def _begin_anew(
    request: AnyRequest, form: Form[Any], said: str, refusal: errors.ShortdError | None = None
) -> Response[bytes]:
    """The form for signing in, with what was wrong."""
    typed = {name: form.text(name) for name in ("next", "kept_action", "kept")}
    form = filled(**typed).wrong("", said, refusal)
    return again(request, "account/login.html", _content(request, form), form)


def _code_content(request: AnyRequest, form: Form[Any], halfway: Halfway) -> CodePage:
    services = services_of(request)
    passkeys, now = services.accounts.passkeys, services.clock.now()
    return CodePage(
        form=form,
        next=form.text("next"),
        kept=_kept(request, form.text("kept_action"), form.text("kept")),
        ticket=halfway.ticket,
        takes_code=halfway.standing.has_app,
        passkey=passkeys.request_options(now) if halfway.standing.passkeys else "",
    )


async def open_session(
    request: AnyRequest, account: Account, proof: Proof, wanted: str, kept: Kept | None = None
) -> Response[bytes]:
    """What follows once somebody has proven that this account is his, by whichever way: a new
    login, in a cookie, and what was made without an account comes along.

    It leads on to `wanted`, or to the form that waits. Refuses as `Logins.open` does, and where
    what comes along has no room.
    """
    services = services_of(request)
    address, now = client_address(services, request.scope), services.clock.now()
    login = await services.accounts.logins.open(account, address, now, _agent(request), proof)
    moved = await _come_along(request, login)
    if kept is not None:
        session.become(request, login)
        return session.start(request, page(request, "account/kept.html", kept), login)
    answer = see(request, session.back_to(request, wanted, START), moved)
    return session.start(request, answer, login)


@show("/-/signup")
async def show_signup(request: AnyRequest) -> Response[bytes]:
    wanted = request.query_params.get("next", "")
    if is_in(request):
        return see(request, session.back_to(request, wanted, START))
    if not services_of(request).settings.auth.password:
        return see(request, session.LOGIN)
    return page(request, "account/signup.html", _content(request, filled(next=wanted)))


@act("/-/signup", status_code=303)
async def sign_up(request: AnyRequest) -> Response[bytes]:
    """A new account, or a temporary one that becomes one, and a login to it."""
    _demand_passwords(request)
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
    found = session.current(request)
    if found is None:
        return see(request, home_of(services_of(request)))
    if found.proxied:
        return _sent_to_proxy(request)
    return page(request, "account/logout.html")


@act("/-/logout", status_code=303)
async def log_out(request: AnyRequest) -> Response[bytes]:
    """Ends the login. What nobody signed up for is only forgotten by this browser."""
    found, services = session.current(request), services_of(request)
    if found is not None and found.proxied:
        return _sent_to_proxy(request)
    issuer = ""
    if found is not None and found.token is not None:
        issuer = services.accounts.logins.issuer_of(found.account.userid, found.token)
    await _end(request, found)
    if issuer or services.settings.auth.auto:
        # Whoever comes to the sign-in from there is not sent on to be signed in at once.
        known = f"?{urlencode({'issuer': issuer})}" if issuer in services.issuers else ""
        return session.stop(request, see(request, SIGNED_OUT + known))
    words = language_of(request).gettext
    return session.stop(request, see(request, home_of(services), words("You are signed out.")))


def _sent_to_proxy(request: AnyRequest) -> Response[bytes]:
    """Tells whom a proxy names at every request that nobody but it can sign him out."""
    words = language_of(request).gettext
    said = words("The proxy in front signs you in at every page; sign out there.")
    return see(request, "/-/account", Message(said, kind="bad"))


@show("/-/forgot")
async def show_forgot(request: AnyRequest) -> Response[bytes]:
    if not services_of(request).settings.auth.password:
        return see(request, session.LOGIN)
    return page(request, "account/forgot.html", _content(request, filled()))


@act("/-/forgot", status_code=303)
async def forgot(request: AnyRequest) -> Response[bytes]:
    """Mails a link, if there is somebody to mail it to: the answer is the same."""
    _demand_passwords(request)
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
        takes_signups=services.settings.accounts.signup and services.settings.auth.password,
        takes_passwords=services.settings.auth.password,
        issuers=issuer_buttons(services),
        offers=navigation_of(request).offers,
        named=session.named(request),
        passkey=asked_of_passkeys(request),
        sends_mail=bool(services.settings.mail.smtp_url),
    )


def _demand_passwords(request: AnyRequest) -> None:
    """PASSWORD_OFF where there are no forms for them."""
    if not services_of(request).settings.auth.password:
        raise errors.PASSWORD_OFF()


def issuer_buttons(services: Services) -> list[tuple[str, str]]:
    """Names and labels of the issuers, in their order."""
    return [(name, issuer.label) for name, issuer in services.issuers.items()]


def _kept(request: AnyRequest, action: str, body: str) -> Kept | None:
    """The form that waits behind this sign-in; None if there is none that can be one."""
    wanted = session.back_to(request, action, "") if action else ""
    kept = Kept(wanted, body)
    try:
        return kept if wanted and kept.fields else None
    except ValueError:
        return None


def asked_of_passkeys(request: AnyRequest) -> str:
    """What the browser is asked for who signs in; empty where nobody has a passkey."""
    services = services_of(request)
    if not services.accounts.passkeys.are_used():
        return ""
    return services.accounts.passkeys.request_options(services.clock.now())


def is_in(request: AnyRequest) -> bool:
    """Whether somebody is signed in to an account of his own."""
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
    send_code,
    log_in_by_passkey,
    passkey_options,
    show_signup,
    sign_up,
    show_logout,
    log_out,
    show_forgot,
    forgot,
)
