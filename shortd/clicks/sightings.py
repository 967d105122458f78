"""Knowing a visitor again, and for how long: for unique clicks, and for files that clicks pay for.

A visitor is an address with a user agent, or for files the client that an address stands for: who
asks for a file may do so by other means than he visited with. What is kept of him is a keyed hash
that says nothing without this directory's secret, differs from link to link, and goes when its time
is over. It is the same however much of an address `[clicks] ip` lets a click keep.
"""

from __future__ import annotations

import hashlib

from shortd.blocks import block
from shortd.clicks.clicks import Clicks
from shortd.clock import SECOND
from shortd.models.clicks import VISITOR_BYTES, Sighting
from shortd.models.links import Link
from shortd.plugin.types import Visit
from shortd.store import Store

HOLDING = 600 * SECOND
"""µs for which a click on a link that shares a file pays for fetching it."""
_FILE = "file"


class Sightings:
    """Tells first clicks from repeats. Belongs to the event loop."""

    def __init__(self, store: Store, clicks: Clicks, secret: bytes) -> None:
        self._store = store
        self._clicks = clicks
        self._hash = hashlib.blake2b(digest_size=VISITOR_BYTES, key=secret)

    def of(self, link: Link, visit: Visit) -> tuple[bool, Sighting | None]:
        """Whether a click repeats one that counted within the link's unique window, and what to
        remember if not.

        The window begins with the click that counted: who goes on clicking counts again when it is
        over. To be recorded in the same tick, or two clicks could both be the first.
        """
        window = link.rare.unique_window if link.rare is not None else 0
        if not window:
            return False, None
        visitor = self._name(link, visit.address, visit.user_agent)
        with self._store.read() as txn:
            last = self._clicks.last_seen(txn, link.id, visitor)
        # A clock that was set back by more has forgotten him.
        if last is not None and abs(visit.utime - last) < window:
            return True, None
        return False, Sighting(link.id, visitor, visit.utime, visit.utime + window)

    def holder(self, link: Link, visit: Visit) -> Sighting:
        """What to remember of a click that pays for an encrypted file."""
        return self._payer(link, visit, block(visit.address))

    def holds(self, link: Link, visit: Visit) -> bool:
        """Whether this client has paid for a link's encrypted file lately."""
        return self._has_paid(link, visit, block(visit.address))

    def fetcher(self, link: Link, visit: Visit) -> Sighting:
        """What to remember of a click that pays for a plain file."""
        return self._payer(link, visit, _FILE, visit.address, visit.user_agent)

    def fetches(self, link: Link, visit: Visit) -> bool:
        """Whether this visitor has clicked a plain file's link lately."""
        return self._has_paid(link, visit, _FILE, visit.address, visit.user_agent)

    def _payer(self, link: Link, visit: Visit, *words: str) -> Sighting:
        return Sighting(link.id, self._name(link, *words), visit.utime, visit.utime + HOLDING)

    def _has_paid(self, link: Link, visit: Visit, *words: str) -> bool:
        with self._store.read() as txn:
            paid = self._clicks.last_seen(txn, link.id, self._name(link, *words))
        return paid is not None and abs(visit.utime - paid) <= HOLDING

    def _name(self, link: Link, *words: str) -> bytes:
        """Of as many words as nothing else is named by."""
        keyed = self._hash.copy()
        text = "\n".join([str(link.id), *words])
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.digest()
