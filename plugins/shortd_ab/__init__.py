"""Splits a link's visitors between destinations, for A/B tests.

A visitor stays with his variant without a cookie: it follows from a keyed hash of link, address
and user agent. Who changes network may change sides.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from msgspec import Meta, Struct

from shortd.plugin import BadData, Destination, Link, Plugin, Visit, hookimpl

MAIN = "main"
"""The choice of those who go to the link's own destination."""


class Variant(Struct, frozen=True, forbid_unknown_fields=True):
    """One other destination."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    weight: Annotated[int, Meta(ge=1, le=100)]
    """Share of the visitors, in percent."""


class Split(Struct, frozen=True, forbid_unknown_fields=True):
    """A link's variants; who falls to none of them goes to the link's own destination."""

    variants: Annotated[list[Variant], Meta(min_length=1, max_length=10)]


class AB(Plugin[None, Split]):
    """Splits visitors between destinations by weight; everybody keeps his own."""

    name = "ab"
    Data = Split

    # Behind all others: who is led elsewhere for a reason takes no part in the test.
    @hookimpl(trylast=True)
    def destination(self, link: Link, visit: Visit, data: Split) -> Destination:
        percent = self._draw(f"{link.id}\n{visit.address}\n{visit.user_agent}")
        for number, variant in enumerate(data.variants, 1):
            percent -= variant.weight
            if percent < 0:
                return Destination(variant.url, str(number))
        return Destination(choice=MAIN)

    def shares(self, data: Split, link: Link) -> dict[str, float]:
        meant = {str(number): variant.weight for number, variant in enumerate(data.variants, 1)}
        return {MAIN: 100 - sum(meant.values()), **meant}

    def check(self, data: Split, link: Link) -> None:
        for index, variant in enumerate(data.variants):
            self.check_url(variant.url, f"variants[{index}].url")
        if sum(variant.weight for variant in data.variants) > 100:
            raise BadData("The weights of all variants come to more than 100.", "variants")

    def _draw(self, visitor: str) -> int:
        """A number below 100, always the same for the same visitor."""
        text = visitor.encode("utf-8", "surrogatepass")
        keyed = hashlib.blake2s(text, digest_size=8, key=self.server.secret)
        return int.from_bytes(keyed.digest(), "big") % 100
