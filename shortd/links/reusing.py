"""A link that is there already in the place of a new one: which may stand for another."""

from __future__ import annotations

import msgspec

from shortd.clicks import Clicks
from shortd.links.destination_index import DestinationIndex, normalized
from shortd.links.links import NewLink
from shortd.models.accounts import Account
from shortd.models.links import Link, Terms
from shortd.store import Store
from shortd.store.txn import Txn

_CALLED = ("tag", "title", "tags", "note")
"""Terms by which its owner tells a link from others: no visit goes elsewhere for them."""
_PLAIN = Terms()


class Reusing:
    """Finds links for who would make the same once more. Times are Unix µs."""

    def __init__(self, store: Store, clicks: Clicks, index: DestinationIndex) -> None:
        self._store = store
        self._clicks = clicks
        self._index = index

    async def find(self, account: Account, location: str, now: int) -> Link | None:
        """The account's link that leads to a URL: the newest of those that do so now, else the
        newest of those that are off or have ended; None if there is none."""
        found = await self._index.find(account, location)
        with self._store.read() as txn:
            leading = (link for link in found if self._leads_on(txn, link, now))
            return next(leading, found[0] if found else None)

    async def instead_of(self, account: Account, new: NewLink, now: int) -> Link | None:
        """The account's newest link that a new one would be like in all that was asked for, and
        that leads on now; one that is called nothing else before others."""
        if new.password is not None:
            # Whether it is the same password, nobody knows.
            return None
        found = await self._index.find(account, new.destination.location)
        with self._store.read() as txn:
            alike = None
            for link in found:
                if _is_alike(link, new) and self._leads_on(txn, link, now):
                    if link.terms == new.terms:
                        return link
                    alike = alike or link
        return alike

    def _leads_on(self, txn: Txn, link: Link, now: int) -> bool:
        is_over = link.expiration_utime <= now or self._clicks.are_used_up(txn, link)
        return link.enabled and not is_over


def _is_alike(link: Link, new: NewLink) -> bool:
    rare = link.rare
    if link.host != new.host.number or (new.code is not None and link.code != new.code):
        return False
    if rare is not None and (rare.password is not None or rare.team != new.host.team):
        return False
    return link.plugins is None and link.terms == _called_as(link.terms, new.terms)


def _called_as(there: Terms, asked: Terms) -> Terms:
    """Terms that were asked for, with what a link is called where nothing of that was."""
    unasked = [name for name in _CALLED if getattr(asked, name) == getattr(_PLAIN, name)]
    return msgspec.structs.replace(asked, **{name: getattr(there, name) for name in unasked})


def key_of(new: NewLink) -> str:
    """The same for new links that one link can stand for, of those that are alike otherwise."""
    return normalized(new.destination.location)
