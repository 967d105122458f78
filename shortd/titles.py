"""Titles of the pages that links lead to. A page without a title is as good as none, so this never
raises; whoever makes a link says where it asks, which is why `public_pages` is so careful.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from shortd.hosts import Hosts
from shortd.html_titles import title_of
from shortd.public_addresses import is_public

if TYPE_CHECKING:
    from shortd.public_pages import PublicPages, Resolve

SECONDS = 3.0
"""For everything together, waiting for a free place included."""
AT_ONCE = 8

log = structlog.get_logger(__name__)


class Titles:
    """Fetches titles, a few at a time."""

    def __init__(
        self,
        hosts: Hosts,
        *,
        enabled: bool = True,
        resolve: Resolve | None = None,
        is_public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`resolve`, `is_public` and `tls` are for tests, which have no network."""
        self._hosts = hosts
        self._enabled = enabled
        self._pages: PublicPages | None = None
        self._resolve = resolve
        self._is_public = is_public
        self._tls = tls
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str) -> str | None:
        """The title of the page at a URL, or None, within `SECONDS`.

        What has come of a page in that time is looked through even if more would follow.
        """
        if not self._enabled:
            return None
        # httpx takes 2 MiB, which a server that nobody asks for titles need not have.
        from shortd.public_pages import Page, PublicPages

        if self._pages is None:
            self._pages = PublicPages(self._hosts, self._resolve, self._is_public, self._tls)
        page = Page()
        try:
            async with asyncio.timeout(SECONDS), self._places:
                await self._pages.read(url, page)
        # The whole internet may answer; whatever goes wrong is no more than a missing title.
        except Exception as fault:
            log.debug("title_not_fetched", reason=type(fault).__name__)
        if not page.body:
            return None
        return await asyncio.to_thread(title_of, bytes(page.body), page.charset)
