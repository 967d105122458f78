"""What an import hands over, batch by batch, and what is said of it.

Each offer says by itself what it is about, so that one that comes twice changes nothing: links are
known again by where they came from, clicks by the numbers that they have among their link's.
"""

from __future__ import annotations

import hashlib

import msgspec

from shortd.links.sheets import Result
from shortd.models.importing import ORIGIN_BYTES
from shortd.moving import ClickSum, SourceClick, SourceLink

BATCH = 1000
"""Links or clicks in one batch, and in one transaction."""
BATCH_BYTES = 1 << 21
"""Bytes of a batch as JSON, at most, unless it is a single row."""


class LinkOffer(msgspec.Struct, frozen=True, gc=False):
    """A link, and what it is known by again."""

    mark: str
    """Its code, or what tells one without a code from the others of its source."""
    link: SourceLink


class ClickOffer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Clicks of one link, in the source's order: single ones, or sums."""

    id: int
    """`Said.id` of the link."""
    first: int
    """How many of its clicks the source has told before these."""
    clicks: list[SourceClick] = []
    sums: list[ClickSum] = []


class Said(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of an offered link, or would."""

    result: Result
    code: str = ""
    """Empty where one is yet to be drawn."""
    host: str = ""
    short_url: str = ""
    reasons: tuple[str, ...] = ()
    note: str = ""
    """The reasons in words."""
    place: str = ""
    """The address as no other link can have it; empty for a code that is yet to be drawn."""
    id: int = 0
    """Of the link that takes the clicks; 0 where none does."""


def origin_of(host: str, mark: str) -> bytes:
    """By what a link is known again within a format."""
    text = f"{host}\n{mark}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=ORIGIN_BYTES).digest()
