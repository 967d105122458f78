"""Signing in by a link that the operator has made. Opening it only shows a button: what looks at
links beforehand does not use it up.
"""

from __future__ import annotations

from litestar import Response

from shortd import errors
from shortd.accounts.tokens import Proof
from shortd.web import forms
from shortd.web.account.contents import LoginLinkPage
from shortd.web.account.signing_in import open_session
from shortd.web.guard import act, show
from shortd.web.render import page
from shortd.web.routing import AnyRequest, services_of

PATH = "/-/login/link/{link:str}"
TEMPLATE = "account/login_link.html"


@show(PATH)
async def show_link(request: AnyRequest) -> Response[bytes]:
    forms.charge(request, "login")
    services, link = services_of(request), request.path_params["link"]
    if not services.accounts.login_links.is_good(link, services.clock.now()):
        return page(request, TEMPLATE, LoginLinkPage(link=""), status=403)
    return page(request, TEMPLATE, LoginLinkPage(link=link), secret=True)


@act(PATH, status_code=303)
async def use_link(request: AnyRequest) -> Response[bytes]:
    forms.charge(request, "login")
    services, link = services_of(request), request.path_params["link"]
    now = services.clock.now()
    try:
        account = await services.accounts.login_links.take(link, now)
    except errors.ShortdError as refusal:
        if refusal.kind is not errors.WRONG_CODE:
            raise
        return page(request, TEMPLATE, LoginLinkPage(link=""), status=403)
    return await open_session(request, account, Proof(utime=now, how="link"), "")


HANDLERS = (show_link, use_link)
