"""What a form may come from, and on which host pages stand: the one place that decides.

A browser says where a request comes from, and nothing that runs on another site can make it say
otherwise. So no form carries a secret, and nobody who only looks gets a cookie. Our own origin is
that of the settings: the header Host says what the client pleases. Whatever changes something must
come in by `act`.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from litestar import Response, route
from litestar.enums import HttpMethod

from shortd import errors
from shortd.hosts import PAGES_HOST
from shortd.web import session
from shortd.web.answers import NO_STORE, Answer
from shortd.web.routing import AnyRequest, home_of, response, services_of

FORM_BYTES = 64 << 10
"""Of a body, unless its handler asks for more."""
_SAFE = ("GET", "HEAD")
_BEFORE_ALL = (session.SECOND_FACTOR, session.CONFIRM, session.LOGIN, "/-/logout", "/-/look")
"""Addresses for who still has to set up a second factor."""


def check(request: AnyRequest) -> None:
    """FOREIGN_FORM unless a page of ours has sent this, NOT_FOUND where no pages stand;
    SECOND_FACTOR_REQUIRED.

    `Sec-Fetch-Site` decides where browsers send it, on https and on this machine; else `Origin`;
    for a GET over plain http, which comes with neither, the origin of `Referer`.
    """
    if not is_at_home(request):
        raise errors.NOT_FOUND()
    own = own_origin(request)
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_ours = site == "same-origin" and (origin is None or _is_here(request, origin, own))
    elif origin is not None:
        is_ours = origin == own
    elif request.method in _SAFE:
        is_ours = _origin_of(request.headers.get("referer", "")) == own
    else:
        is_ours = False
    if not is_ours:
        raise errors.FOREIGN_FORM()
    _demand_second_factor(request)


def check_secret(request: AnyRequest) -> None:
    """The same for what carries a secret of its own, such as the code from a mail: programs, which
    send neither header, may send it from anywhere, and pages from the host they stand on."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_ours = site in (None, "none", "same-origin")
    if origin is not None and is_ours:
        is_ours = _is_here(request, origin, own_origin(request))
    if not is_ours:
        raise errors.FOREIGN_FORM()


def at_home(request: AnyRequest) -> Response[bytes] | None:
    """Sends who asks for a page on another of our hosts to the one where pages stand.

    A name that is none of ours is let through: many a proxy passes the one that it knows us by.
    """
    if is_at_home(request):
        _demand_second_factor(request)
        return None
    query = request.scope["query_string"].decode("latin-1")
    path = (request.scope.get("raw_path") or b"/").decode("latin-1").partition("?")[0]
    if path == "/":
        path = home_of(services_of(request))
    address = services_of(request).hosts.pages.base_url + path + (f"?{query}" if query else "")
    return response(Answer(307, [(b"location", address.encode("latin-1")), NO_STORE]))


def is_at_home(request: AnyRequest) -> bool:
    """Whether this host is the one where pages stand."""
    services = services_of(request)
    number = services.visits.heads.of(request.scope["headers"]).host
    return number == services.hosts.pages.number


def only_elsewhere(request: AnyRequest) -> None:
    """NOT_FOUND on an origin that is the pages' alone: what others have sent or made has no place
    there."""
    pages = services_of(request).hosts.pages
    if pages.number == PAGES_HOST and is_at_home(request):
        raise errors.NOT_FOUND()


def own_origin(request: AnyRequest) -> str:
    """The origin of our pages, as browsers spell it."""
    return _origin_of(services_of(request).hosts.pages.base_url)


def _demand_second_factor(request: AnyRequest) -> None:
    """SECOND_FACTOR_REQUIRED for who has to set one up before he does anything else here."""
    factors = services_of(request).accounts.factors
    if not factors.are_demanded or request.url.path.startswith(_BEFORE_ALL):
        return
    found = session.current(request)
    if found is not None:
        factors.demand(found.account, found.token)


def _is_here(request: AnyRequest, origin: str, own: str) -> bool:
    """Whether an origin is ours, or that of the name that the request was sent to: a tunnel has
    one of its own."""
    host = request.headers.get("host", "")
    return origin in (own, *(f"{scheme}://{host}" for scheme in ("http", "https") if host))


def _origin_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


show = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD], before_request=at_home)
"""The decorator of a page's address."""
act = partial(
    route,
    http_method=[HttpMethod.POST],
    before_request=check,
    request_max_body_size=FORM_BYTES,
)
"""The decorator of an address that a form of ours is sent to."""
