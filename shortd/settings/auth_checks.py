"""Which ways of signing in can be meant together: nobody may be locked out by a slip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec

from shortd.settings.dotted import dotted
from shortd.settings.settings import AuthSettings

_ISSUER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
"""It stands in the callback address, and variables know no capitals."""


def auth_problems(auth: AuthSettings) -> Iterator[tuple[str, str]]:
    """Dotted names of settings, and what is wrong with each beside the others."""
    issuers = auth.oidc.issuers
    for name in issuers:
        if not _ISSUER_NAME.fullmatch(name):
            yield (
                dotted("auth.oidc", name),
                "is no name for an issuer: it has 1 to 32 of a-z, 0-9, _ and -, and begins with a"
                " letter or digit",
            )
    if issuers and not (find_spec("authlib") and find_spec("joserfc")):
        yield "auth.oidc", 'needs an extra: install "shortd[oidc]", or take the tables out'
    if auth.auto and auth.auto not in issuers:
        yield "auth.auto", "names no issuer; expected the NAME of an [auth.oidc.NAME]"
    if auth.proxy.peers and not auth.proxy.header:
        yield "auth.proxy.header", "is empty, so nobody is named; expected one such as Remote-User"
    if auth.proxy.create and not auth.proxy.email:
        yield "auth.proxy.email", "is empty, and nobody gets an account without an address"
