"""Sign-ins on another's word that came to nothing: said to who wanted in, and in the log."""

from __future__ import annotations

import secrets

from litestar import Response

from shortd.issuers import Fault
from shortd.security.summed_log import SIGN_IN_FAILED
from shortd.web.account.contents import FaultPage
from shortd.web.account.signing_in import is_in
from shortd.web.render import language_of, page
from shortd.web.routing import AnyRequest, client_address, services_of


def sign_in_failed(
    request: AnyRequest,
    fault: Fault,
    name: str,
    label: str,
    *,
    begins: str,
    wanted: str = "",
    callback: str = "",
) -> Response[bytes]:
    """The page that says what failed and what to change, as the log does under the same id.

    `name` is for the log, `label` for people; `begins` is where it can be tried again.
    """
    services, words = services_of(request), language_of(request).gettext
    case = secrets.token_hex(4)
    services.security.log.note(
        SIGN_IN_FAILED,
        client_address(services, request.scope),
        issuer=name,
        fault=fault.kind.name,
        detail=fault.detail,
        id=case,
    )
    content = FaultPage(
        said=fault.kind.said.said(words),
        change=fault.kind.change.said(words),
        detail=fault.detail,
        id=case,
        begins=begins,
        label=label,
        callback=callback,
        next=wanted,
        is_in=is_in(request),
    )
    return page(request, "account/sign_in_failed.html", content, status=fault.kind.status)
