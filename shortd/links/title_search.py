"""The way to one title, from page to page; it looks at what has come before all of it is there.

Looking is done in a thread. What redirects and pages lead to is asked for within one allowance.
"""

from __future__ import annotations

import asyncio
import time

from shortd.hosts.allowance import Allowance
from shortd.hosts.public_pages import Page, PublicPages
from shortd.links.html_titles import Head, read_head

MARKUP_SECONDS = 0.2
"""Of processor time, for looking through all pages on the way."""
FIRST_LOOK = 1 << 10
"""Bytes of a page that are worth a look; the next one comes when there are twice as many."""


class TitleSearch:
    """The search for one title."""

    def __init__(self, pages: PublicPages, allowance: Allowance, looking: asyncio.Lock) -> None:
        """`looking` is held while a thread looks: one at a time is enough for all."""
        self._pages = pages
        self._allowance = allowance
        self._looking = looking
        self._seconds = MARKUP_SECONDS
        self._page: Page | None = None
        self._seen = 0
        """Bytes of the page that were looked through."""
        self._head = Head()

    async def run(self, url: str) -> None:
        """Reads the page at a URL, or where it leads on to. Raises whatever goes wrong."""
        while True:
            await self._read(url)
            if self._head.refresh is None:
                return
            self._allowance.redirected()
            url = self._head.refresh

    async def title(self) -> str | None:
        """The title in what was read; None for that of a page that nobody stays on."""
        await self._look()
        return self._head.title if self._head.refresh is None else None

    async def _read(self, url: str) -> None:
        async with self._pages.open(url, self._allowance) as page:
            self._page, self._seen, self._head = page, 0, Head()
            async for size in page.grow():
                if size >= max(FIRST_LOOK, 2 * self._seen):
                    await self._look()
                    if self._head.is_whole:
                        return
        await self._look()

    async def _look(self) -> None:
        """Looks through what has come of the page, if that was not done yet."""
        page = self._page
        if page is None or len(page.body) == self._seen:
            return
        self._allowance.rest()
        async with self._looking:
            self._seen = len(page.body)
            # If nobody waits for it any more, it is not begun a second time.
            seconds, self._seconds = self._seconds, 0.0
            body = bytes(page.body)
            self._head, self._seconds = await asyncio.to_thread(_timed_look, body, page, seconds)


def _timed_look(body: bytes, page: Page, seconds: float) -> tuple[Head, float]:
    """What was found, and what is left of the time."""
    begun = time.thread_time()
    head = read_head(body, page.url, page.charset, seconds)
    return head, max(0.0, seconds - (time.thread_time() - begun))
