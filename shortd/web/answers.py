"""Answers to requests that are no API call: the one place that renders them.

A browser gets a page, anything else JSON. An answer is plain data, so that both lanes send
the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from http import HTTPStatus

import msgspec
from litestar.types import Message, Send

from shortd import errors
from shortd.limits.answers import SMALL_BYTES, Answers
from shortd.plugin_runtime.pages import Page
from shortd.web.pages import Pages
from shortd.web.policies import FORM_HEADERS, LEADING_HEADERS, SECURITY_HEADERS
from shortd.web.readers import Reader

Headers = list[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"no-store")
NO_INDEX = (b"x-robots-tag", b"noindex")
"""For whatever a code or a shared file answers: robots may look, and show a card of it, but search
engines keep nothing."""
VARY = b"accept, accept-language, cookie"
"""What a page in the reader's language depends on."""
_HTML = (b"content-type", b"text/html; charset=utf-8")


def paced(answers: Answers, send: Send, begun: Callable[[int], None]) -> Send:
    """`send`, but whole large bodies go on as their client takes them, and count for as long.
    `begun` hears the status of the answer when that is begun.
    """

    async def pace(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun(message["status"])
        # What comes piece by piece, as files do, is not in memory as a whole.
        if message["type"] != "http.response.body" or message.get("more_body"):
            await send(message)
            return
        body = memoryview(message["body"])
        if len(body) <= SMALL_BYTES:
            await send(message)
            return
        with answers.sending(len(body)):
            for start in range(0, len(body), SMALL_BYTES):
                piece = bytes(body[start : start + SMALL_BYTES])
                more = start + SMALL_BYTES < len(body)
                await send({"type": "http.response.body", "body": piece, "more_body": more})

    return pace


def page_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers of an HTML page, as they are sent."""
    return [_HTML, *((name.lower().encode(), value.encode()) for name, value in headers)]


PAGE_HEADERS = page_headers(SECURITY_HEADERS)
FORM_PAGE_HEADERS = page_headers(FORM_HEADERS)
LEADING_PAGE_HEADERS = page_headers(LEADING_HEADERS)
JSON_HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
]
_ERROR_PAGES = {
    **{kind: "visitor/not_found.html" for kind in errors.CATALOGUE.values() if kind.status == 404},
    **{kind: "visitor/gone.html" for kind in errors.CATALOGUE.values() if kind.status == 410},
    errors.LINK_LIMITED: "visitor/limited.html",
    errors.LINK_HELD: "visitor/held.html",
    errors.FOREIGN_FORM: "visitor/foreign.html",
}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole HTTP response."""

    status: int
    headers: Headers
    body: bytes = b""

    @property
    def all_headers(self) -> Headers:
        """With the body's length."""
        return [*self.headers, (b"content-length", b"%d" % len(self.body))]

    async def send(self, send: Send) -> None:
        """Sends it as an ASGI application does."""
        headers = self.all_headers
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def page(
    pages: Pages,
    template: str,
    reader: Reader | None,
    http_status: int = 200,
    *,
    headers: Headers = PAGE_HEADERS,
    **context: object,
) -> Answer:
    """An HTML page for visitors, not to be cached."""
    body = pages.render(template, reader, **context).encode()
    return Answer(http_status, [*headers, NO_STORE], body)


def interstitial(content: Page, *, is_listed: bool = False) -> Answer:
    """A plugin's page, under the policy that was made for it. `is_listed`: search engines may list
    it.
    """
    headers: Headers = [
        _HTML,
        (b"content-security-policy", content.policy.encode("ascii")),
        (b"referrer-policy", content.referrer_policy.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        *(() if is_listed else (NO_INDEX,)),
        NO_STORE,
    ]
    return Answer(200, headers, content.body)


def json_answer(
    value: object, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
) -> Answer:
    """A JSON document, not to be cached."""
    return Answer(status, [*JSON_HEADERS, NO_STORE, *headers], msgspec.json.encode(value))


def error_answer(
    pages: Pages,
    error: errors.ShortdError,
    reader: Reader | None,
    words: errors.Words = str,
) -> Answer:
    """A refusal: a page for who reads one, `{"error": {"code", "message"}}` for programs, in
    `words`."""
    extra: Headers = [(b"vary", b"accept" if reader is None else VARY)]
    if error.retry_after is not None:
        extra.append(retry_after_header(error.retry_after))
    if reader is None:
        body = {"error": {"code": error.code, "message": error.said(words)}}
        return json_answer(body, error.status, extra)
    template = _ERROR_PAGES.get(error.kind, "visitor/error.html")
    answer = page(
        pages,
        template,
        reader,
        error.status,
        status=error.status,
        fault=error,
        of_link=error.kind is errors.LINK_LIMITED,
        retry_after=None if error.retry_after is None else whole_seconds(error.retry_after),
    )
    answer.headers.extend(extra)
    return answer


def asks_for_json(raw_headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether who asks for a page says that it wants its contents as JSON."""
    return any(
        name == b"accept" and b"application/json" in value.lower() and b"text/html" not in value
        for name, value in raw_headers
    )


def status_line(status: int) -> bytes:
    """The first line of a response, where no server writes it."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The lines of headers, each with its end."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def retry_after_header(seconds: float) -> tuple[bytes, bytes]:
    """Retry-After (RFC 9110 10.2.3)."""
    return b"retry-after", str(whole_seconds(seconds)).encode()


def whole_seconds(seconds: float) -> int:
    """A wait as clients are told it: never too short, and at least a second."""
    return max(1, math.ceil(seconds))
