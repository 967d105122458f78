"""What a visit gets: the one place that decides.

`Resolver.resolve` reads and decides; it never writes, awaits, or knows about HTTP. Whoever
answers the visit then applies the decision (`shortd.visits`). The order of the questions is
NOTES "Order of a visit".
"""

from __future__ import annotations

from enum import Enum

import msgspec

from shortd.budgets import REDIRECT_WEIGHT, Budgets, file_weight
from shortd.cache import Cache
from shortd.clicks import Clicks
from shortd.links import Address
from shortd.models import File, Link
from shortd.owners import Owner, Owners
from shortd.store import Store
from shortd.store.schema import FILES, LINKS
from shortd.visitors import is_link_preview


class Outcome(Enum):
    """How a visit is answered."""

    REDIRECT = "redirect"
    FILE = "file"
    """On to the file's download, or to the page that unlocks it."""
    HIDDEN = "hidden"
    """The preview page without the destination."""
    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    LIMITED = "limited"


_ALIVE = (Outcome.REDIRECT, Outcome.FILE, Outcome.HIDDEN)


class Visitor(msgspec.Struct, frozen=True, gc=False):
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


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer to a visit."""

    outcome: Outcome
    link: Link | None = None
    owner: Owner | None = None
    location: str = ""
    file: File | None = None
    weight: int = 0
    """What answering takes from the owner's link bucket, in weight units."""

    @property
    def is_alive(self) -> bool:
        """Whether the link works, so that its preview and its QR image may be shown."""
        return self.outcome in _ALIVE


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A redirect that nothing but time, its owner or a write can change."""

    link: Link
    decision: Decision
    owner: Owner
    until: int
    """Unix time in µs."""


_NOT_FOUND = Decision(Outcome.NOT_FOUND)
SETTLED_LINKS = 1 << 16
"""Plain redirects kept at least (twice as many at most, some 700 bytes each)."""


class Resolver:
    """Decides visits from one database snapshot and the live counts."""

    def __init__(self, store: Store, owners: Owners, clicks: Clicks, budgets: Budgets) -> None:
        self._store = store
        self._owners = owners
        self._clicks = clicks
        self._budgets = budgets
        # Reading and decoding a row cost a quarter of a redirect. Never stale: the writer
        # drops what it changed before it acknowledges the change.
        self._settled: Cache[Address, Settled] = Cache(SETTLED_LINKS)
        store.watch(self._settled.drop)

    def resolve(self, host: int, code: str, visitor: Visitor) -> Decision:
        """Decides a visit to `/<code>`. `host` is a short host's number."""
        address = (host, code)
        known = self.settled(address, visitor.utime)
        if known is None:
            return self._decide(address, visitor)
        owner = known.owner
        if visitor.is_get and self._is_short(owner, REDIRECT_WEIGHT, visitor):
            return Decision(Outcome.LIMITED, known.decision.link, owner, weight=REDIRECT_WEIGHT)
        return known.decision

    def settled(self, address: Address, now: int) -> Settled | None:
        """The redirect that an address is known to be; whether its owner can pay is not asked."""
        known = self._settled.get(address)
        if known is None or known.until <= now or not self._owners.is_current(known.owner):
            return None
        return known

    def _decide(self, address: Address, visitor: Visitor) -> Decision:
        with self._store.read() as txn:
            link = LINKS.get(txn, address)
            if link is None or not link.enabled:
                return _NOT_FOUND
            owner = self._owners.get(txn, link.owner)
            if owner is None or owner.expiration_utime <= visitor.utime:
                return _NOT_FOUND
            file = FILES.get(txn, (link.filekey,)) if link.filekey else None
            if link.filekey and file is None:
                return _NOT_FOUND
            used_up = (
                link.expiration_count
                and self._clicks.live(txn, link.id).count >= link.expiration_count
            )
            if used_up or link.expiration_utime <= visitor.utime:
                return Decision(Outcome.EXPIRED, link, file=file)
        weight = REDIRECT_WEIGHT if file is None else file_weight(file)
        if visitor.is_get and self._is_short(owner, weight, visitor):
            return Decision(Outcome.LIMITED, link, owner, file=file, weight=weight)
        if link.expiration_count and (not visitor.counts or is_link_preview(visitor.user_agent)):
            return Decision(Outcome.HIDDEN, link, owner, file=file, weight=weight)
        if file is not None:
            return Decision(Outcome.FILE, link, owner, file=file, weight=weight)
        decision = Decision(
            Outcome.REDIRECT, link, owner, link.ascii_url or link.url, weight=weight
        )
        if not link.expiration_count:
            until = min(link.expiration_utime, owner.expiration_utime)
            self._settled.put(address, Settled(link, decision, owner, until))
        return decision

    def _is_short(self, owner: Owner, weight: int, visitor: Visitor) -> bool:
        balance = self._budgets.buckets.balance(owner.bucket, owner.limit, visitor.utime)
        return balance < weight
