"""Downloads that go on: who has clicked a plain file's link may fetch the rest of it for a while.

Connections break, and some clients fetch a file in pieces: all that is one click. A continuation is
a GET with a range that begins beyond the first byte, by the visitor of a click that is not long
past. It uses up nothing that a link allows, so it is given after the last allowed click as well.
"""

from __future__ import annotations

from collections.abc import Callable

from shortd.clicks.sightings import Sightings
from shortd.limits.budgets import REDIRECT_WEIGHT, Budgets
from shortd.limits.owner_cache import OwnerCache
from shortd.links import Address
from shortd.models.files import Encryption
from shortd.visits import Visits
from shortd.visits.decisions import Decision, Outcome, Visitor


class Continuations:
    """Knows who goes on."""

    def __init__(
        self, visits: Visits, sightings: Sightings, budgets: Budgets, owners: OwnerCache
    ) -> None:
        self._visits = visits
        self._sightings = sightings
        self._budgets = budgets
        self._owners = owners

    def of(
        self, address: Address, visitor: Visitor, asks_for_rest: Callable[[int], bool]
    ) -> Decision | None:
        """The file of a link, for who has begun to fetch it and asks for the rest of so many bytes;
        None for whoever else asks.

        The link's owner is charged for a redirect, as for any answered GET; the file's size was
        paid for by the click.
        """
        decision = self._visits.look(*address, visitor)
        link, file = decision.link, decision.file
        if link is None or file is None or file.encryption is not Encryption.NONE or file.entries:
            return None
        if link.expiration_utime <= visitor.utime or not asks_for_rest(file.stored_size):
            return None
        if link.rare is not None and link.rare.password is not None:
            # Who has named it is sent on to the file itself, and goes on there.
            return None
        owner = self._owners.get(link.owner)
        if owner is None or not self._sightings.fetches(link, visitor):
            return None
        short = self._budgets.buckets.charge(
            owner.bucket, owner.limit, REDIRECT_WEIGHT, visitor.utime
        )
        if short:
            return None
        return Decision(Outcome.FILE, link, owner, file=file, weight=REDIRECT_WEIGHT)
