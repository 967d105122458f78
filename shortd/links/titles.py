"""Titles of the pages that links lead to. A page without a title is as good as none, so this never
raises; whoever makes a link says where it asks, which is why `public_pages` is so careful.

Of bytes, time, processor time and places everybody gets so much and no more, whatever a page's
server thinks of.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.hosts import Hosts
from shortd.hosts.allowance import Allowance
from shortd.hosts.public_addresses import is_public
from shortd.limits.places import Places
from shortd.settings import LinkSettings

if TYPE_CHECKING:
    from shortd.hosts.public_network import Resolve
    from shortd.hosts.public_pages import PublicPages

WAIT_SECONDS = 2.0
"""For a free place."""

log = structlog.get_logger(__name__)


class Titles(Collector):
    """Fetches titles, a few at a time."""

    def __init__(
        self,
        hosts: Hosts,
        settings: LinkSettings,
        *,
        resolve: Resolve | None = None,
        is_public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`resolve`, `is_public` and `tls` are for tests, which have no network."""
        self._hosts = hosts
        self._settings = settings
        self._pages: PublicPages | None = None
        self._resolve = resolve
        self._is_public = is_public
        self._tls = tls
        self._places = Places(settings.titles_at_once, settings.titles_each)
        self._looking = asyncio.Lock()
        self._outcomes: Counter[str] = Counter()

    async def fetch(self, url: str, owner: str = "") -> str | None:
        """The title of the page at a URL, or None; `owner` is the account that wants it.

        What has come of a page in the time there is for it is looked through even if more would
        follow.
        """
        if not self._settings.fetch_titles:
            return None
        try:
            async with self._places.taken_by(owner, WAIT_SECONDS):
                title = await self._fetch(url)
        except TimeoutError:
            self._outcomes["busy"] += 1
            return None
        self._outcomes["none" if title is None else "found"] += 1
        return title

    async def _fetch(self, url: str) -> str | None:
        # Some 10 MiB that a server which nobody asks for titles need not have. A thread loads them:
        # redirects are not to wait.
        await asyncio.to_thread(import_module, "shortd.links.title_search")
        from shortd.hosts.name_servers import addresses_of
        from shortd.hosts.public_pages import PublicPages
        from shortd.links.title_search import TitleSearch

        if self._pages is None:
            resolve = self._resolve or addresses_of
            self._pages = PublicPages(self._hosts, resolve, self._is_public, self._tls)
        search = TitleSearch(self._pages, Allowance(self._settings.title_bytes), self._looking)
        try:
            async with asyncio.timeout(self._settings.title_seconds):
                await search.run(url)
        # The whole internet may answer; whatever goes wrong is no more than a missing title.
        except Exception as fault:
            log.debug("title_not_fetched", reason=type(fault).__name__)
        return await search.title()

    def collect(self) -> Iterator[Metric]:
        titles = CounterMetricFamily("shortd_titles", "Titles of pages.", labels=["outcome"])
        for outcome in ("found", "none", "busy"):
            titles.add_metric([outcome], self._outcomes[outcome])
        yield titles
        yield GaugeMetricFamily(
            "shortd_titles_fetching", "Titles that are being fetched.", value=self._places.taken
        )
