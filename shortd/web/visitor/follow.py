"""Following a short link: `/<code>`, its preview `/<code>+`, its images `/<code>.svg|png`.

Turns a request into a `Visitor`, asks `Visits`, and renders the decision. It holds no rule of
its own about what a visit gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import quote

import ada_url
import msgspec
from litestar.types import HTTPScope
from msgspec import structs

from shortd import errors
from shortd.hosts.destinations import without_mark
from shortd.link_codes import escaped
from shortd.links.addresses import Named
from shortd.links.finding import asked_for
from shortd.links.qr import QrOptions
from shortd.models.files import Encryption
from shortd.models.hosts import Place
from shortd.models.links import Forwarding, Link
from shortd.services import Services
from shortd.visits.decisions import Decision, Outcome, Visitor, refusal_of
from shortd.visits.request_heads import REFERRER_LIMIT
from shortd.web.answers import (
    LEADING_PAGE_HEADERS,
    NO_INDEX,
    NO_STORE,
    PAGE_HEADERS,
    Answer,
    Headers,
    asks_for_json,
    error_answer,
    interstitial,
    page,
)
from shortd.web.pages import Pages
from shortd.web.ranges import goes_on
from shortd.web.readers import Reader
from shortd.web.visitor.box import box_page
from shortd.web.visitor.contents import PasswordPage, PreviewFile, PreviewPage
from shortd.web.visitor.report_address import report_address

OPENING_PATH = "/-/open"
"""Where passwords of links are named."""
UNCOUNTED = b"preview"
"""The query of images that preview pages show: nobody has loaded the link's QR code."""
_IMAGE_TYPES = {"svg": b"image/svg+xml", "png": b"image/png"}
_METHODS = ("GET", "HEAD")
_PLACES: dict[Outcome, Place] = {Outcome.NOT_FOUND: "unknown", Outcome.EXPIRED: "ended"}


class LinkRequest(msgspec.Struct, frozen=True, gc=False):
    """What of a request decides its answer, besides the path."""

    method: str
    query: bytes
    headers: Iterable[tuple[bytes, bytes]]
    host: int
    """Number of the short host."""
    reader: Reader | None
    """Who reads what is no redirect; None for a program."""
    visitor: Visitor
    payer: str
    """The address that a miss is charged to; empty if nobody's."""
    range: str
    """What of a file is asked for, if not all of it, as the Range header says it."""


class Follow:
    """Answers link requests."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._heads = services.visits.heads
        self._sends_to = services.hosts.sends_to
        self._visits = services.visits.visits
        self._lookups = services.limits.lookups
        self._continuations = services.sharing.continuations
        self._now = services.clock.now
        self._status = services.settings.links.redirect_status

    def named(self, scope: HTTPScope, text: str) -> Named | None:
        """What is asked for of a link that is there, wide codes included, by what stands behind the
        path's slash, unescaped; None if none is meant.
        """
        host = self._heads.of(scope["headers"]).host
        return asked_for(self._services.store, self._services.hosts, host, text)

    def missed(self, scope: HTTPScope) -> None:
        """Charges who asks for what is not there: it may have been a link. RATE_LIMITED."""
        request = self.request(scope)
        if request.method in _METHODS:
            if refusal := self._lookups.refusal(request.payer, request.visitor.utime):
                raise refusal
            self._lookups.missed(request.payer, request.visitor.utime)

    def answer(self, scope: HTTPScope, named: Named) -> Answer:
        """The whole response to a request for a link or its preview. It may leave once the click is
        flushed. RATE_LIMITED.
        """
        request = self.request(scope)
        if request.method not in _METHODS:
            return self._refuse_method(request)
        visit = partial(self._visit, request)
        decision = self.look_up(self._visits.look if named.preview else visit, named.code, request)
        if named.preview:
            return self._preview(decision, request)
        return self.lead_on(decision, request)

    def root(self, scope: HTTPScope) -> Answer | None:
        """The answer to who asks for a host alone; None where our own page stands there."""
        location = self._sends_to(self._heads.of(scope["headers"]).host, "root")
        return Answer(302, [_location(location), NO_STORE]) if location else None

    async def image(self, scope: HTTPScope, named: Named) -> Answer:
        """The whole response to a request for a link's QR image, as `answer` has it."""
        request = self.request(scope)
        if request.method not in _METHODS:
            return self._refuse_method(request)
        show = self._visits.look if request.query == UNCOUNTED else self._visits.load_qr
        decision = self.look_up(show, named.code, request)
        link = decision.link
        if link is None or not decision.is_alive:
            return self._refusal(refusal_of(decision), request)
        short_url = self._services.hosts.short_url(link)
        looks = QrOptions(format="svg" if named.image == "svg" else "png")
        body = await self._services.links.drawing.image(short_url, looks)
        headers: Headers = [
            (b"content-type", _IMAGE_TYPES[named.image]),
            (b"x-content-type-options", b"nosniff"),
            NO_STORE,
            NO_INDEX,
        ]
        return Answer(200, headers, body)

    def _visit(self, request: LinkRequest, host: int, code: str, visitor: Visitor) -> Decision:
        """A visit decided and applied; or a download that goes on, which is none."""
        if request.range and request.method == "GET":
            is_rest = partial(goes_on, request.range)
            rest = self._continuations.of((host, code), visitor, is_rest)
            if rest is not None:
                return rest
        return self._visits.answer(host, code, visitor)

    def look_up(
        self, show: Callable[[int, str, Visitor], Decision], code: str, request: LinkRequest
    ) -> Decision:
        """What `show`, a method of `Visits`, decides of a code. RATE_LIMITED, without a look, for
        who has named too many that are not there.
        """
        visitor = request.visitor
        if refusal := self._lookups.refusal(request.payer, visitor.utime):
            raise refusal
        decision = show(request.host, code, visitor)
        if decision.outcome is Outcome.NOT_FOUND:
            self._lookups.missed(request.payer, visitor.utime)
        return decision

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
        is_qr, rest = without_mark(query) if query else (False, b"")
        if referrer is not None:
            head = structs.replace(head, referrer=referrer[:REFERRER_LIMIT])
        peer = scope["client"][0] if scope["client"] else ""
        is_get = method == "GET"
        visitor = self._heads.visitor(
            head,
            peer,
            self._now(),
            is_get=is_get,
            is_qr=is_qr,
            query=rest.decode("latin-1"),
        )
        payer = self._heads.who_pays(head, peer, visitor.address, is_head=method == "HEAD")
        reader = self._pages.reader(head)
        return LinkRequest(
            method, query, scope["headers"], head.host, reader, visitor, payer, head.range
        )

    def lead_on(self, decision: Decision, request: LinkRequest) -> Answer:
        """The answer to a visit that was decided and applied."""
        if decision.outcome is Outcome.REDIRECT:
            return self._redirect(self._status, decision.location, decision.link)
        if decision.page is not None:
            return interstitial(decision.page, is_listed=self._visits.is_listed(decision.link))
        if decision.outcome is Outcome.FILE:
            location = self._file_location(decision, request)
            return self._redirect(302, location, decision.link)
        if decision.outcome is Outcome.BOX and decision.link is not None:
            return self.show_box(decision.link, request)
        if decision.outcome is Outcome.PROTECTED and decision.link is not None:
            return self.ask(decision.link, request)
        return self._preview(decision, request)

    def ask(self, link: Link, request: LinkRequest, *, is_wrong: bool = False) -> Answer:
        """The page that asks for a link's password; `is_wrong` if the last one was not it. Of a
        box, programs that ask for JSON are told so in JSON, and in `Location` where it is named:
        what of an address is the code, and what the path of the host, is no program's to guess.
        """
        if link.box and asks_for_json(request.headers):
            refusal = self._refusal(errors.LINK_PROTECTED(), request)
            refusal.headers.append((b"location", OPENING_PATH.encode()))
            return refusal
        visitor = request.visitor
        forwarded = ""
        # What a link's plugins lead by.
        if link.plugins or self._visits.forwarding_of(link) is not Forwarding.NO:
            forwarded = visitor.query
        content = PasswordPage(
            short_url=self._services.hosts.short_url(link),
            code=link.code,
            query="&".join(filter(None, ("qr" if visitor.is_qr else "", forwarded))),
            referrer=visitor.referrer,
            is_wrong=is_wrong,
            report=report_address(self._services, link),
        )
        status = errors.WRONG_PASSWORD.status if is_wrong else 200
        headers = [*LEADING_PAGE_HEADERS, NO_INDEX]
        template = "visitor/password.html"
        return page(self._pages, template, request.reader, status, headers=headers, page=content)

    def show_box(
        self,
        link: Link,
        request: LinkRequest,
        *,
        sent: int = 0,
        refusal: errors.ShortdError | None = None,
        typed: str = "",
    ) -> Answer:
        """The page on which files are sent to a box's owner, to who may see it; after `sent` files
        came, or with what was refused."""
        return box_page(
            self._services,
            self._pages,
            link,
            request.reader,
            request.headers,
            now=request.visitor.utime,
            sent=sent,
            refusal=refusal,
            typed=typed,
        )

    def _redirect(self, status: int, location: str, link: Link | None) -> Answer:
        headers: Headers = [_location(location), NO_STORE]
        if not self._visits.is_listed(link):
            headers.append(NO_INDEX)
        return Answer(status, headers)

    def _file_location(self, decision: Decision, request: LinkRequest) -> str:
        """A signed download address, or the page that unlocks the file."""
        link, file = decision.link, decision.file
        assert link is not None and file is not None, "the outcome says so"
        if file.encryption is Encryption.NONE:
            for_head = request.method == "HEAD"
            addresses = self._services.sharing.addresses
            return addresses.of(link, file, self._now(), for_head=for_head).path
        short_url = quote(self._services.hosts.short_url(link), safe="")
        return f"/-/unlock?shorturl={short_url}&signature={file.signature}"

    def _preview(self, decision: Decision, request: LinkRequest) -> Answer:
        link = decision.link
        if link is None or not decision.is_alive:
            return self._turned_away(decision, request)
        shown = decision.outcome is Outcome.REDIRECT
        content = PreviewPage(
            short_url=self._services.hosts.short_url(link),
            destination=decision.location if shown else None,
            host=ada_url.URL(decision.location).host if shown else "",
            created=link.utime,
            ending=escaped(link.code),
            qr_path=f"/{escaped(link.code)}.svg?{UNCOUNTED.decode()}",
            file=_preview_file(decision),
            protected=decision.outcome is Outcome.PROTECTED,
            is_box=decision.outcome is Outcome.BOX,
            report=report_address(self._services, link),
        )
        headers = [*PAGE_HEADERS, NO_INDEX]
        template = "visitor/preview.html"
        return page(self._pages, template, request.reader, headers=headers, page=content)

    def _turned_away(self, decision: Decision, request: LinkRequest) -> Answer:
        """What is left for who gets nothing at a code: where its host sends him, whatever he is,
        or a refusal."""
        place = _PLACES.get(decision.outcome)
        location = self._sends_to(request.host, place) if place else ""
        if location:
            return sent_away(location)
        return self._refusal(refusal_of(decision), request)

    def _refuse_method(self, request: LinkRequest) -> Answer:
        refusal = self._refusal(errors.METHOD_NOT_ALLOWED(), request)
        refusal.headers.append((b"allow", b"GET, HEAD"))
        return refusal

    def _refusal(self, error: errors.ShortdError, request: LinkRequest) -> Answer:
        return link_refusal(self._pages, error, request.reader)


def sent_away(location: str) -> Answer:
    """The answer to a visit in the place of a refusal, as both lanes send it."""
    return Answer(302, [_location(location), NO_STORE, NO_INDEX])


def link_refusal(pages: Pages, error: errors.ShortdError, reader: Reader | None) -> Answer:
    """A refusal of a visit, as both lanes send it."""
    answer = error_answer(pages, error, reader)
    answer.headers.append(NO_INDEX)
    return answer


def _location(location: str) -> tuple[bytes, bytes]:
    return b"location", location.encode("ascii")


def _preview_file(decision: Decision) -> PreviewFile | None:
    file = decision.file
    if file is None or decision.outcome in (Outcome.PROTECTED, Outcome.REDIRECT):
        return None
    if file.encryption is not Encryption.NONE:
        return PreviewFile(encrypted=True)
    if decision.outcome is not Outcome.FILE:
        return PreviewFile(encrypted=False)
    return PreviewFile(
        encrypted=False,
        name=file.filename,
        size=file.filesize,
        type=file.filetype,
        entries=file.entries,
    )
