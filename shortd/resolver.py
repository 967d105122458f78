"""What a visit gets: the one place that decides.

`Resolver.resolve` reads and decides; it never writes, awaits, or knows about HTTP. Whoever
answers the visit then applies the decision (`shortd.visits`). The order of the questions is
NOTES "Order of a visit".
"""

from __future__ import annotations

from enum import Enum

import msgspec

from shortd.budgets import REDIRECT_WEIGHT, Budgets
from shortd.clicks import Clicks
from shortd.models import Link
from shortd.owners import Owner, Owners
from shortd.store import Store
from shortd.store.schema import LINKS
from shortd.visitors import is_link_preview


class Outcome(Enum):
    """How a visit is answered."""

    REDIRECT = "redirect"
    HIDDEN = "hidden"
    """The preview page without the destination."""
    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    LIMITED = "limited"


class Visitor(msgspec.Struct, frozen=True):
    """Who visits, and how. A look that is no visit (a preview page) has `is_get` False."""

    utime: int
    is_get: bool = True
    is_prefetch: bool = False
    is_qr: bool = False
    """Comes from a tracked QR code."""
    address: str = ""
    user_agent: str = ""
    referrer: str = ""
    language: str = ""

    @property
    def counts(self) -> bool:
        """Whether the visit is a click: an answered GET that is no prefetch."""
        return self.is_get and not self.is_prefetch


class Decision(msgspec.Struct, frozen=True):
    """The answer to a visit."""

    outcome: Outcome
    link: Link | None = None
    owner: Owner | None = None
    location: str = ""


_NOT_FOUND = Decision(Outcome.NOT_FOUND)


class Resolver:
    """Decides visits from one database snapshot and the live counts."""

    def __init__(self, store: Store, owners: Owners, clicks: Clicks, budgets: Budgets) -> None:
        self._store = store
        self._owners = owners
        self._clicks = clicks
        self._budgets = budgets

    def resolve(self, host: int, code: str, visitor: Visitor) -> Decision:
        """Decides a visit to `/<code>`. `host` is a short host's number."""
        with self._store.read() as txn:
            link = LINKS.get(txn, (host, code))
            if link is None or not link.enabled:
                return _NOT_FOUND
            owner = self._owners.get(txn, link.owner)
            if owner is None or owner.expiration_utime <= visitor.utime:
                return _NOT_FOUND
            if link.expiration_utime <= visitor.utime:
                return Decision(Outcome.EXPIRED, link)
            if link.expiration_count:
                count, _ = self._clicks.live(txn, link.id)
                if count >= link.expiration_count:
                    return Decision(Outcome.EXPIRED, link)
        if visitor.is_get:
            balance = self._budgets.buckets.balance(owner.bucket, owner.limit, visitor.utime)
            if balance < REDIRECT_WEIGHT:
                return Decision(Outcome.LIMITED, link, owner)
        if link.expiration_count and (not visitor.counts or is_link_preview(visitor.user_agent)):
            return Decision(Outcome.HIDDEN, link, owner)
        return Decision(Outcome.REDIRECT, link, owner, link.ascii_url or link.url)
