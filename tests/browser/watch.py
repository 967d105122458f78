"""A page of a browser, and everything it did that a good page does not do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

_STATUS_OF_A_PAGE = "Failed to load resource: the server responded with a status of "
_REFUSED_FORM = f"{_STATUS_OF_A_PAGE}422"
"""What the browser says of a part of a page that shows a form again."""


_LATE_TRANSITION = "Transition was aborted because of invalid state"

PATIENCE = 60_000
"""Milliseconds: whatever is waited for comes; how soon says more about the machine."""


@dataclass
class Watch:
    """What a browser context asked for, and what it complained of."""

    requests: list[str] = field(default_factory=list)
    """Addresses of all requests, redirects followed included."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console (policy violations are), exceptions, failed requests."""

    def attach(self, context: BrowserContext) -> Page:
        """A new page of the context, watched from its first request on, and patient."""
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("requestfailed", self._note_failure)
        context.on("console", self._note_message)
        context.on("weberror", lambda error: self._note_error(str(error.error)))
        return context.new_page()

    def strangers(self, *origins: str) -> list[str]:
        """The requests that went elsewhere."""
        allowed = tuple(f"{origin}/" for origin in origins)
        return [url for url in self.requests if not url.startswith((*allowed, "data:"))]

    def _note_failure(self, request: Request) -> None:
        # A page that is left, or shows other links, closes its stream of counts, and does not wait
        # for what it has not loaded yet. What is not there says so by its status.
        may_end = "/-/live?" in request.url or "/-/static/" in request.url
        if not may_end or request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def _note_error(self, text: str) -> None:
        # A transition from page to page that a busy machine begins too late is left out.
        if _LATE_TRANSITION not in text:
            self.complaints.append(text)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        # The browser complains of a 404 even if that is the very page that was asked for.
        of_the_page = message.page is not None and message.location["url"] == message.page.url
        if message.text.startswith(_REFUSED_FORM) or _LATE_TRANSITION in message.text:
            return
        if not (of_the_page and message.text.startswith(_STATUS_OF_A_PAGE)):
            self.complaints.append(message.text)


class WatchOfDownloads(Watch):
    """Does not mind a download that is given up: by a page, once it cannot be whole; by a player,
    for another part; by Chromium's viewer of PDF, which on a slow machine asks anew.
    """

    def _note_failure(self, request: Request) -> None:
        # The viewer is an extension; a test that ends while it starts gives that up as well.
        may_end = "/files/" in request.url or request.url.startswith("chrome-extension:")
        if not (may_end and "ERR_ABORTED" in (request.failure or "")):
            super()._note_failure(request)
