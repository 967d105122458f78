"""What a visit gets: the one place that decides.

`Resolver.resolve` reads and decides; it never writes, awaits, or knows about HTTP. Whoever
answers the visit then applies the decision (`visits.visits`). What is asked, and in which order, is
the list of `visits.questions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from shortd.clicks import Clicks
from shortd.hosts import Hosts
from shortd.hosts.destinations import ascii_location, with_query, with_utm
from shortd.limits.budgets import REDIRECT_WEIGHT, Budgets
from shortd.limits.owner_cache import Owner, OwnerCache
from shortd.links import Address
from shortd.links.finding import find
from shortd.models.accounts import DELETED
from shortd.models.links import Forwarding, Link
from shortd.plugin_runtime.deciding import Deciders, LinkDeciders
from shortd.plugin_runtime.steps import Step, Steps
from shortd.store import Store
from shortd.store.schema import LINKS
from shortd.store.txn import Change
from shortd.visits.cache import Cache, Doorkeeper
from shortd.visits.decisions import APART, NOT_FOUND, Decision, Outcome, Settled, Visitor
from shortd.visits.questions import Case, Enabled, OwnerLives, Silence, all_questions

SETTLED_LINKS = 1 << 17
"""Plain redirects kept at least (twice as many at most, some 350 bytes each)."""
LARGE_BYTES = 12 << 20
"""What is larger about them may take so much beside, at most three times."""
USUAL_LOCATION = 256
"""Characters of a location that is not larger than others."""
READ_LINK = 4
"""Bytes in memory for each one of a row, with what plugins make of their data in it."""


class Resolver:
    """Decides visits from one database snapshot and the live counts."""

    def __init__(
        self,
        store: Store,
        hosts: Hosts,
        owners: OwnerCache,
        clicks: Clicks,
        budgets: Budgets,
        deciders: Deciders,
        nonce: Callable[[], str],
        country_of: Callable[[str], str] | None = None,
        city_of: Callable[[str], str] | None = None,
        *,
        at_length: bool = False,
        forwarding: Forwarding = Forwarding.NO,
        robots: bool = False,
    ) -> None:
        """`nonce` makes one for a page of a plugin: random, unlike any other. `country_of` and
        `city_of` tell plugins where an address is. `at_length`: whoever is told of a settled
        redirect is told of its link as well. `forwarding` and `robots` are those of links that say
        nothing.
        """
        self._store = store
        self._hosts = hosts
        self._owners = owners
        self.questions = all_questions(clicks, budgets)
        self._silence = Silence(self.questions)
        self._deciders = deciders
        self._nonce = nonce
        self._country_of = country_of
        self._city_of = city_of
        self._at_length = at_length or deciders.everywhere
        self._forwarding = forwarding
        self._robots = robots
        # Reading and decoding a row cost a quarter of a redirect. Never stale: the writer
        # drops what it changed before it acknowledges the change.
        self._settled: Cache[Address | str, Settled] = Cache(
            SETTLED_LINKS, LARGE_BYTES, _size_beyond
        )
        self._door = Doorkeeper(4 * SETTLED_LINKS)
        store.watch(self._drop)

    def explain(self, host: int, code: str, visitor: Visitor) -> tuple[Decision, list[Step]]:
        """What `resolve` would decide, with the questions on the way there and their answers."""
        steps = Steps()
        return self.resolve((host, code), visitor, steps), steps.taken

    def settled(self, address: Address, now: int) -> Settled | Decision | None:
        """The redirect at an address, if nothing but time, its owner or a write can change it, or
        NOT_FOUND. None for whatever else is there; APART for redirects that are to be asked about
        at length.

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
            country = self._country_of(visitor.address)
            visitor = structs.replace(
                visitor, country=country, city_of=visitor.city_of or self._city_of
            )
        chosen = deciders.choose(visitor, steps)
        if self.may_see_page(deciders, visitor):
            location = self.passed_on(decision.link, chosen.location, visitor)
            page = deciders.page(visitor, location, self._nonce(), steps)
            if page is not None:
                return structs.replace(
                    decision,
                    outcome=Outcome.INTERSTITIAL,
                    location=chosen.location,
                    choice=f"{chosen.choice} {page.choice}".strip(),
                    page=page,
                )
        return Decision(
            Outcome.REDIRECT,
            decision.link,
            decision.owner,
            self.passed_on(decision.link, chosen.location, visitor),
            None,
            decision.weight,
            chosen.choice,
        )

    def forwarding_of(self, link: Link | None) -> Forwarding:
        """Whether visitors' queries go on to where a link leads, and whose values count. None is
        any link that says nothing of it.
        """
        own = Forwarding.SERVER if link is None or link.rare is None else link.rare.forwarding
        return own or self._forwarding

    def is_listed(self, link: Link | None) -> bool:
        """Whether search engines may list what a link answers; None as above."""
        own = None if link is None or link.rare is None else link.rare.robots
        return self._robots if own is None else own

    def passed_on(self, link: Link | None, location: str, visitor: Visitor) -> str:
        """A destination of a link, with the visitor's query if it goes on."""
        if not visitor.query or (own := self.forwarding_of(link)) is Forwarding.NO:
            return location
        query = visitor.query.encode("latin-1")
        return with_query(location, query, own_stays=own is Forwarding.LINK)

    def may_see_page(self, deciders: LinkDeciders, visitor: Visitor) -> bool:
        """Whether plugins are asked for a page: for a click by anything but a robot."""
        return bool(deciders.pages) and visitor.counts and not visitor.is_bot

    def _settle(self, address: Address, now: int) -> Settled | Decision | None:
        """Settles a redirect, for later visits as well."""
        link = self._store.get(LINKS, address)
        is_there = link is not None and link.owner != DELETED
        if not is_there and self._hosts.options_of(address[0]).ignore_case:
            with self._store.read() as txn:
                link = find(txn, self._hosts, *address)
        if link is None:
            return NOT_FOUND
        owner = self._owners.get(link.owner)
        if owner is None:
            return None
        until = self._silence.until(link, owner, now)
        if until <= now:
            return None
        if self.is_listed(link) is not self._robots:
            return APART
        if self._at_length or link.rare is not None or link.plugins:
            decision, deciders = self._redirect(link, owner)
            settled = Settled(link.id, decision.location, owner, until, decision, deciders)
        else:
            settled = Settled(link.id, ascii_location(link.location), owner, until)
        # Under its own address alone, by which it is dropped.
        key = _key(address)
        if address[1] == link.code and self._door.has_seen(key):
            self._settled.put(key, settled)
        return settled

    def _redirect(
        self, link: Link, owner: Owner, steps: Steps | None = None
    ) -> tuple[Decision, LinkDeciders | None]:
        """The redirect to a link's own destination, and the plugins that may change it."""
        location = ascii_location(link.location)
        if link.rare is not None and link.rare.utm is not None:
            location = with_utm(location, link.rare.utm)
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
            link = find(txn, self._hosts, *address)
            owner = None if link is None else self._owners.get(link.owner)
            if link is None or owner is None:
                note(Enabled.asks if link is None else OwnerLives.asks, "no")
                return NOT_FOUND
            case = Case(txn, link, owner, visitor, note, unlocked=unlocked)
            decision = None
            for question in self.questions:
                decision = question.decide(case)
                if decision is not None:
                    break
        if decision is None:
            decision, deciders = self._redirect(link, owner, steps)
            if deciders is not None:
                return self.choose(decision, deciders, visitor, steps)
        if visitor.query and decision.outcome is Outcome.REDIRECT:
            location = self.passed_on(link, decision.location, visitor)
            return structs.replace(decision, location=location)
        return decision

    def _drop(self, changes: Sequence[Change]) -> None:
        for change in changes:
            # Where there was no row there is nothing to forget.
            if change.before is not None and change.table == LINKS.name:
                self._settled.drop(_key(change.key))


def _size_beyond(settled: Settled) -> int:
    """What a redirect takes beyond most others, in bytes."""
    size = len(settled.location) - USUAL_LOCATION
    if settled.decision is not None and settled.decision.link is not None:
        size += READ_LINK * len(LINKS.encode(settled.decision.link))
    return max(0, size)


def _key(address: Address) -> Address | str:
    """What a settled link is found by: the code alone on the first host, so that the garbage
    collector has no tuples to go through, which took it 50 ms for as many thousand.
    """
    return address if address[0] else address[1]


def _keep_silent(question: str, answer: str) -> None:
    pass
