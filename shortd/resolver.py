"""What a visit gets: the one place that decides.

`Resolver.resolve` reads and decides; it never writes, awaits, or knows about HTTP. Whoever
answers the visit then applies the decision (`shortd.visits`). The order of the questions is
NOTES "Order of a visit".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import msgspec
from msgspec import structs

from shortd.budgets import REDIRECT_WEIGHT, Budgets, file_weight
from shortd.cache import Cache, Doorkeeper
from shortd.clicks import Clicks
from shortd.destinations import ascii_location, with_query, with_utm
from shortd.links import Address
from shortd.models import File, Link, LinkExtras
from shortd.owners import Owner, Owners
from shortd.plugin_types import Visit
from shortd.plugins.deciding import Deciders, LinkDeciders
from shortd.plugins.pages import Page
from shortd.plugins.steps import Step, Steps
from shortd.store import Store
from shortd.store.schema import FILES, LINKS
from shortd.store.txn import Change, Txn
from shortd.visitors import is_link_preview


class Outcome(Enum):
    """How a visit is answered."""

    REDIRECT = "redirect"
    INTERSTITIAL = "interstitial"
    """A plugin's page, which leads on."""
    FILE = "file"
    """On to the file's download, or to the page that unlocks it."""
    PROTECTED = "protected"
    """The page that asks for the link's password."""
    HIDDEN = "hidden"
    """The preview page without the destination."""
    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    LIMITED = "limited"


_ALIVE = (
    Outcome.REDIRECT,
    Outcome.INTERSTITIAL,
    Outcome.FILE,
    Outcome.PROTECTED,
    Outcome.HIDDEN,
)

Visitor = Visit
"""Who visits, and how: what plugins are shown of it. A look that is no visit (a preview page) has
`is_get` False."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer to a visit."""

    outcome: Outcome
    link: Link | None = None
    owner: Owner | None = None
    location: str = ""
    file: File | None = None
    """What the link shares, or, where it redirects, has shared: then it has ended."""
    weight: int = 0
    """What answering takes from the owner's link bucket, in weight units."""
    choice: str = ""
    """What the click keeps of a plugin's decision."""
    page: Page | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the link works, so that its preview and its QR image may be shown."""
        return self.outcome in _ALIVE


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A redirect that nothing but time, its owner or a write can change.

    It is small, since of many that are kept few are in the processor's caches when they are asked
    for: each piece of memory is another wait.
    """

    link_id: int
    location: str
    owner: Owner
    until: int
    """Unix time in µs."""
    decision: Decision | None = None
    """The redirect at length, where somebody must know more of the link."""
    deciders: LinkDeciders | None = None
    """Plugins that each visit is put to; then `location` is the link's own destination."""


Note = Callable[[str, str], None]
"""Takes a question and its answer."""

_NO_EXTRAS = LinkExtras()
NOT_FOUND = Decision(Outcome.NOT_FOUND)
"""For whoever visits."""
SETTLED_LINKS = 1 << 17
"""Plain redirects kept at least (twice as many at most, some 350 bytes each)."""


class Resolver:
    """Decides visits from one database snapshot and the live counts."""

    def __init__(
        self,
        store: Store,
        owners: Owners,
        clicks: Clicks,
        budgets: Budgets,
        deciders: Deciders,
        nonce: Callable[[], str],
        country_of: Callable[[str], str] | None = None,
        *,
        at_length: bool = False,
    ) -> None:
        """`nonce` makes one for a page of a plugin: random, unlike any other. `country_of` tells
        plugins the country of an address. `at_length`: whoever is told of a settled redirect is
        told of its link as well.
        """
        self._store = store
        self._owners = owners
        self._clicks = clicks
        self._budgets = budgets
        self._deciders = deciders
        self._nonce = nonce
        self._country_of = country_of
        self._at_length = at_length or deciders.everywhere
        # Reading and decoding a row cost a quarter of a redirect. Never stale: the writer
        # drops what it changed before it acknowledges the change.
        self._settled: Cache[Address | str, Settled] = Cache(SETTLED_LINKS)
        self._door = Doorkeeper(4 * SETTLED_LINKS)
        store.watch(self._drop)

    def explain(self, host: int, code: str, visitor: Visitor) -> tuple[Decision, list[Step]]:
        """What `resolve` would decide, with the questions on the way there and their answers."""
        steps = Steps()
        return self.resolve((host, code), visitor, steps), steps.taken

    def settled(self, address: Address, now: int) -> Settled | Decision | None:
        """The redirect at an address, if nothing but time, its owner or a write can change it, or
        NOT_FOUND. None for whatever else is there.

        Whether the owner can pay is not asked.
        """
        known = self._settled.get(_key(address))
        if known is None or not self._owners.is_current(known.owner):
            return self._settle(address, now)
        return known if known.until > now else None

    def choose(
        self,
        decision: Decision,
        deciders: LinkDeciders,
        visitor: Visitor,
        steps: Steps | None = None,
    ) -> Decision:
        """A redirect as the link's plugins want it for this visit."""
        if self._country_of is not None and not visitor.country:
            visitor = structs.replace(visitor, country=self._country_of(visitor.address))
        place = deciders.place(visitor, steps)
        if self.may_see_page(deciders, visitor):
            location = place.location
            if visitor.query:
                location = with_query(location, visitor.query.encode("latin-1"))
            page = deciders.page(visitor, location, self._nonce(), steps)
            if page is not None:
                return structs.replace(
                    decision,
                    outcome=Outcome.INTERSTITIAL,
                    location=place.location,
                    choice=f"{place.choice} {page.choice}".strip(),
                    page=page,
                )
        return Decision(
            Outcome.REDIRECT,
            decision.link,
            decision.owner,
            place.location,
            None,
            decision.weight,
            place.choice,
        )

    def may_see_page(self, deciders: LinkDeciders, visitor: Visitor) -> bool:
        """Whether plugins are asked for a page: for a click by anything but a link preview."""
        return bool(deciders.pages) and visitor.counts and not visitor.is_link_preview

    def _settle(self, address: Address, now: int) -> Settled | Decision | None:
        """Settles a redirect, for later visits as well."""
        link = self._store.get(LINKS, address)
        if link is None or not link.enabled:
            return NOT_FOUND
        if (
            link.filekey
            or link.expiration_count
            or (link.extras is not None and link.extras.password is not None)
        ):
            return None
        owner = self._owners.get(link.owner)
        if owner is None:
            return None
        # The owner's, where both are the same: one for all his links.
        until = min(owner.expiration_utime, link.expiration_utime)
        if until <= now:
            return None
        if self._at_length or link.extras is not None or link.plugins:
            decision, deciders = self._redirect(link, owner)
            settled = Settled(link.id, decision.location, owner, until, decision, deciders)
        else:
            settled = Settled(link.id, link.location, owner, until)
        key = _key(address)
        if self._door.has_seen(key):
            self._settled.put(key, settled)
        return settled

    def _redirect(
        self, link: Link, owner: Owner, steps: Steps | None = None
    ) -> tuple[Decision, LinkDeciders | None]:
        """The redirect to a link's own destination, and the plugins that may change it."""
        location = link.location
        if link.extras is not None and link.extras.utm is not None:
            location = with_utm(location, link.extras.utm)
        deciders = None
        if link.plugins or self._deciders.everywhere:
            deciders = self._deciders.of_link(link, location, steps)
        decision = Decision(Outcome.REDIRECT, link, owner, location, weight=REDIRECT_WEIGHT)
        return decision, deciders

    def resolve(
        self,
        address: Address,
        visitor: Visitor,
        steps: Steps | None = None,
        *,
        unlocked: bool = False,
    ) -> Decision:
        """Decides a visit, asking all questions; `steps` notes them.

        `unlocked`: the visitor has named the link's password.
        """
        note = _keep_silent if steps is None else steps.note
        with self._store.read() as txn:
            link = LINKS.get(txn, address)
            if link is None or not link.enabled:
                note("is there such a link, enabled", "no")
                return NOT_FOUND
            note("is there such a link, enabled", "yes")
            owner = self._owners.get(link.owner)
            if owner is None or owner.expiration_utime <= visitor.utime:
                note("does its account exist", "no")
                return NOT_FOUND
            note("does its account exist", "yes")
            file = FILES.get(txn, (link.filekey,)) if link.filekey else None
            if link.filekey and file is None:
                note("does its file exist", "no")
                return NOT_FOUND
            extras = link.extras or _NO_EXTRAS
            fallback = self._fallback(txn, link, extras, visitor, note)
        if fallback == "":
            return Decision(Outcome.EXPIRED, link, file=file)
        weight = REDIRECT_WEIGHT if file is None or fallback else file_weight(file)
        if visitor.is_get:
            if self._is_short(owner, weight, visitor):
                note("can its account pay for the visit", "no")
                return Decision(Outcome.LIMITED, link, owner, file=file, weight=weight)
            note("can its account pay for the visit", "yes")
        if fallback is not None:
            note("where do visits go now", fallback)
            location = ascii_location(fallback)
            return Decision(Outcome.REDIRECT, link, owner, location, file, weight)
        if extras.password is not None and not unlocked:
            note("does it ask for a password", "yes")
            return Decision(Outcome.PROTECTED, link, owner, file=file, weight=REDIRECT_WEIGHT)
        if link.expiration_count and (not visitor.counts or is_link_preview(visitor.user_agent)):
            note("is this a visitor to whom a limited link is shown", "no")
            return Decision(Outcome.HIDDEN, link, owner, file=file, weight=weight)
        if file is not None:
            note("is it a file", "yes")
            return Decision(Outcome.FILE, link, owner, file=file, weight=weight)
        decision, deciders = self._redirect(link, owner, steps)
        if deciders is not None:
            return self.choose(decision, deciders, visitor, steps)
        return decision

    def _fallback(
        self, txn: Txn, link: Link, extras: LinkExtras, visitor: Visitor, note: Note
    ) -> str | None:
        """Where an ended link leads, empty if nowhere; None while it lives."""
        if link.expiration_utime <= visitor.utime:
            note("has its time come", "yes")
            return extras.date_fallback
        note("has its time come", "no")
        if not link.expiration_count:
            return None
        if not self._clicks.are_used_up(txn, link):
            note("are its clicks used up", "no")
            return None
        note("are its clicks used up", "yes")
        return extras.count_fallback

    def _drop(self, changes: Sequence[Change]) -> None:
        for change in changes:
            # Where there was no row there is nothing to forget.
            if change.before is not None and change.table == LINKS.name:
                self._settled.drop(_key(change.key))

    def _is_short(self, owner: Owner, weight: int, visitor: Visitor) -> bool:
        balance = self._budgets.buckets.balance(owner.bucket, owner.limit, visitor.utime)
        return balance < weight


def _key(address: Address) -> Address | str:
    """What a settled link is found by: the code alone on the first host, so that the garbage
    collector has no tuples to go through, which took it 50 ms for as many thousand.
    """
    return address if address[0] else address[1]


def _keep_silent(question: str, answer: str) -> None:
    pass
