"""Memory for the bodies of requests: how much they may take, each, of one client and together.

A body is collected before anybody can know whether it is worth it, and a client that sends all of
it but the end has it kept. So all of them share one pool, and strangers have a small share of it
each. Who has proven early whose body it is may have a large one beyond the share, one at a time.
What goes to a disk as it comes takes nothing here. This module must never know what a body means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd import errors
from shortd.blocks import blocks

BEYOND_OF_BLOCK = 2
"""Bodies beyond their client's share that one block may have at a time."""
WITHIN = 6
"""A sixth of the pool is never for bodies beyond the shares."""
RETRY_SECONDS = 5.0


class BodyPool(Collector):
    """What all bodies in memory take. `pool_bytes` are for all of them, `client_bytes` for those
    of one address together; its wider blocks have twice and four times as much.
    """

    def __init__(self, pool_bytes: int, client_bytes: int) -> None:
        self.pool_bytes = pool_bytes
        self.client_bytes = client_bytes
        self.held = 0
        """Bytes of all bodies."""
        self.shares: Counter[str] = Counter()
        """Bytes of bodies within the shares, by block."""
        self.beyond: Counter[str] = Counter()
        """Bodies beyond them, by block, and by the account whose they are."""
        self.refused: Counter[str] = Counter()

    def has_share(self, names: tuple[str, ...], size: int) -> bool:
        """Whether so many bytes more fit into the shares of all these blocks."""
        held = self.shares.get
        for width, name in enumerate(names):
            if held(name, 0) + size > self.client_bytes << width:
                return False
        return True

    def may_go_beyond(self, names: tuple[str, ...], userid: str) -> bool:
        """Whether one more body of this account may be larger than its client's share."""
        return not self.beyond[userid] and all(
            self.beyond[name] < BEYOND_OF_BLOCK << width for width, name in enumerate(names)
        )

    def has_room(self, size: int, *, is_beyond: bool) -> bool:
        """Whether so many bytes more fit into the pool."""
        reserve = self.pool_bytes // WITHIN if is_beyond else 0
        return self.held + size <= self.pool_bytes - reserve

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "shortd_bodies_held_bytes", "Bodies of requests in memory.", value=self.held
        )
        yield GaugeMetricFamily(
            "shortd_bodies_limit_bytes", "What they may take.", value=self.pool_bytes
        )
        refused = CounterMetricFamily(
            "shortd_bodies_refused", "Bodies that there was no room for.", labels=["reason"]
        )
        for reason, count in self.refused.items():
            refused.add_metric([reason], count)
        yield refused


class HeldBody:
    """What one request has of the pool. Belongs to the event loop; `close` gives it back."""

    __slots__ = ("_beyond", "_names", "_pool", "_size")

    def __init__(self, pool: BodyPool, address: str) -> None:
        self._pool = pool
        self._names = blocks(address)
        self._size = 0
        self._beyond: tuple[str, ...] = ()
        """Where it is counted as one that is larger than its client's share."""

    def take(self, size: int, userid: str | None = None) -> None:
        """Takes so many bytes more, or none. `userid` is the account that has proven to be the
        sender. BUSY; CREDENTIALS_FIRST for what nobody may have without such a proof.
        """
        pool = self._pool
        if not self._beyond:
            if pool.has_share(self._names, size):
                self._need_room(size)
                for name in self._names:
                    pool.shares[name] = pool.shares.get(name, 0) + size
                self._add(size)
                return
            if userid is None:
                if self._size + size > pool.client_bytes:
                    raise self._refusal("credentials", errors.CREDENTIALS_FIRST())
                raise self._busy("share")
            if not pool.may_go_beyond(self._names, userid):
                raise self._busy("account" if pool.beyond[userid] else "share")
            if not pool.has_room(size, is_beyond=True):
                raise self._busy("pool")
            self._leave_share()
            self._beyond = (*self._names, userid)
            pool.beyond.update(self._beyond)
        self._need_room(size)
        self._add(size)

    def give_back(self, size: int) -> None:
        """Gives back what was not kept after all."""
        if not self._beyond:
            _subtract(self._pool.shares, self._names, size)
        self._add(-size)

    def close(self) -> None:
        """Gives everything back, once: nothing is left for a second time."""
        if self._beyond:
            _subtract(self._pool.beyond, self._beyond, 1)
            self._beyond = ()
            self._add(-self._size)
        else:
            self.give_back(self._size)

    def _add(self, size: int) -> None:
        self._size += size
        self._pool.held += size

    def _leave_share(self) -> None:
        _subtract(self._pool.shares, self._names, self._size)

    def _need_room(self, size: int) -> None:
        if not self._pool.has_room(size, is_beyond=bool(self._beyond)):
            raise self._busy("pool")

    def _busy(self, reason: str) -> errors.ShortdError:
        return self._refusal(reason, errors.BUSY(retry_after=RETRY_SECONDS))

    def _refusal(self, reason: str, error: errors.ShortdError) -> errors.ShortdError:
        self._pool.refused[reason] += 1
        return error


def _subtract(counter: Counter[str], names: tuple[str, ...], size: int) -> None:
    """Forgets whoever has nothing left, or every address ever seen would stay."""
    for name in names:
        counter[name] -= size
        if not counter[name]:
            del counter[name]
