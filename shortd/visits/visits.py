"""Answering a visit: the resolver's decision, applied.

Deciding, charging the owner and recording the click happen without an await between them, so
no two visits can take the same last click. Both lanes answer through here, and let the answer
leave when the click has been flushed.
"""

from __future__ import annotations

import msgspec

from shortd.clicks import Clicks
from shortd.clicks.sightings import Sightings
from shortd.limits.budgets import REDIRECT_WEIGHT, Budgets
from shortd.links import Address
from shortd.metrics import Metrics
from shortd.models.clicks import QR_LOAD, QR_VISIT, VISIT, Click, Sighting
from shortd.models.files import Encryption
from shortd.models.links import Link
from shortd.plugin_runtime.events import Events
from shortd.visitors.visitors import bare_referrer, kept_address, within_bytes
from shortd.visits.decisions import APART, NOT_FOUND, Decision, Outcome, Settled, Visitor
from shortd.visits.request_heads import LANGUAGE_LIMIT, USER_AGENT_LIMIT
from shortd.visits.resolver import Resolver

_NO_CLICK = (Outcome.HIDDEN, Outcome.PROTECTED)


class Visits:
    """Applies decisions: charges, counts, journals."""

    def __init__(
        self,
        resolver: Resolver,
        clicks: Clicks,
        budgets: Budgets,
        metrics: Metrics,
        events: Events,
        sightings: Sightings,
        address_mode: str,
    ) -> None:
        self.resolve = resolver.resolve
        self.explain = resolver.explain
        self.asks = tuple(question.asks for question in resolver.questions)
        """All questions that `explain` may tell of, in order; plugins come after them."""
        self.forwarding_of = resolver.forwarding_of
        self.is_listed = resolver.is_listed
        self._resolver = resolver
        self._settled = resolver.settled
        self._choose = resolver.choose
        self._may_see_page = resolver.may_see_page
        self._hear_click = events.click if events.hear_clicks else None
        self._sightings = sightings
        self._clicks = clicks
        self._budgets = budgets
        self._metrics = metrics
        self._address_mode = address_mode

    def answer(self, host: int, code: str, visitor: Visitor, *, unlocked: bool = False) -> Decision:
        """Decides a visit and applies it. Flush follows.

        `unlocked`: the visitor has named the link's password.
        """
        known = self._settled((host, code), visitor.utime)
        location = None if known is None else self._take(known, visitor)
        if location is not None:
            return Decision(Outcome.REDIRECT, location=location) if location else NOT_FOUND
        decision = self.resolve((host, code), visitor, unlocked=unlocked)
        self.apply(decision, visitor)
        return decision

    def apply(self, decision: Decision, visitor: Visitor) -> None:
        """Charges and counts a visit as decided, in the same tick as it was; flush follows."""
        if decision.outcome is Outcome.REDIRECT:
            self._metrics.redirects += 1
        else:
            self._metrics.visits[decision.outcome.value] += 1
        link, owner = decision.link, decision.owner
        if link is None or owner is None or not visitor.is_get or not decision.is_alive:
            return
        self._budgets.buckets.charge(owner.bucket, owner.limit, decision.weight, visitor.utime)
        if decision.outcome not in _NO_CLICK and visitor.counts:
            kind = QR_VISIT if visitor.is_qr else VISIT
            self._record(link, kind, visitor, decision.choice, self._holder(decision, visitor))

    def redirect(self, address: Address, visitor: Visitor) -> str | None:
        """Answers a visit to a redirect: where to. Empty if there is no such link; None, with
        nothing changed, for whatever else is there. Flush follows.
        """
        known = self._settled(address, visitor.utime)
        if known is not None:
            # Where a page may stand in its place, the pages ask its plugin: once.
            return self._take(known, visitor)
        decision = self.resolve(address, visitor)
        if decision.outcome is not Outcome.REDIRECT or self._is_apart(decision.link):
            return None
        self.apply(decision, visitor)
        return decision.location

    def _take(self, known: Settled | Decision, visitor: Visitor) -> str | None:
        """`resolve` and `apply` in one for what is settled: where to, as `redirect` has it.

        None, with nothing changed, if the owner cannot pay, or a page may stand in its place.
        """
        if not isinstance(known, Settled):
            if known is APART:
                return None
            self.apply(known, visitor)
            return ""
        decision, deciders = known.decision, known.deciders
        link = None if decision is None else decision.link
        if deciders is not None and self._may_see_page(deciders, visitor):
            return None
        if visitor.is_get:
            owner = known.owner
            if self._budgets.buckets.charge(
                owner.bucket, owner.limit, REDIRECT_WEIGHT, visitor.utime
            ):
                return None
        if decision is not None and deciders is not None:
            decision = self._choose(decision, deciders, visitor)
        if visitor.is_get and not visitor.is_prefetch:
            kind = QR_VISIT if visitor.is_qr else VISIT
            if decision is None:
                self._count(known.link_id, kind, visitor)
            elif decision.link is not None:
                self._record(decision.link, kind, visitor, decision.choice)
        self._metrics.redirects += 1
        location = known.location if decision is None else decision.location
        if visitor.query and deciders is None:
            return self._resolver.passed_on(link, location, visitor)
        return location

    def _is_apart(self, link: Link | None) -> bool:
        """Whether a link says something else to search engines than most do."""
        return self.is_listed(link) is not self.is_listed(None)

    def look(self, host: int, code: str, visitor: Visitor) -> Decision:
        """Decides a look that is no visit (a preview page); costs and counts nothing.

        One that may be shown `is_alive`; HIDDEN, if its destination may not. It shows where this
        visitor would go.
        """
        return self.resolve((host, code), msgspec.structs.replace(visitor, is_get=False, query=""))

    def load_qr(self, host: int, code: str, visitor: Visitor) -> Decision:
        """Decides a load of the link's QR image, and counts it. Flush follows."""
        decision = self.look(host, code, visitor)
        if decision.is_alive and decision.link is not None and visitor.counts:
            self._record(decision.link, QR_LOAD, visitor)
        return decision

    def _holder(self, decision: Decision, visitor: Visitor) -> Sighting | None:
        """Whom a click pays for a file, and who may therefore go on fetching it."""
        link, file = decision.link, decision.file
        if link is None or file is None or decision.outcome is not Outcome.FILE:
            return None
        if file.encryption is Encryption.NONE:
            return self._sightings.fetcher(link, visitor)
        # Where nothing is used up, the address costs nobody a click.
        return self._sightings.holder(link, visitor) if link.expiration_count else None

    def _record(
        self,
        link: Link,
        kind: int,
        visitor: Visitor,
        choice: str = "",
        holder: Sighting | None = None,
    ) -> None:
        is_repeat, sighting = False, None
        if link.rare is not None and kind != QR_LOAD:
            is_repeat, sighting = self._sightings.of(link, visitor)
        self._count(link.id, kind, visitor, choice, is_repeat, sighting, holder)
        if self._hear_click is not None and kind != QR_LOAD:
            self._hear_click(link, visitor, choice)

    def _count(
        self,
        link_id: int,
        kind: int,
        visitor: Visitor,
        choice: str = "",
        is_repeat: bool = False,
        sighting: Sighting | None = None,
        holder: Sighting | None = None,
    ) -> None:
        agent, language = visitor.user_agent, visitor.accept_language
        if not (agent.isascii() and language.isascii()):
            agent = within_bytes(agent, USER_AGENT_LIMIT)
            language = within_bytes(language, LANGUAGE_LIMIT)
        self._clicks.record(
            Click(
                link_id,
                visitor.utime,
                kind,
                kept_address(visitor.address, self._address_mode),
                agent,
                visitor.referrer and bare_referrer(visitor.referrer),
                language,
                choice,
                is_repeat,
                sighting,
                holder,
                visitor.do_not_track,
            )
        )
