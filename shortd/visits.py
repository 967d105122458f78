"""Answering a visit: the resolver's decision, applied.

Deciding, charging the owner and recording the click happen without an await between them, so
no two visits can take the same last click. Both lanes answer through here, and let the answer
leave when the click has been flushed.
"""

from __future__ import annotations

import msgspec

from shortd.budgets import Budgets
from shortd.clicks import Clicks
from shortd.links import Address
from shortd.metrics import Metrics
from shortd.models import QR_LOAD, QR_VISIT, VISIT, Click, Link
from shortd.plugins.events import Events
from shortd.resolver import Decision, Outcome, Resolver, Settled, Visitor
from shortd.sightings import Sightings
from shortd.visitors import kept_address

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
        self._decide = resolver.decide
        self.explain = resolver.explain
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
        decision = None if known is None else self._answer_settled(known, visitor)
        if decision is None:
            decision = self._decide((host, code), visitor, unlocked=unlocked)
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
            self._record(link, QR_VISIT if visitor.is_qr else VISIT, visitor, decision.choice)

    def redirect(self, address: Address, visitor: Visitor) -> Decision | None:
        """Answers a visit to a redirect, or to nothing at all; None, with nothing changed, for
        others. Flush follows.
        """
        known = self._settled(address, visitor.utime)
        if known is not None:
            # Where a page may stand in its place, the pages ask its plugin: once.
            return self._answer_settled(known, visitor)
        decision = self._decide(address, visitor)
        if decision.outcome is not Outcome.REDIRECT:
            return None
        self.apply(decision, visitor)
        return decision

    def _answer_settled(self, known: Settled | Decision, visitor: Visitor) -> Decision | None:
        """Answers a visit to what is settled; None as `_take` has it."""
        if isinstance(known, Settled):
            return self._take(known, visitor)
        self.apply(known, visitor)
        return known

    def _take(self, known: Settled, visitor: Visitor) -> Decision | None:
        """`resolve` and `apply` in one for a settled redirect.

        None, with nothing changed, if the owner cannot pay, or a page may stand in its place.
        """
        decision, owner, deciders = known.decision, known.owner, known.deciders
        if deciders is not None and self._may_see_page(deciders, visitor):
            return None
        if visitor.is_get:
            if self._budgets.buckets.charge(
                owner.bucket, owner.limit, decision.weight, visitor.utime
            ):
                return None
            if deciders is not None:
                decision = self._choose(decision, deciders, visitor)
            if not visitor.is_prefetch:
                kind = QR_VISIT if visitor.is_qr else VISIT
                self._record(known.link, kind, visitor, decision.choice)
        elif deciders is not None:
            decision = self._choose(decision, deciders, visitor)
        self._metrics.redirects += 1
        return decision

    def look(self, host: int, code: str, visitor: Visitor) -> Decision:
        """Decides a look that is no visit (a preview page); costs and counts nothing.

        One that may be shown `is_alive`; HIDDEN, if its destination may not. It shows where this
        visitor would go.
        """
        return self.resolve(host, code, msgspec.structs.replace(visitor, is_get=False))

    def load_qr(self, host: int, code: str, visitor: Visitor) -> Decision:
        """Decides a load of the link's QR image, and counts it. Flush follows."""
        decision = self.look(host, code, visitor)
        if decision.is_alive and decision.link is not None and visitor.counts:
            self._record(decision.link, QR_LOAD, visitor)
        return decision

    def _record(self, link: Link, kind: int, visitor: Visitor, choice: str = "") -> None:
        is_repeat, sighting = False, None
        if link.extras is not None and kind != QR_LOAD:
            is_repeat, sighting = self._sightings.of(link, visitor)
        self._clicks.record(
            Click(
                link.id,
                visitor.utime,
                kind,
                kept_address(visitor.address, self._address_mode),
                visitor.user_agent,
                visitor.referrer,
                visitor.accept_language,
                choice,
                is_repeat,
                sighting,
            )
        )
        if self._hear_click is not None and kind != QR_LOAD:
            self._hear_click(link, visitor, choice)
