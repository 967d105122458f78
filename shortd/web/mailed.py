"""The pages that links in mails lead to: `/-/verify` and `/-/reset`, with `?email=…&code=…`.

Opening one does nothing and asks nothing of the database: mail scanners follow links. A form
sends the code on; it works without scripts, and who has the code needs no other proof. Codes
must never get into a log or a referrer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from litestar import Response, post

from shortd import errors
from shortd.web.answers import FORM_SCRIPT_PAGE_HEADERS, page
from shortd.web.follow import client_address
from shortd.web.pages import MailedPage
from shortd.web.site import AnyRequest, look, pages_of, response, services_of

FORM_BYTES = 16 << 10
FORM_FIELDS = 10
WEIGHT = 5000
"""What sending a form costs the client's address: as much as the calls do."""

_CODE = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_EMAIL_LENGTH = 320
_PASSWORD_LENGTH = 1000
_INCOMPLETE = "This link is not complete. Open it from the mail again, or ask for another mail."


@look("/-/verify")
async def show_verify(request: AnyRequest) -> Response[bytes]:
    """A button."""
    content = _content(request, request.query_params)
    return response(page(pages_of(request), "verify.html", page=content))


@post("/-/verify", request_max_body_size=FORM_BYTES, status_code=200)
async def verify(request: AnyRequest) -> Response[bytes]:
    """What the button sends. The same twice is no mistake."""
    services = services_of(request)
    content = _content(request, await _form(request))
    await services.mailboxes.verify(content.email, content.code, services.clock.now())
    message = "Thank you. This page can be closed."
    done = page(pages_of(request), "done.html", title="Your address is verified", message=message)
    return response(done)


@look("/-/reset")
async def show_reset(request: AnyRequest) -> Response[bytes]:
    """Asks for a new password."""
    return _reset_page(request, _content(request, request.query_params))


@post("/-/reset", request_max_body_size=FORM_BYTES, status_code=200)
async def reset(request: AnyRequest) -> Response[bytes]:
    """What the form sends when no script has derived the password before."""
    services = services_of(request)
    form = await _form(request)
    content = _content(request, form)
    password = form.get("password", "")
    if not password or len(password) > _PASSWORD_LENGTH:
        fault = f"A password has 1 to {_PASSWORD_LENGTH} characters."
        return _reset_page(request, content, fault)
    if form.get("again") != password:
        return _reset_page(request, content, "These are two different passwords.")
    now, mailboxes = services.clock.now(), services.mailboxes
    account = await mailboxes.try_reset(content.email, content.code, now)
    passwords = await services.hasher.derive(password)
    login = await mailboxes.reset_password(account, content.code, passwords, now)
    # A page has no use for the login that comes with a new password.
    await services.logins.log_out(login.account.userid, login.token)
    message = "All earlier logins have ended. This page can be closed."
    return response(
        page(pages_of(request), "done.html", title="Your new password is set", message=message)
    )


def _reset_page(request: AnyRequest, content: MailedPage, fault: str = "") -> Response[bytes]:
    shown = MailedPage(email=content.email, code=content.code, is_open=content.is_open, fault=fault)
    status = 400 if fault else 200
    headers = FORM_SCRIPT_PAGE_HEADERS
    return response(page(pages_of(request), "reset.html", status, headers=headers, page=shown))


def _content(request: AnyRequest, given: Mapping[str, str]) -> MailedPage:
    """What a link or a form says. BAD_REQUEST if it cannot have come out of a mail."""
    email, code = given.get("email", ""), given.get("code", "")
    if not 0 < len(email) <= _EMAIL_LENGTH or not _CODE.fullmatch(code):
        raise errors.BAD_REQUEST(_INCOMPLETE)
    public_url = services_of(request).settings.public_url
    return MailedPage(email=email, code=code, is_open=not _is_private(public_url))


async def _form(request: AnyRequest) -> dict[str, str]:
    """The fields of a form of ours, paid for. BAD_FORM, BAD_REQUEST, RATE_LIMITED."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise errors.BAD_REQUEST("Forms of other sites are not taken.")
    services = services_of(request)
    address = client_address(services, request.scope)
    services.budgets.charge_client(address, WEIGHT, services.clock.now())
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


def _is_private(public_url: str) -> bool:
    """Whether only the server can read what a page of this origin sends."""
    url = urlsplit(public_url)
    host = url.hostname or ""
    try:
        return url.scheme == "https" or ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


HANDLERS = (show_verify, verify, show_reset, reset)
