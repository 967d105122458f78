"""Who has signed in on a page: a cookie holds what the API calls credentials.

It is a login like any other: it expires, is listed and ended, and falls with all others when the
account is taken back. Whoever has made links without signing up has the userid of a temporary
account in it. A cookie must never outlive what it stands for, or survive a sign-in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

import ada_url
import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from litestar.types import HTTPScope
from werkzeug.http import parse_cookie

from shortd import errors
from shortd.accounts.tokens import Login
from shortd.clock import DAY, SECOND
from shortd.hosts import behind, path_of
from shortd.models.accounts import Account, AccountType
from shortd.services import Services
from shortd.settings import Settings
from shortd.web.routing import AnyRequest, services_of

LOGIN = "/-/login"
CONFIRM = "/-/account/confirm"
SECOND_FACTOR = "/-/account/second-factor"
LONGEST = 400 * DAY
"""µs that browsers keep a cookie at most (RFC 6265bis 5.5)."""
BACK = frozenset(
    {
        *("account", "admin", "boxes", "dashboard", "export.csv", "home", "import", "links", "new"),
        *("share", "tags", "teams", "tools", "x"),
    }
)
"""First names of addresses below `/-/` that a sign-in may lead back to. Neither codes, which lead
anywhere, nor files."""

_VALUE = re.compile(r"([A-Za-z0-9]{32})(?:\.([A-Za-z0-9]{32}))?", re.ASCII)
_STATE = "shortd_session"
_NAMED = "shortd_named"


class Session(msgspec.Struct, frozen=True):
    """An account that a browser's cookie opens."""

    account: Account
    token: str | None = None
    """In the clear; None for a temporary account, which has none."""
    proxied: bool = False
    """Whether a proxy says who it is, at every request, and no cookie does."""

    @property
    def temporary(self) -> bool:
        """Whether this browser made it without anybody signing up."""
        return self.account.type is AccountType.TEMPORARY


class SignInFirst(Exception):
    """The page is for who has signed in."""


def current(request: AnyRequest) -> Session | None:
    """Whose request this is; None for nobody's, and for a cookie that opens nothing any more."""
    state = request.scope["state"]
    if _STATE not in state:
        state[_STATE] = _read(request)
    found: Session | None = state[_STATE]
    return found


def needed(request: AnyRequest) -> Session:
    """The same for pages that show what somebody has made. `SignInFirst` if nobody has."""
    found = current(request)
    if found is None:
        raise SignInFirst
    return found


def registered(request: AnyRequest) -> Session:
    """The same for pages of accounts that somebody signed up for. `SignInFirst`."""
    found = needed(request)
    if found.temporary:
        raise SignInFirst
    return found


def become(request: AnyRequest, login: Login) -> None:
    """From here on the request is that of who has just signed in."""
    request.scope["state"][_STATE] = Session(login.account, login.token)


def enter(scope: HTTPScope, account: Account, token: str) -> None:
    """The request is that of whom a proxy in front has named."""
    scope.setdefault("state", {})[_STATE] = Session(account, token, proxied=True)


def name_in_vain(scope: HTTPScope, name: str) -> None:
    """A proxy in front has named somebody whom no account is linked to."""
    scope.setdefault("state", {})[_NAMED] = name


def named(request: AnyRequest) -> str:
    """Whom a proxy has named so; empty for nobody."""
    name: str = request.scope["state"].get(_NAMED, "")
    return name


def start(request: AnyRequest, answer: Response[bytes], login: Login) -> Response[bytes]:
    """The answer, with a cookie for a fresh login in the place of whatever was there."""
    services = services_of(request)
    lifetime = services.settings.limits.token_lifetime(login.account.type)
    return _keep(request, answer, f"{login.account.userid}.{login.token}", lifetime)


def start_temporary(
    request: AnyRequest, answer: Response[bytes], account: Account
) -> Response[bytes]:
    """The same for a temporary account that was just made."""
    lifetime = account.expiration_utime - services_of(request).clock.now()
    return _keep(request, answer, account.userid, lifetime)


def stop(request: AnyRequest, answer: Response[bytes]) -> Response[bytes]:
    """The answer, which takes the cookie away and what the browser kept of pages."""
    if is_secure(services_of(request).settings):
        # Over plain http, browsers refuse it with an error on the console.
        answer.headers["Clear-Site-Data"] = '"cache"'
    return _keep(request, answer, "", 0)


def back_to(request: AnyRequest, address: str, otherwise: str = "/") -> str:
    """Where a sign-in may lead on to: a page of ours, as a browser reads its address."""
    base = services_of(request).settings.pages_url
    try:
        url = ada_url.URL(address, base=base)
    except ValueError:
        return otherwise
    rest = behind(path_of(base), url.pathname.encode())
    path = url.pathname if rest is None else rest.decode()
    first = path.removeprefix("/-/").partition("/")[0]
    is_page = path == "/" or (path.startswith("/-/") and first in BACK)
    is_ours = url.origin == ada_url.URL(base).origin and address.startswith("/")
    return path + url.search if is_page and is_ours else otherwise


def sign_in_address(request: AnyRequest) -> str:
    """Of the sign-in, which leads back to what was asked for."""
    query = request.scope["query_string"].decode("ascii", "replace")
    asked = request.url.path + (f"?{query}" if query else "")
    wanted = back_to(request, asked) if request.method in ("GET", "HEAD") else "/"
    return LOGIN if wanted == "/" else f"{LOGIN}?{urlencode({'next': wanted})}"


def confirm_address(wanted: str) -> str:
    """Of the page where who is signed in proves himself once more, and goes on from there."""
    return f"{CONFIRM}?{urlencode({'next': wanted})}"


def cookie_name(settings: Settings) -> str:
    """Of the cookie that says who it is."""
    return f"{cookie_prefix(settings)}shortd"


def cookie_prefix(settings: Settings) -> str:
    """How names begin of what browsers shall take from a secure origin alone, and for all of it
    from itself. Where pages are below a path, cookies are for that, which rules out the latter."""
    if not is_secure(settings):
        return ""
    return "__Secure-" if path_of(settings.pages_url) else "__Host-"


def is_secure(settings: Settings) -> bool:
    """Whether pages come over https."""
    return settings.pages_url.startswith("https:")


def _read(request: AnyRequest) -> Session | None:
    return opened(services_of(request), request.cookies)


def of_scope(services: Services, scope: HTTPScope) -> Session | None:
    """Whose request this is, before there is a request of Litestar's."""
    entered: Session | None = scope.get("state", {}).get(_STATE)
    if entered is not None:
        return entered
    sent = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return opened(services, parse_cookie(sent.decode("latin-1")))


def opened(services: Services, cookies: Mapping[str, str]) -> Session | None:
    """What the cookies of a browser open."""
    value = _VALUE.fullmatch(cookies.get(cookie_name(services.settings), ""))
    if value is None:
        return None
    userid, token = value.groups()
    try:
        account = services.accounts.logins.authenticate(userid, token, services.clock.now())
    except errors.ShortdError:
        return None
    return Session(account, None if account.type is AccountType.TEMPORARY else token)


def _keep(
    request: AnyRequest, answer: Response[bytes], value: str, lifetime: int
) -> Response[bytes]:
    settings = services_of(request).settings
    answer.set_cookie(
        Cookie(
            cookie_name(settings),
            value=value,
            max_age=max(0, min(lifetime, LONGEST)) // SECOND,
            secure=is_secure(settings),
            httponly=True,
            samesite="lax",
        )
    )
    return answer
