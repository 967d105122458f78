"""Unique clicks: knowing a visitor again, and for how long.

A visitor is an address with a user agent. What is kept of him is a keyed hash that says nothing
without this directory's secret, differs from link to link, and goes when its time is over. It is
the same however much of an address `[clicks] ip` lets a click keep.
"""

from __future__ import annotations

import hashlib

from shortd.clicks import Clicks
from shortd.models import VISITOR_BYTES, Link, Sighting
from shortd.plugin_types import Visit
from shortd.store import Store


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
        window = link.extras.unique_window if link.extras is not None else 0
        if not window:
            return False, None
        visitor = self._name(link, visit)
        with self._store.read() as txn:
            last = self._clicks.last_seen(txn, link.id, visitor)
        # A clock that was set back by more has forgotten him.
        if last is not None and abs(visit.utime - last) < window:
            return True, None
        return False, Sighting(link.id, visitor, visit.utime, visit.utime + window)

    def _name(self, link: Link, visit: Visit) -> bytes:
        keyed = self._hash.copy()
        text = f"{link.id}\n{visit.address}\n{visit.user_agent}"
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.digest()
