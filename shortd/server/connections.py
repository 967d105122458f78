"""What the connections of one server share: their bounds, their room, and what is counted of them.

What scanners and broken clients send is counted and told once a minute: a line for each of their
requests would fill the disk.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.blocks import blocks
from shortd.settings import ServerSettings

TELL_SECONDS = 60.0
CLIENT_PART = 2
"""One client has no more than this part of all connections, however few there are."""
MOST_SENDING = 8
"""As many as there are disk threads, which do it."""
LEAST_UNSENT = 16 * 1024
"""Bytes that any connection may leave unsent, however many there are."""

log = structlog.get_logger(__name__)


class Connections(Collector):
    """One for all connections; `most` may be open at a time. Peers that speak for many, by that
    function, may have all of them, others a part.
    """

    def __init__(
        self, bounds: ServerSettings, most: int, speaks_for_many: Callable[[str], bool]
    ) -> None:
        self.bounds = bounds
        self.most = most
        self.most_of_client = min(bounds.client_connections, max(1, most // CLIENT_PART))
        self._speaks_for_many = speaks_for_many
        self._of_block: Counter[str] = Counter()
        """Open connections, by the blocks of clients' addresses."""
        self.sending = asyncio.Semaphore(MOST_SENDING)
        """Whoever hands part of a file to the kernel, which takes a descriptor more."""
        self.is_ending = False
        """The server stops: who asks once more is told that his connection ends with that."""
        self.open = 0
        self.held = 0
        """Bytes that came and wait to be read, of all connections."""
        self.closed: Counter[str] = Counter()
        """Connections that were given up, by what their clients were late with or took too much
        of."""
        self.refused = 0
        """Connections for which there was no room."""
        self.malformed = 0
        self._untold: Counter[str] = Counter()
        self._addresses: dict[str, str] = {}
        self._told: dict[str, float] = {}

    def admit(self, address: str) -> bool:
        """Counts a new connection; False if there is no room for it. `leave` follows either way."""
        self.open += 1
        has_room = self.open <= self.most
        for width, name in enumerate(self._blocks(address)):
            self._of_block[name] += 1
            has_room = has_room and self._of_block[name] <= self.most_of_client << width
        self.refused += not has_room
        return has_room

    def leave(self, address: str) -> None:
        self.open -= 1
        for name in self._blocks(address):
            self._of_block[name] -= 1
            if not self._of_block[name]:
                del self._of_block[name]

    def _blocks(self, address: str) -> tuple[str, ...]:
        return () if not address or self._speaks_for_many(address) else blocks(address)

    @property
    def unsent_bytes(self) -> int:
        """What a new connection may leave unsent, so that all of them keep within their bound."""
        share = self.bounds.buffer_bytes // max(1, self.open)
        return max(LEAST_UNSENT, min(self.bounds.unsent_bytes, share))

    def note_malformed(self, kind: str, address: str) -> None:
        """Counts a request that was refused before anybody could look at it."""
        self.malformed += 1
        self._untold[kind] += 1
        self._addresses[kind] = address

    def tell(self, now: float) -> None:
        """Logs what was noted and is due: a line a minute and kind. `now` in s."""
        for kind, number in list(self._untold.items()):
            if now - self._told.get(kind, -TELL_SECONDS) >= TELL_SECONDS:
                self._told[kind] = now
                del self._untold[kind]
                log.warning(
                    "malformed_requests", kind=kind, number=number, address=self._addresses[kind]
                )

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("shortd_connections", "Open connections.", value=self.open)
        yield GaugeMetricFamily(
            "shortd_connections_limit", "Connections that may be open.", value=self.most
        )
        yield GaugeMetricFamily(
            "shortd_connections_client_limit",
            "Connections that one client may have.",
            value=self.most_of_client,
        )
        yield GaugeMetricFamily(
            "shortd_connections_held_bytes", "What came and waits to be read.", value=self.held
        )
        yield CounterMetricFamily(
            "shortd_connections_refused",
            "Connections for which there was no room.",
            value=self.refused,
        )
        closed = CounterMetricFamily(
            "shortd_connections_closed", "Connections that were given up.", labels=["reason"]
        )
        for reason, count in self.closed.items():
            closed.add_metric([reason], count)
        yield closed
        yield CounterMetricFamily(
            "shortd_malformed_requests", "Requests that could not be read.", value=self.malformed
        )
