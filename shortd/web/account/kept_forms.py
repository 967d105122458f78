"""What somebody has typed while the login ended: signing in again must not cost him the text.

The form that needed an account comes back with the form for signing in, in a field of it, and once
that has succeeded it is shown to be sent once more. Passwords are not kept, nor are files.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from shortd.web import session
from shortd.web.account.contents import KEPT_ADDRESS, KEPT_BYTES, Kept, SignPage
from shortd.web.account.signing_in import asked_of_passkeys, issuer_buttons
from shortd.web.forms import SECRET, filled
from shortd.web.navigation import navigation_of
from shortd.web.policies import is_open_origin
from shortd.web.render import page, see
from shortd.web.routing import AnyRequest, services_of

_FORM = "application/x-www-form-urlencoded"


class SignInAgain(Response[bytes]):
    """The answer to a form that needs an account: the sign-in, with the form in it if it is one
    that can be kept."""

    def __init__(self, request: AnyRequest) -> None:
        super().__init__(b"")
        self._request = request

    def to_asgi_response(self, *args: Any, **more: Any) -> ASGIResponse:
        return _Later(self._request)


class _Later(ASGIResponse):
    """Litestar's handlers of exceptions cannot wait, and the form has to be read."""

    def __init__(self, request: AnyRequest) -> None:
        super().__init__()
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = await _answer(self._request)
        await made.to_asgi_response(None, self._request)(scope, receive, send)


async def _answer(request: AnyRequest) -> Response[bytes]:
    kept = await _sent(request)
    if kept is None:
        return see(request, session.sign_in_address(request))
    services = services_of(request)
    content = SignPage(
        form=filled(),
        is_open=is_open_origin(services.settings.pages_url),
        takes_signups=False,
        takes_passwords=services.settings.auth.password,
        issuers=issuer_buttons(services),
        offers=navigation_of(request).offers,
        kept=kept,
        passkey=asked_of_passkeys(request),
    )
    return page(request, "account/login.html", content, status=403)


async def _sent(request: AnyRequest) -> Kept | None:
    """The form that came, if it can be kept."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "")
    reads_pages = "text/html" in request.headers.get("accept", "")
    if request.method != "POST" or kind != _FORM or not length.isdecimal() or not reads_pages:
        return None
    if int(length) > KEPT_BYTES or not session.back_to(request, request.url.path, ""):
        return None
    query = request.scope["query_string"].decode("ascii", "replace")
    action = request.url.path + (f"?{query}" if query else "")
    try:
        given = Kept(action, (await request.body()).decode()).fields
    except (HTTPException, ValueError):
        return None
    body = urlencode([(name, value) for name, value in given if not name.startswith(SECRET)])
    return Kept(action, body) if len(action) <= KEPT_ADDRESS and len(body) <= KEPT_BYTES else None
