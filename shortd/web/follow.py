"""Following a short link: `/<code>`, its preview `/<code>+`, its images `/<code>.svg|png`.

Turns a request into a `Visitor`, asks `Visits`, and renders the decision. It holds no rule of
its own about what a visit gets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from urllib.parse import quote

import ada_url
import msgspec
from litestar.types import HTTPScope
from msgspec import structs

from shortd import errors
from shortd.clock import DAY, SECOND
from shortd.destinations import with_query
from shortd.heads import REFERRER_LIMIT
from shortd.models import Encryption, Link
from shortd.qr import QrOptions, render
from shortd.resolver import Decision, Outcome, Visitor
from shortd.services import Services
from shortd.web.answers import (
    LEADING_PAGE_HEADERS,
    NO_STORE,
    Answer,
    Headers,
    error_answer,
    interstitial,
    page,
)
from shortd.web.pages import Pages, PasswordPage, PreviewFile, PreviewPage

LINK_PATH = re.compile(
    r"/(?P<code>(?!-)[A-Za-z0-9_-]{1,64})(?:(?P<preview>\+)|\.(?P<image>svg|png))?", re.ASCII
)
"""A short link's path, its preview's or its image's: by shape alone."""
UNCOUNTED = b"preview"
"""The query of images that preview pages show: nobody has loaded the link's QR code."""
_IMAGE_TYPES = {"svg": b"image/svg+xml", "png": b"image/png"}
_METHODS = ("GET", "HEAD")


class LinkRequest(msgspec.Struct, frozen=True, gc=False):
    """What of a request decides its answer, besides the path."""

    method: str
    query: bytes
    headers: Iterable[tuple[bytes, bytes]]
    host: int
    """Number of the short host."""
    visitor: Visitor


class Follow:
    """Answers link requests."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._heads = services.heads
        self._visits = services.visits
        self._now = services.clock.now
        self._status = services.settings.links.redirect_status
        self._forward_query = services.settings.links.forward_query

    def answer(self, scope: HTTPScope, path: re.Match[str]) -> Answer:
        """The whole response to a request for a link or its preview, by its `LINK_PATH`. It may
        leave once the click is flushed.
        """
        request = self.request(scope)
        if request.method not in _METHODS:
            return self._refuse_method(request)
        if path["preview"]:
            decision = self._visits.look(request.host, path["code"], request.visitor)
            return self._preview(decision, request)
        decision = self._visits.answer(request.host, path["code"], request.visitor)
        return self.lead_on(decision, request)

    async def image(self, scope: HTTPScope, path: re.Match[str]) -> Answer:
        """The whole response to a request for a link's QR image, as `answer` has it."""
        request = self.request(scope)
        if request.method not in _METHODS:
            return self._refuse_method(request)
        show = self._visits.look if request.query == UNCOUNTED else self._visits.load_qr
        decision = show(request.host, path["code"], request.visitor)
        link = decision.link
        if link is None or not decision.is_alive:
            return self._refusal(_error(decision), request)
        short_url = self._services.links.short_url(link)
        body = await asyncio.get_running_loop().run_in_executor(
            self._services.drawing,
            render,
            short_url,
            QrOptions(format="svg" if path["image"] == "svg" else "png"),
        )
        headers: Headers = [
            (b"content-type", _IMAGE_TYPES[path["image"]]),
            (b"x-content-type-options", b"nosniff"),
            NO_STORE,
        ]
        return Answer(200, headers, body)

    def request(
        self, scope: HTTPScope, *, query: bytes | None = None, referrer: str | None = None
    ) -> LinkRequest:
        """What a request says of a visit; `query` and `referrer`, where given, are those of the
        link's own address, of which another one has taken over.
        """
        method = scope["method"]
        if query is None:
            query = scope["query_string"]
        head = self._heads.of(scope["headers"])
        forwards = self._forward_query and query not in (b"", b"qr")
        if referrer is not None:
            head = structs.replace(head, referrer=referrer[:REFERRER_LIMIT])
        client = scope["client"]
        visitor = self._heads.visitor(
            head,
            client[0] if client else "",
            self._now(),
            is_get=method == "GET",
            is_qr=query == b"qr",
            query=query.decode("latin-1") if forwards else "",
        )
        return LinkRequest(method, query, scope["headers"], head.host, visitor)

    def lead_on(self, decision: Decision, request: LinkRequest) -> Answer:
        """The answer to a visit that was decided and applied."""
        if decision.outcome is Outcome.REDIRECT:
            location = decision.location
            if request.visitor.query:
                location = with_query(location, request.query)
            return Answer(self._status, [(b"location", location.encode("ascii")), NO_STORE])
        if decision.page is not None:
            return interstitial(decision.page)
        if decision.outcome is Outcome.FILE:
            location = self._file_location(decision, request)
            return Answer(302, [(b"location", location.encode("ascii")), NO_STORE])
        if decision.outcome is Outcome.PROTECTED and decision.link is not None:
            return self.ask(decision.link, request)
        return self._preview(decision, request)

    def ask(self, link: Link, request: LinkRequest, *, is_wrong: bool = False) -> Answer:
        """The page that asks for a link's password; `is_wrong` if the last one was not it."""
        visitor = request.visitor
        content = PasswordPage(
            short_url=self._services.links.short_url(link),
            code=link.code,
            query="qr" if visitor.is_qr else visitor.query,
            referrer=visitor.referrer,
            is_wrong=is_wrong,
        )
        status = errors.WRONG_PASSWORD.status if is_wrong else 200
        return page(
            self._pages, "password.html", status, headers=LEADING_PAGE_HEADERS, page=content
        )

    def _file_location(self, decision: Decision, request: LinkRequest) -> str:
        """A signed download address, or the page that unlocks the file."""
        link, file = decision.link, decision.file
        assert link is not None and file is not None, "the outcome says so"
        if file.encryption is Encryption.NONE:
            now = self._now()
            return self._services.unlocking.address(link.filekey, file, now).path
        short_url = quote(self._services.links.short_url(link), safe="")
        return f"/-/unlock?shorturl={short_url}&signature={file.signature}"

    def _preview(self, decision: Decision, request: LinkRequest) -> Answer:
        link = decision.link
        if link is None or not decision.is_alive:
            return self._refusal(_error(decision), request)
        shown = decision.outcome is Outcome.REDIRECT
        content = PreviewPage(
            short_url=self._services.links.short_url(link),
            destination=decision.location if shown else None,
            host=ada_url.URL(decision.location).host if shown else "",
            created=link.utime,
            qr_path=f"/{link.code}.svg?{UNCOUNTED.decode()}",
            file=_preview_file(decision),
            protected=decision.outcome is Outcome.PROTECTED,
        )
        return page(self._pages, "preview.html", page=content)

    def _refuse_method(self, request: LinkRequest) -> Answer:
        refusal = self._refusal(errors.METHOD_NOT_ALLOWED(), request)
        refusal.headers.append((b"allow", b"GET, HEAD"))
        return refusal

    def _refusal(self, error: errors.ShortdError, request: LinkRequest) -> Answer:
        accept = dict(request.headers).get(b"accept", b"").decode("latin-1")
        return error_answer(self._pages, error, accept)


def client_address(services: Services, scope: HTTPScope) -> str:
    """The client's address, as far as it can be believed."""
    client = scope["client"]
    return services.proxies.of_headers(client[0] if client else "", scope["headers"])


def _preview_file(decision: Decision) -> PreviewFile | None:
    file = decision.file
    if file is None or decision.outcome in (Outcome.PROTECTED, Outcome.REDIRECT):
        return None
    if file.encryption is not Encryption.NONE:
        return PreviewFile(encrypted=True)
    if decision.outcome is not Outcome.FILE:
        return PreviewFile(encrypted=False)
    return PreviewFile(encrypted=False, name=file.filename, size=file.filesize, type=file.filetype)


def _error(decision: Decision) -> errors.ShortdError:
    if decision.outcome is Outcome.EXPIRED:
        return errors.LINK_EXPIRED()
    if decision.outcome is Outcome.LIMITED and decision.owner is not None:
        rate = decision.owner.limit.refill_rate
        # A budget that is spent once: the same day that calls are told to wait.
        wait = decision.weight / rate if rate else DAY / SECOND
        return errors.LINK_LIMITED(retry_after=wait)
    return errors.LINK_NOT_FOUND()
