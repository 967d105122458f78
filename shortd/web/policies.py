"""The headers of pages: what a browser may load, run and tell.

Nothing inline and nothing foreign, and what somebody's link text might smuggle in least of all.
Scripts and sheets come from the static folder alone, and never from 'self': anybody's files lie on
this origin, and whoever could write a script element into a page would have sent its script before.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from shortd.hosts.hosts import NO_HOST
from shortd.services import Services
from shortd.web.assets import FOLDER

Pairs = tuple[tuple[str, str], ...]

_NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_PLAIN = f"{_NOTHING}; style-src 'self'; img-src 'self' data:"
_SCRIPTED = "connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
_OPENER = "Cross-Origin-Opener-Policy"
_REST = (
    ("X-Content-Type-Options", "nosniff"),
    (_OPENER, "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_UNTOLD = ("Referrer-Policy", "no-referrer")
_TOLD_HERE = ("Referrer-Policy", "same-origin")
_ORIGIN_TOLD = ("Referrer-Policy", "strict-origin")
"""For pages with a form: with no referrer at all, browsers call its origin "null". Where the page's
own address holds a code from a mail, no more than the origin is told."""

# Host and port that a policy can have (CSP 3, 2.3.1): no IPv6 address is one.
_IN_POLICY = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?", re.ASCII)


def _headers(policy: str, referrer: tuple[str, str] = _UNTOLD) -> Pairs:
    return (("Content-Security-Policy", policy), referrer, *_REST)


SECURITY_HEADERS = _headers(f"{_PLAIN}; form-action 'none'")
"""For pages without scripts and forms."""
FORM_HEADERS = _headers(f"{_PLAIN}; form-action 'self'", _ORIGIN_TOLD)
"""For pages without scripts, with a form."""
LEADING_HEADERS = _headers(f"{_PLAIN}; form-action 'self' http: https:", _TOLD_HERE)
"""For pages whose form leads on to other sites: browsers hold redirects against the policy, too."""


class Origin(msgspec.Struct, frozen=True):
    """Where a browser has a page from, as its policy names it."""

    sources: tuple[str, ...]
    """What `script-src` allows."""
    nonce: str = ""
    """What the scripts of a page carry whose origin no policy can name."""


def script_headers(sources: Sequence[str], *, form: bool = False) -> Pairs:
    """For visitors' pages with a script, which may ask this origin alone and cannot write markup;
    with a `form` that works without its script, too."""
    target = "'self'" if form else "'none'"
    policy = f"{_PLAIN}; script-src {' '.join(sources)}; {_SCRIPTED}; form-action {target}"
    return _headers(policy, _ORIGIN_TOLD if form else _UNTOLD)


def app_headers(origin: Origin) -> Pairs:
    """For the pages of who makes links: scripts, forms, an installable app."""
    styles = "'self'" if origin.nonce else " ".join(origin.sources)
    policy = (
        f"{_NOTHING}; script-src {' '.join(origin.sources)}; style-src {styles};"
        " img-src 'self' data: blob:; manifest-src 'self'; form-action 'self';"
        f" {_SCRIPTED}"
    )
    return _headers(policy, _TOLD_HERE)


def origin_of(services: Services, raw_headers: Iterable[tuple[bytes, bytes]]) -> Origin:
    """Where the browser has the page from that is asked for with these headers.

    That is the short host's base URL. Behind a tunnel it is another one, and behind a proxy that
    does not tell us the name, it is what nobody asked us for: then both may be meant.
    """
    header = dict(raw_headers).get(b"host", b"").decode("latin-1")
    number = services.visits.heads.of(raw_headers).host
    host = services.hosts.default if number == NO_HOST else services.hosts.numbered(number)
    base = host.base_url
    scheme, _, name = base.partition("://")
    name = name.partition("/")[0]
    if not _IN_POLICY.fullmatch(header):
        nonce = secrets.token_urlsafe(16)
        return Origin((f"'nonce-{nonce}'",), nonce)
    known = [f"{scheme}://{name}"] if _IN_POLICY.fullmatch(name) else []
    own = known if header == name else [*known, header]
    return Origin(tuple(f"{one}{host.path}{FOLDER}" for one in own))


def fitting(headers: Pairs, public_url: str) -> Pairs:
    """The headers that browsers take of a page there: over plain http on a name they complain of
    one that only secure pages can have."""
    if not is_open_origin(public_url):
        return headers
    return tuple(pair for pair in headers if pair[0] != _OPENER)


def is_open_origin(url: str) -> bool:
    """Whether others on the way can read what a page of this origin sends: plain http, but to this
    machine. Browsers derive and encrypt nothing there."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        return not (parts.scheme == "https" or ip_address(host).is_loopback)
    except ValueError:
        return host != "localhost"
