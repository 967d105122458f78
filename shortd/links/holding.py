"""Links that plugins have had held, and what the operator does about them.

A link is held for one or more of its destinations until the operator approves of it, or refuses
it; that turns it off for good. Why it is held its row alone tells: the plugin may be gone. This
module must never let a link go that leads elsewhere than where the operator has looked.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from shortd import errors
from shortd.links.checking import with_held
from shortd.links.terms import check_characters
from shortd.models.accounts import DELETED
from shortd.models.links import NO_RARE_TERMS, Held, Link
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import LINKS, LINKS_BY_ID, LINKS_HELD
from shortd.store.txn import Txn, WriteTxn

WORD_CHARACTERS = 300
"""Of what the operator says to the owner of a link that is refused."""
MOST_COUNTED = 1000

Cursor = tuple[int, int]
"""Behind which link a page begins: since when it is held in µs, its id."""


class Holding:
    """The rules of held links over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, after: Cursor | None, most: int) -> list[Link]:
        """Links that wait, the longest first."""
        with self._store.read() as txn:
            return [link for _, link in islice(LINKS_HELD.rows(txn, after=after), most)]

    def count(self) -> int:
        """How many wait; `MOST_COUNTED` where there are as many or more."""
        with self._store.read() as txn:
            return sum(1 for _ in islice(LINKS_HELD.keys(txn), MOST_COUNTED))

    async def approve(self, link_id: int, seen: int | None = None) -> Link:
        """Lets a link go, also one that was refused, which is on again then: as it is now.

        `seen` is `Held.latest` as whoever approves was shown it. ENTRY_NOT_FOUND; LINK_NOT_HELD for
        one that is not held, or for something else by now.
        """

        def change(txn: WriteTxn) -> Link:
            link = _held(txn, link_id, seen)
            was_refused = link.held is not None and link.held.refused
            changed = with_held(link, None)
            if was_refused:
                changed = _switched(changed, on=True)
            LINKS.put(txn, (link.host, link.code), changed)
            return changed

        return await self._store.write(change, Reserve.ALL)

    async def refuse(self, link_id: int, word: str = "", seen: int | None = None) -> Link:
        """Turns a held link off for good, with a word for its owner: as it is now. What `approve`
        refuses; LINK_NOT_HELD for one that was refused before, INVALID_FIELD for the word."""
        if len(word) > WORD_CHARACTERS:
            raise errors.INVALID_FIELD(
                "At most %(most)s characters.", field="word", most=WORD_CHARACTERS
            )
        check_characters(word, "word")

        def change(txn: WriteTxn) -> Link:
            link = _held(txn, link_id, seen)
            held = link.held
            if held is None or held.refused:
                raise errors.LINK_NOT_HELD("This link was refused already.")
            refused = msgspec.structs.replace(held, refused=True, word=word)
            changed = _switched(with_held(link, refused), on=False)
            LINKS.put(txn, (link.host, link.code), changed)
            return changed

        return await self._store.write(change, Reserve.ALL)


def without_refusal(link: Link) -> Link:
    """The link for which an operator has turned it on again, whatever was said of it before."""
    return with_held(link, None) if link.held is not None and link.held.refused else link


def reasons_of(held: Held) -> str:
    """Why a link is held, in the words of plugins; empty where they gave none."""
    return " ".join(dict.fromkeys(one.reason for one in held.destinations if one.reason))


def _held(txn: Txn, link_id: int, seen: int | None) -> Link:
    link = LINKS_BY_ID.get(txn, (link_id,))
    if link is None or link.owner == DELETED:
        raise errors.ENTRY_NOT_FOUND()
    if link.held is None:
        raise errors.LINK_NOT_HELD()
    if seen is not None and seen != link.held.latest:
        raise errors.LINK_NOT_HELD("This link leads elsewhere by now. Look at it again.")
    return link


def _switched(link: Link, *, on: bool) -> Link:
    rare = msgspec.structs.replace(link.rare or NO_RARE_TERMS, barred=not on)
    return msgspec.structs.replace(link, enabled=on, rare=None if rare == NO_RARE_TERMS else rare)
