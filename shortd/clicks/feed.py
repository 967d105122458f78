"""Tells who looks at links that their counts have changed.

The drain names the links that it has counted; what a redirect does is never told here, so that it
pays nothing for it. A reader that is slow hears of a link once, however often it was clicked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Set

from shortd import errors

LINKS_A_STREAM = 50
STREAMS_AN_ACCOUNT = 8
STREAMS = 500


class Stream:
    """Changes of the counts of some links, from when it was opened on."""

    def __init__(self, feed: CountFeed, userid: str, links: frozenset[int]) -> None:
        self.userid = userid
        self.links = links
        self._feed = feed
        self._changed: set[int] = set()
        self._wake = asyncio.Event()

    async def changed(self, seconds: float) -> set[int]:
        """The links whose counts have changed since this was asked last; waits for one, so long at
        most, and is empty then."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return set()
        self._wake.clear()
        changed, self._changed = self._changed, set()
        return changed

    @property
    def has_ended(self) -> bool:
        """Whether the server stops, and there is nothing more to be heard."""
        return self._feed.has_ended

    def wake(self) -> None:
        """For the feed alone."""
        self._wake.set()

    def tell(self, links: Iterable[int]) -> None:
        """For the feed alone."""
        self._changed.update(links)
        self._wake.set()

    def close(self) -> None:
        """Hears nothing more."""
        self._feed.close(self)


class CountFeed:
    """All streams of the server. Belongs to the event loop."""

    def __init__(self) -> None:
        self.has_ended = False
        self._streams: set[Stream] = set()
        self._of_account: Counter[str] = Counter()
        self._watching: dict[int, set[Stream]] = {}

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def check(self, userid: str) -> None:
        """RATE_LIMITED where the account has as many streams as it may; BUSY where all have."""
        if self._of_account[userid] >= STREAMS_AN_ACCOUNT:
            raise errors.RATE_LIMITED("You have too many pages open that follow clicks.")
        if self.has_ended or len(self._streams) >= STREAMS:
            raise errors.BUSY()

    def open(self, userid: str, links: Collection[int]) -> Stream:
        """A stream over at most `LINKS_A_STREAM` of these links, to be closed. See `check`."""
        self.check(userid)
        stream = Stream(self, userid, frozenset(list(links)[:LINKS_A_STREAM]))
        self._streams.add(stream)
        self._of_account[userid] += 1
        for link_id in stream.links:
            self._watching.setdefault(link_id, set()).add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Ends a stream; one that has ended stays so."""
        if stream not in self._streams:
            return
        self._streams.remove(stream)
        self._of_account[stream.userid] -= 1
        if not self._of_account[stream.userid]:
            del self._of_account[stream.userid]
        for link_id in stream.links:
            watching = self._watching[link_id]
            watching.discard(stream)
            if not watching:
                del self._watching[link_id]

    def end(self) -> None:
        """Ends all streams, which would keep a server that stops waiting."""
        self.has_ended = True
        for stream in self._streams:
            stream.wake()

    def counted(self, links: Set[int]) -> None:
        """The drain has counted clicks on these links."""
        if not self._watching:
            return
        for link_id in self._watching.keys() & links:
            for stream in self._watching[link_id]:
                stream.tell((link_id,))
