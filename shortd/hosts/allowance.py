"""What may be spent on pages that a stranger names, however many lead from one to the next."""

from __future__ import annotations

import time

PAGE_BYTES = 512 << 10
REDIRECTS = 5
EXCHANGE_SECONDS = 0.3
"""Of processor time, for HTTP that is made to cost it."""


class Refused(Exception):
    """There is nothing to be had here, or nothing that may be asked for."""


class Allowance:
    """What is left of bytes, redirects and processor time. Refused once one of them is used up."""

    def __init__(self, page_bytes: int = PAGE_BYTES, *, seconds: float = EXCHANGE_SECONDS) -> None:
        self.page_bytes = page_bytes
        """Of all that servers send together, and of a page when it is unpacked."""
        self._bytes = page_bytes
        self._redirects = REDIRECTS
        self._seconds = seconds
        self._since: float | None = None

    def received(self, count: int) -> None:
        """So many bytes have come in, whatever they are."""
        self._bytes -= count
        if self._bytes < 0:
            raise Refused("too much")
        if self._seconds < 0:
            raise Refused("too much work")

    def redirected(self) -> None:
        """Another page is asked for, because the last one said so."""
        self._redirects -= 1
        if self._redirects < 0:
            raise Refused("too many redirects")

    def work(self) -> None:
        """From here on the event loop works at what has come in."""
        self._since = time.thread_time()

    def rest(self) -> None:
        """It has done so, and may do something else."""
        if self._since is not None:
            self._seconds -= time.thread_time() - self._since
            self._since = None
