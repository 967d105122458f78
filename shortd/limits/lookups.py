"""Lookups of codes: who asks for many that are not there is trying codes through.

A miss costs its client some weight, a hit nothing. Who cannot pay for another miss is refused
before anybody looks, hits included, or the refusal itself would tell where something is. Nothing
here may cost a visitor who finds what he asks for more than a look at an empty dict.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from shortd import errors
from shortd.blocks import block
from shortd.clock import SECOND
from shortd.limits.budgets import LOOKUP, Budgets

MISS_WEIGHT = 200
"""Weight units that a miss takes from the client's bucket for lookups, which is as large as the one
for calls: an address that makes many calls can go on visiting links."""
BARRED_CLIENTS = 50_000
"""Refused clients remembered at most; beyond them all begin anew, with what their buckets have."""
CLIENTS = 4096


def lookups_limited(seconds: float) -> errors.ShortdError:
    """The refusal of who has to wait so long."""
    return errors.RATE_LIMITED(
        "Too many addresses that lead nowhere; wait and try again.", retry_after=seconds
    )


class Lookups:
    """Counts misses. Belongs to the event loop; times are Unix µs."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self.barred: dict[str, tuple[int, int]] = {}
        """Since and until when a client is refused; mostly empty, so ask whether it is first."""
        self._until = 0
        self._block = lru_cache(maxsize=CLIENTS)(block)

    def refusal(self, client: str, now: int) -> errors.ShortdError | None:
        """RATE_LIMITED for an address that may not look at present. Empty is nobody's."""
        if not self.barred or not client:
            return None
        if now >= self._until:
            self.barred.clear()
            return None
        since, until = self.barred.get(self._block(client), (0, 0))
        if not since <= now < until:
            return None
        self._budgets.refusals[LOOKUP] += 1
        return lookups_limited((until - now) / SECOND)

    def missed(self, client: str, now: int) -> None:
        """Charges an address for a code that was not there. Empty is nobody's."""
        if not client:
            return
        name = self._block(client)
        bucket, buckets = self._budgets.block_bucket(LOOKUP, name), self._budgets.buckets
        wait = buckets.charge(*bucket, MISS_WEIGHT, now)
        wait = wait or buckets.wait(*bucket, MISS_WEIGHT, now)
        if wait:
            if len(self.barred) >= BARRED_CLIENTS:
                self.barred.clear()
            self.barred[name] = now, now + wait
            self._until = max(self._until, now + wait)
            self._budgets.tell(client, LOOKUP)

    @contextmanager
    def of_call(self, client: str, now: int) -> Iterator[None]:
        """Around what a call looks up: refuses it, or charges it if there is no such link."""
        if refusal := self.refusal(client, now):
            raise refusal
        try:
            yield
        except errors.ShortdError as error:
            if error.kind is errors.LINK_NOT_FOUND:
                self.missed(client, now)
            raise
