"""Calls of the API that scripts of our pages make: the session's cookie stands for credentials.

A script cannot read the cookie, and need not. That a page of ours makes the call, and nobody else's
with somebody's cookie, takes two things that no foreign page has: a header, which it may not send
here, and our origin (`guard`). A call without the header must never be anybody's by a cookie.
"""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.web import guard, session
from shortd.web.render import language_of
from shortd.web.routing import AnyRequest

HEADER = b"shortd-page"
"""Its value is 1."""


def words(request: AnyRequest) -> errors.Words:
    """The language in which a refusal is told: English, unless a page of ours is to show it."""
    return language_of(request).gettext if _is_pages(request) else str


def credentials(request: AnyRequest) -> dict[str, msgspec.Raw] | None:
    """What the call has to be given for its account; None if no page of ours says that it makes it.

    FOREIGN_FORM for what only says so, BAD_CREDENTIALS where nobody has signed in.
    """
    if not _is_pages(request):
        return None
    guard.check(request)
    found = session.current(request)
    if found is None:
        raise errors.BAD_CREDENTIALS()
    given = {"userid": found.account.userid}
    if found.token is not None:
        given["token"] = found.token
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in given.items()}


def _is_pages(request: AnyRequest) -> bool:
    """Whether it says that a page of ours makes it."""
    return request.headers.get(HEADER.decode()) == "1"
