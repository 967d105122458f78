"""Answers to requests that are no API call: the one place that renders them.

A browser gets a page, anything else JSON. An answer is plain data, so that both lanes send
the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
from litestar.types import Send

from shortd import errors
from shortd.heads import wants_html
from shortd.plugins.pages import Page
from shortd.web.pages import (
    FORM_SCRIPT_HEADERS,
    LEADING_HEADERS,
    SCRIPT_HEADERS,
    SECURITY_HEADERS,
    Pages,
)

Headers = list[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"no-store")
_HTML = (b"content-type", b"text/html; charset=utf-8")


def _page_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    return [_HTML, *((name.lower().encode(), value.encode()) for name, value in headers)]


PAGE_HEADERS = _page_headers(SECURITY_HEADERS)
LEADING_PAGE_HEADERS = _page_headers(LEADING_HEADERS)
SCRIPT_PAGE_HEADERS = _page_headers(SCRIPT_HEADERS)
FORM_SCRIPT_PAGE_HEADERS = _page_headers(FORM_SCRIPT_HEADERS)
JSON_HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
]
_ERROR_PAGES = {404: "not_found.html", 410: "gone.html", 429: "limited.html"}


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
    http_status: int = 200,
    *,
    headers: Headers = PAGE_HEADERS,
    **context: object,
) -> Answer:
    """An HTML page, not to be cached."""
    body = pages.render(template, **context).encode()
    return Answer(http_status, [*headers, NO_STORE], body)


def interstitial(content: Page) -> Answer:
    """A plugin's page, under the policy that was made for it."""
    headers: Headers = [
        _HTML,
        (b"content-security-policy", content.policy.encode("ascii")),
        (b"referrer-policy", content.referrer_policy.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (b"x-robots-tag", b"noindex"),
        NO_STORE,
    ]
    return Answer(200, headers, content.body)


def json_answer(
    value: object, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
) -> Answer:
    """A JSON document, not to be cached."""
    return Answer(status, [*JSON_HEADERS, NO_STORE, *headers], msgspec.json.encode(value))


def error_answer(pages: Pages, error: errors.ShortdError, accept: str) -> Answer:
    """A refusal: a page for browsers, `{"error": {"code", "message"}}` for others."""
    extra: Headers = [(b"vary", b"accept")]
    if error.retry_after is not None:
        extra.append(retry_after_header(error.retry_after))
    if not wants_html(accept):
        body = {"error": {"code": error.code, "message": error.message}}
        return json_answer(body, error.status, extra)
    template = _ERROR_PAGES.get(error.status, "error.html")
    answer = page(
        pages,
        template,
        error.status,
        status=error.status,
        title=error.code.replace("_", " ").capitalize(),
        message=error.message,
        retry_after=None if error.retry_after is None else whole_seconds(error.retry_after),
    )
    answer.headers.extend(extra)
    return answer


def retry_after_header(seconds: float) -> tuple[bytes, bytes]:
    """Retry-After (RFC 9110 10.2.3)."""
    return b"retry-after", str(whole_seconds(seconds)).encode()


def whole_seconds(seconds: float) -> int:
    """A wait as clients are told it: never too short, and at least a second."""
    return max(1, math.ceil(seconds))
