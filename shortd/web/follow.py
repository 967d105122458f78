"""Following a short link: `/<code>`, its preview `/<code>+`, its images `/<code>.svg|png`.

Turns a request into a `Visitor`, asks `Visits`, and renders the decision. It holds no rule of
its own about what a visit gets.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

import ada_url
import msgspec
from litestar.types import HTTPScope

from shortd import errors
from shortd.clock import DAY, SECOND
from shortd.destinations import with_query
from shortd.models import Encryption, Link
from shortd.qr import QrOptions, render
from shortd.resolver import Decision, Outcome, Visitor
from shortd.services import Services
from shortd.web.answers import NO_STORE, Answer, Headers, error_answer, interstitial, page
from shortd.web.pages import Pages, PreviewFile, PreviewPage

_PATH = re.compile(r"/(?P<code>(?!-)[A-Za-z0-9_-]{1,64})(?P<suffix>\+|\.svg|\.png)?", re.ASCII)
UNCOUNTED = b"preview"
"""The query of images that preview pages show: nobody has loaded the link's QR code."""
_IMAGE_TYPES = {".svg": b"image/svg+xml", ".png": b"image/png"}


def is_link_path(path: str) -> bool:
    """Whether a path is a short link's, its preview's or its image's, by shape alone."""
    return _PATH.fullmatch(path) is not None


class LinkRequest(msgspec.Struct, frozen=True):
    """What of a request decides its answer, besides the path."""

    method: str
    host: str
    """The Host header."""
    query: bytes
    accept: str
    purpose: str
    """Sec-Purpose, or Purpose from older browsers."""
    address: str
    """The client's address, as far as it can be believed."""
    user_agent: str
    referrer: str
    language: str
    do_not_track: bool
    forwarded: str
    """The query where it goes on to the destination; else empty."""

    def visitor(self, utime: int) -> Visitor:
        return Visitor(
            utime=utime,
            is_get=self.method == "GET",
            is_prefetch="prefetch" in self.purpose,
            is_qr=self.query == b"qr",
            address=self.address,
            user_agent=self.user_agent,
            referrer=self.referrer,
            accept_language=self.language,
            do_not_track=self.do_not_track,
            query=self.forwarded,
        )


class Follow:
    """Answers link requests."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._status = services.settings.links.redirect_status

    async def answer(self, scope: HTTPScope) -> Answer:
        """The whole response to a request whose path `is_link_path`."""
        request = link_request(self._services, scope)
        if request.method not in ("GET", "HEAD"):
            refusal = self._refusal(errors.METHOD_NOT_ALLOWED(), request)
            refusal.headers.append((b"allow", b"GET, HEAD"))
            return refusal
        match = _PATH.fullmatch(scope["path"])
        assert match is not None, "only link paths come here"
        host = self._services.hosts.of_header(request.host)
        code, suffix = match["code"], match["suffix"]
        now = self._services.clock.now()
        visits = self._services.visits
        if suffix is None:
            return self._visit(visits.answer(host.number, code, request.visitor(now)), request)
        if suffix == "+":
            return self._preview(visits.look(host.number, code, request.visitor(now)), request)
        if request.query == UNCOUNTED:
            decision = visits.look(host.number, code, request.visitor(now))
        else:
            decision = visits.load_qr(host.number, code, request.visitor(now))
        return await self._image(decision, suffix, request)

    def _visit(self, decision: Decision, request: LinkRequest) -> Answer:
        if decision.outcome is Outcome.REDIRECT:
            location = decision.location
            if request.forwarded:
                location = with_query(location, request.query)
            return Answer(self._status, [(b"location", location.encode("ascii")), NO_STORE])
        if decision.page is not None:
            return interstitial(decision.page)
        if decision.outcome is Outcome.FILE:
            location = self._file_location(decision, request)
            return Answer(302, [(b"location", location.encode("ascii")), NO_STORE])
        return self._preview(decision, request)

    def _file_location(self, decision: Decision, request: LinkRequest) -> str:
        """A signed download address, or the page that unlocks the file."""
        link, file = decision.link, decision.file
        assert link is not None and file is not None, "the outcome says so"
        if file.encryption is Encryption.NONE:
            now = self._services.clock.now()
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
        )
        return page(self._pages, "preview.html", page=content)

    async def _image(self, decision: Decision, suffix: str, request: LinkRequest) -> Answer:
        link: Link | None = decision.link
        if link is None or not decision.is_alive:
            return self._refusal(_error(decision), request)
        options = QrOptions(format="svg" if suffix == ".svg" else "png")
        short_url = self._services.links.short_url(link)
        body = await asyncio.get_running_loop().run_in_executor(
            self._services.drawing, render, short_url, options
        )
        headers: Headers = [
            (b"content-type", _IMAGE_TYPES[suffix]),
            (b"x-content-type-options", b"nosniff"),
            NO_STORE,
        ]
        return Answer(200, headers, body)

    def _refusal(self, error: errors.ShortdError, request: LinkRequest) -> Answer:
        return error_answer(self._pages, error, request.accept)


def link_request(services: Services, scope: HTTPScope) -> LinkRequest:
    """Reads an ASGI scope."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"]
    forwards = services.settings.links.forward_query and query not in (b"", b"qr")
    return LinkRequest(
        method=scope["method"],
        host=headers.get(b"host", ""),
        query=query,
        accept=headers.get(b"accept", ""),
        purpose=headers.get(b"sec-purpose") or headers.get(b"purpose", ""),
        address=client_address(services, scope),
        user_agent=headers.get(b"user-agent", ""),
        referrer=headers.get(b"referer", ""),
        language=headers.get(b"accept-language", ""),
        do_not_track=headers.get(b"dnt") == "1" or headers.get(b"sec-gpc") == "1",
        forwarded=query.decode("latin-1") if forwards else "",
    )


def client_address(services: Services, scope: HTTPScope) -> str:
    """The client's address, as far as it can be believed."""
    client = scope["client"]
    return services.proxies.of_headers(client[0] if client else "", scope["headers"])


def _preview_file(decision: Decision) -> PreviewFile | None:
    file = decision.file
    if file is None:
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
