"""The pages that links in mails lead to: `/-/verify` and `/-/reset`, with `?email=…&code=…`.

Opening one does nothing and asks nothing of the database: mail scanners follow links. A form
sends the code on; it works without scripts, and who has the code needs no other proof. Codes
must never get into a log or a referrer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from litestar import Response, post

from shortd import errors
from shortd.security.passwords import composed
from shortd.web.forms import Words
from shortd.web.guard import check_secret
from shortd.web.policies import is_open_origin
from shortd.web.render import language_of, visitor_page
from shortd.web.routing import AnyRequest, client_address, look, services_of
from shortd.web.visitor.contents import MailedPage

FORM_BYTES = 16 << 10
FORM_FIELDS = 10
WEIGHT = 5000
"""What sending a form costs the client's address: as much as the calls do."""

_CODE = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_DERIVED = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_EMAIL_LENGTH = 320
_PASSWORD_LENGTH = 1000


@look("/-/verify")
async def show_verify(request: AnyRequest) -> Response[bytes]:
    """A button."""
    content = _content(request, request.query_params)
    return visitor_page(request, "visitor/verify.html", form=True, page=content)


@post("/-/verify", request_max_body_size=FORM_BYTES, status_code=200)
async def verify(request: AnyRequest) -> Response[bytes]:
    """What the button sends. The same twice is no mistake."""
    services = services_of(request)
    content = _content(request, await _form(request))
    address, now = client_address(services, request.scope), services.clock.now()
    await services.accounts.mailboxes.verify(content.email, content.code, address, now)
    words = language_of(request).gettext
    return visitor_page(
        request,
        "visitor/done.html",
        title=words("Your address is verified"),
        message=words("Thank you. This page can be closed."),
    )


@look("/-/reset")
async def show_reset(request: AnyRequest) -> Response[bytes]:
    """Asks for a new password. PASSWORD_OFF where none opens anything."""
    _demand_passwords(request)
    return _reset_page(request, _content(request, request.query_params))


@post("/-/reset", request_max_body_size=FORM_BYTES, status_code=200)
async def reset(request: AnyRequest) -> Response[bytes]:
    """What the form sends: both derivations, or without a script what was typed."""
    _demand_passwords(request)
    services = services_of(request)
    form = await _form(request)
    content = _content(request, form)
    passwords = [form.get(f"password_{name}", "") for name in ("pbkdf2", "sha256")]
    is_derived = all(_DERIVED.fullmatch(one) for one in passwords)
    if not is_derived and (fault := _about_typed(form, language_of(request).gettext)):
        return _reset_page(request, content, fault)
    now, mailboxes = services.clock.now(), services.accounts.mailboxes
    address = client_address(services, request.scope)
    account = await mailboxes.try_reset(content.email, content.code, address, now)
    if not is_derived:
        passwords = await services.security.hasher.derive(composed(form["password"]))
    await mailboxes.set_password(account, content.code, passwords, now)
    words = language_of(request).gettext
    return visitor_page(
        request,
        "visitor/done.html",
        title=words("Your new password is set"),
        message=words("Earlier logins, API keys and passkeys have ended. This page can be closed."),
    )


def _demand_passwords(request: AnyRequest) -> None:
    if not services_of(request).settings.auth.password:
        raise errors.PASSWORD_OFF()


def _about_typed(form: Mapping[str, str], words: Words) -> str:
    """What is wrong with a password that no script has derived; empty if nothing is."""
    password = composed(form.get("password", ""))
    if not password or len(password) > _PASSWORD_LENGTH:
        return words("A password has 1 to %(most)s characters.") % {"most": _PASSWORD_LENGTH}
    if composed(form.get("again", "")) != password:
        return words("These are two different passwords.")
    return ""


def _reset_page(request: AnyRequest, content: MailedPage, fault: str = "") -> Response[bytes]:
    shown = MailedPage(email=content.email, code=content.code, is_open=content.is_open, fault=fault)
    status = 400 if fault else 200
    return visitor_page(
        request, "visitor/reset.html", status, form=True, script="password.js", page=shown
    )


def _content(request: AnyRequest, given: Mapping[str, str]) -> MailedPage:
    """What a link or a form says. BAD_REQUEST if it cannot have come out of a mail."""
    email, code = given.get("email", ""), given.get("code", "")
    if not 0 < len(email) <= _EMAIL_LENGTH or not _CODE.fullmatch(code):
        raise errors.BAD_REQUEST(
            "This link is not complete. Open it from the mail again, or ask for another mail."
        )
    is_open = is_open_origin(services_of(request).settings.public_url)
    return MailedPage(email=email, code=code, is_open=is_open)


async def _form(request: AnyRequest) -> dict[str, str]:
    """The fields of a form of ours, paid for. BAD_FORM, FOREIGN_FORM, RATE_LIMITED."""
    check_secret(request)
    services = services_of(request)
    address = client_address(services, request.scope)
    services.limits.budgets.charge_client(address, WEIGHT, services.clock.now())
    body = await request.body()
    try:
        return dict(
            parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=FORM_FIELDS,
            )
        )
    except ValueError:
        raise errors.BAD_FORM("The body is not the form of this page.") from None


HANDLERS = (show_verify, verify, show_reset, reset)
