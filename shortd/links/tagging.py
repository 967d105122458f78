"""Tags: which ones an account's links have, how often, and how it wants to see them.

A tag is a text that links carry, and exists as long as one does or a colour was chosen for it. The
bits of v2's tag are others, whatever they are called: a bit is never the text of the same name.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.accounts.preferences import PreferencesKeeper
from shortd.links.bulk import Bulk, Change, Outcome
from shortd.links.kept import Kept
from shortd.links.listing import Listing
from shortd.links.queries import LinkQuery
from shortd.links.tag_lists import check_length, check_number
from shortd.links.terms import check_characters
from shortd.models.accounts import TAG_COLORS, Account, Preferences, TagLook
from shortd.models.links import Link
from shortd.store.txn import Txn

LOOKS = 500
"""Tags of an account that can have a look."""
BITS = 63
"""Bits that are shown: the highest is the sign."""


class ShownTag(NamedTuple):
    """A tag as an account sees it."""

    name: str
    """The text; of a bit the name that it was given here, or "Tag 5"."""
    bit: int | None
    """Its number from 0; None for a text."""
    color: int
    """From 1 to `TAG_COLORS`."""
    links: int = 0


class TagCounts(NamedTuple):
    """How many links have which tags."""

    texts: Counter[str]
    bits: Counter[int]


class CountedTags(NamedTuple):
    """A page of an account's tags."""

    texts: list[ShownTag]
    """By name."""
    total: int
    """How many texts there are."""
    bits: list[ShownTag]


class Tagging:
    """The rules of tags. Times are Unix µs."""

    def __init__(self, preferences: PreferencesKeeper, listing: Listing, bulk: Bulk) -> None:
        self._preferences = preferences
        self._listing = listing
        self._bulk = bulk
        self._kept: Kept[str, TagCounts] = Kept(lambda counts: len(counts.texts) + len(counts.bits))

    async def of_account(self, account: Account, now: int) -> tuple[list[ShownTag], int]:
        """All tags of the links that an account sees, and those that have a look, by name; and as
        of when the numbers are."""
        counts, as_of = await self._kept.get(
            account.userid, now, lambda: self._count(account, LinkQuery(also_hidden=True), now)
        )
        looks = self._preferences.of(account)
        texts = await self._listing.turns.ordered(
            {**counts.texts, **looks.tags}, key=lambda name: (name.casefold(), name)
        )
        bits = sorted(counts.bits.keys() | looks.bits.keys())
        shown = [shown_text(looks, name, counts.texts[name]) for name in texts]
        return shown + [shown_bit(looks, bit, counts.bits[bit]) for bit in bits], as_of

    async def counted(self, account: Account, now: int, *, start: int, count: int) -> CountedTags:
        """The tags of the links that an account made, those left out of lists among them: read
        anew, so that they are as of now."""
        counts = await self._count(account, LinkQuery(made=True, also_hidden=True), now)
        looks = self._preferences.of(account)
        texts = await self._listing.turns.ordered(
            counts.texts, key=lambda name: (name.casefold(), name)
        )
        return CountedTags(
            [shown_text(looks, name, counts.texts[name]) for name in texts[start : start + count]],
            len(texts),
            [shown_bit(looks, bit, counts.bits[bit]) for bit in sorted(counts.bits)],
        )

    async def set_look(
        self, account: Account, *, text: str = "", bit: int | None = None, look: TagLook
    ) -> None:
        """How a tag is shown. INVALID_FIELD, QUOTA_EXCEEDED for too many."""
        if not 0 <= look.color <= TAG_COLORS:
            raise errors.INVALID_FIELD("From 0 to %(most)s.", field="color", most=TAG_COLORS)
        old = self._preferences.of(account)
        if bit is not None:
            if not 0 <= bit < BITS:
                raise errors.INVALID_FIELD("From 0 to %(most)s.", field="bit", most=BITS - 1)
            name = checked_name(look.name) if look.name.strip() else ""
            bits = {**old.bits, bit: TagLook(look.color, name)}
            await self._preferences.change(account, bits=bits)
            return
        tags = {**old.tags, checked_name(text): TagLook(look.color)}
        if len(tags) > LOOKS:
            raise errors.QUOTA_EXCEEDED("At most %(most)s tags can have a colour.", most=LOOKS)
        await self._preferences.change(account, tags=tags)

    async def rename(self, account: Account, old: str, new: str, now: int) -> Outcome:
        """Gives a tag's links another tag in its place; if others have that one already, the two
        are one from then on. INVALID_FIELD."""
        new = checked_name(new)
        outcome = await self._change(account, old, replaced(old, new), now)
        looks = self._preferences.of(account).tags
        if old in looks and old != new:
            kept = {name: look for name, look in looks.items() if name != old}
            kept.setdefault(new, looks[old])
            await self._preferences.change(account, tags=kept)
        return outcome

    async def remove(self, account: Account, old: str, now: int) -> Outcome:
        """Takes a tag from all links that have it."""
        outcome = await self._change(account, old, untagged(old), now)
        looks = self._preferences.of(account).tags
        if old in looks:
            kept = {name: look for name, look in looks.items() if name != old}
            await self._preferences.change(account, tags=kept)
        return outcome

    def forget(self, account: Account) -> None:
        """Drops what is kept for an account that has changed its links."""
        self._kept.forget(lambda userid: userid == account.userid)

    async def _change(self, account: Account, name: str, change: Change, now: int) -> Outcome:
        links: list[int] = []
        query = LinkQuery(tags=(name,), also_hidden=True)
        async for some in self._listing.every(account, query, now):
            links += [link.id for link in some]
        self.forget(account)
        self._listing.forget(account)
        return await self._bulk.change(account, links, change, now)

    async def _count(self, account: Account, query: LinkQuery, now: int) -> TagCounts:
        counts = TagCounts(Counter(), Counter())
        async for some in self._listing.every(account, query, now):
            for link in some:
                if link.rare is not None and link.rare.tags:
                    counts.texts.update(link.rare.tag_names)
                if link.tag:
                    counts.bits.update(bits_of(link.tag))
        return counts


def shown_text(looks: Preferences, name: str, links: int = 0) -> ShownTag:
    """A text as an account sees it."""
    look = looks.tags.get(name)
    return ShownTag(name, None, (look.color if look else 0) or _color(name), links)


def shown_bit(looks: Preferences, bit: int, links: int = 0) -> ShownTag:
    """A bit as an account sees it."""
    look = looks.bits.get(bit) or TagLook()
    return ShownTag(look.name or f"Tag {bit + 1}", bit, look.color or _color(str(bit)), links)


def tags_of(link: Link, looks: Preferences) -> list[ShownTag]:
    """A link's tags as an account sees them."""
    shown = [shown_text(looks, name) for name in _texts(link)]
    return shown + [shown_bit(looks, bit) for bit in bits_of(link.tag)]


def bits_of(tag: int) -> list[int]:
    """Numbers of the bits that are set in v2's tag."""
    return [bit for bit in range(BITS) if tag >> bit & 1] if tag else []


def checked_name(name: str) -> str:
    """A tag's text as links carry it. INVALID_FIELD."""
    name = " ".join(name.split())
    check_length(name, "tag")
    check_characters(name, "tag")
    return name


def tagged(name: str) -> Change:
    """With one more tag. INVALID_FIELD where a link has no room for it."""
    name = checked_name(name)
    return lambda txn, link: _with_tags(link, [*_texts(link), name])


def untagged(name: str) -> Change:
    """Without a tag."""
    return lambda txn, link: _with_tags(link, [one for one in _texts(link) if one != name])


def replaced(old: str, new: str) -> Change:
    """With one tag in the place of another."""

    def change(txn: Txn, link: Link) -> Link:
        return _with_tags(link, [new if one == old else one for one in _texts(link)])

    return change


def marked(bit: int, on: bool) -> Change:
    """With a bit of v2's tag, or without it."""
    mask = 1 << bit

    def change(txn: Txn, link: Link) -> Link:
        tag = link.tag | mask if on else link.tag & ~mask
        return msgspec.structs.replace(link, tag=tag)

    return change


def _texts(link: Link) -> tuple[str, ...]:
    return link.rare.tag_names if link.rare is not None else ()


def _with_tags(link: Link, names: Iterable[str]) -> Link:
    names = tuple(dict.fromkeys(names))
    if names == _texts(link):
        return link
    check_number(names, "tags")
    return link.with_terms(msgspec.structs.replace(link.terms, tags=names))


def _color(name: str) -> int:
    return zlib.crc32(name.encode()) % TAG_COLORS + 1
