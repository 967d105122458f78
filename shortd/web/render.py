"""Pages, and parts of pages, from templates: in the reader's language, escaped, under headers that
forbid whatever a page of ours never needs.

A template is given one Struct, `page`, and what stands in `frame`; a name that it lacks is an error
rather than a blank. A request that names a part in `Shortd-Part` gets that part alone, which the
template has as the block `part_NAME`; of a part that it has not, the whole page.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import Iterator

import msgspec
from litestar import Response
from werkzeug.http import parse_accept_header

from shortd.accounts.preferences import PLAIN
from shortd.clock import SECOND
from shortd.languages import Language
from shortd.web import messages, policies, session
from shortd.web.answers import page as answer_page
from shortd.web.answers import page_headers
from shortd.web.messages import Message
from shortd.web.navigation import navigation_of
from shortd.web.pages import Pages
from shortd.web.readers import Reader
from shortd.web.routing import AnyRequest, home_of, response, services_of

PART_HEADER = "shortd-part"
PACKED_FROM = 1000
"""Bytes of a page that are worth packing."""
PACK_LEVEL = 3
"""Of gzip: a list of links takes 0.35 ms and 9.9 kB; with the usual 6 it is 1.3 ms and 9.6 kB."""

STRETCH_SECONDS = 0.0005
"""How long a page is made before others have their turn. A redirect that comes meanwhile waits for
two of them: its answer leaves one turn after it was read."""

_PART = re.compile(r"[a-z][a-z0-9-]{0,40}", re.ASCII)


class Viewer(msgspec.Struct, frozen=True):
    """Who has signed in, as the frame of a page shows it."""

    name: str
    left: int
    """Milliseconds until the login ends."""
    is_operator: bool = False

    @property
    def initial(self) -> str:
        return self.name[:1].upper()


def page(
    request: AnyRequest,
    template: str,
    content: object = None,
    *,
    status: int = 200,
    secret: bool = False,
    message: Message | None = None,
) -> Response[bytes]:
    """A page for who makes links, or the part of it that the request names.

    `content` is the template's `page`. One that shows a `secret` is not packed, since its length
    would then tell of it. `message`, or what the request before has left, is said once.
    """
    shown = _Shown(request, template, content, message)
    part = shown.part()
    return shown.answer(shown.whole() if part is None else part, status, secret)


async def long_page(request: AnyRequest, template: str, content: object) -> Response[bytes]:
    """The same for a page that takes long to make: others have their turns in between."""
    shown = _Shown(request, template, content, None)
    part = shown.part()
    body = await _by_turns(shown.pieces()) if part is None else part
    return shown.answer(body, 200, False)


async def _by_turns(pieces: Iterator[str]) -> str:
    made = []
    # What it shows has taken a turn already.
    await asyncio.sleep(0)
    since = time.perf_counter()
    for piece in pieces:
        made.append(piece)
        if time.perf_counter() - since > STRETCH_SECONDS:
            await asyncio.sleep(0)
            since = time.perf_counter()
    return "".join(made)


class _Shown:
    """A page, or a part of it, for who asks."""

    def __init__(
        self, request: AnyRequest, template: str, content: object, message: Message | None
    ) -> None:
        self._request = request
        self._template = template
        self._pages = pages_of(request)
        self._reader = reader_of(request)
        self._origin = policies.origin_of(services_of(request), request.scope["headers"])
        self._left = messages.read(request.cookies.get(messages.COOKIE, ""))
        self._context: dict[str, object] = {
            "page": content,
            "viewer": viewer_of(request),
            "message": message or self._left,
            "path": request.url.path,
            "nonce": self._origin.nonce,
            "home": home_of(services_of(request)),
            "entries": navigation_of(request).for_accounts(),
        }

    def whole(self) -> str:
        return self._pages.render(self._template, self._reader, **self._context)

    def pieces(self) -> Iterator[str]:
        return self._pages.pieces(self._template, self._reader, **self._context)

    def part(self) -> str | None:
        """The part that the request names; None if it names none that there is."""
        asked = self._request.headers.get(PART_HEADER, "")
        if not _PART.fullmatch(asked):
            return None
        body = self._pages.part(self._template, asked, self._reader, **self._context)
        if body is None:
            return None
        return body + self._pages.render("parts/_said.html", self._reader, **self._context)

    def answer(self, body: str, status: int, secret: bool) -> Response[bytes]:
        pages_url = services_of(self._request).settings.pages_url
        headers = {
            **dict(policies.fitting(policies.app_headers(self._origin), pages_url)),
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Vary": "Accept-Language, Cookie, Shortd-Part",
        }
        sent = body.encode()
        if len(sent) >= PACKED_FROM and not secret and takes_gzip(self._request):
            sent = gzip.compress(sent, PACK_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] += ", Accept-Encoding"
        answer = Response(sent, status_code=status, headers=headers)
        if self._left is not None:
            answer.delete_cookie(messages.COOKIE)
        return answer


def visitor_page(
    request: AnyRequest,
    template: str,
    status: int = 200,
    *,
    form: bool = False,
    script: str = "",
    **context: object,
) -> Response[bytes]:
    """A page for a visitor, with the one script that it may run, or with a form, or with both."""
    nonce, headers = "", policies.FORM_HEADERS if form else policies.SECURITY_HEADERS
    if script:
        origin = policies.origin_of(services_of(request), request.scope["headers"])
        nonce, headers = origin.nonce, policies.script_headers(origin.sources, form=form)
    pages, reader = pages_of(request), reader_of(request)
    public_url = services_of(request).settings.public_url
    sent = page_headers(policies.fitting(headers, public_url))
    given = {"scripts": (script,) if script else (), "nonce": nonce, **context}
    return response(answer_page(pages, template, reader, status, headers=sent, **given))


def see(request: AnyRequest, address: str, message: Message | str | None = None) -> Response[bytes]:
    """303: what was asked for is done, and is to be seen at `address`, a path of ours."""
    answer = Response(
        b"", status_code=303, headers={"Location": address, "Cache-Control": "no-store"}
    )
    if message is not None:
        said = Message(message) if isinstance(message, str) else message
        answer.set_cookie(
            messages.COOKIE,
            messages.written(said),
            max_age=messages.SECONDS,
            httponly=True,
            samesite="lax",
            secure=services_of(request).settings.pages_url.startswith("https:"),
        )
    return answer


def pages_of(request: AnyRequest) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


def reader_of(request: AnyRequest) -> Reader:
    """How the page is to look for who asks."""
    services, found = services_of(request), session.current(request)
    chosen = PLAIN if found is None else services.accounts.preferences.of(found.account)
    head = services.visits.heads.of(request.scope["headers"])
    return pages_of(request).readers.of(head, chosen)


def language_of(request: AnyRequest) -> Language:
    """What `gettext` and `ngettext` are to be asked for the words of a handler."""
    return reader_of(request).language


def viewer_of(request: AnyRequest) -> Viewer | None:
    """Who has signed in; None for nobody, and for who has only made links without an account."""
    found = session.current(request)
    if found is None or found.token is None:
        return None
    services, account = services_of(request), found.account
    ends = services.accounts.logins.ends(account.userid, found.token)
    left = max(0, ends - services.clock.now()) * 1000 // SECOND
    return Viewer(account.username or account.email, left, account.operator)


def takes_gzip(request: AnyRequest) -> bool:
    """Whether a body may be sent packed (RFC 9110 12.5.3)."""
    return parse_accept_header(request.headers.get("accept-encoding", ""))["gzip"] > 0
