"""Visitors who are not there: what `explain` asks what would happen to."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from shortd.plugin.types import Visit
from shortd.visitors.visitors import is_address
from shortd.visits.request_heads import LANGUAGE_LIMIT, REFERRER_LIMIT, USER_AGENT_LIMIT

LAST_UTIME = 253_402_300_799_999_999
"""The end of the year 9999: what comes later is no date to Python, nor to plugins."""
_PLAIN = "".join(map(chr, range(0x21, 0x7F)))
"""What may stand in a query as it is."""
Header = Annotated[str, Meta(max_length=2048)]


class PretendedVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """A visitor who is not there."""

    user_agent: Header = ""
    accept_language: Header = ""
    referrer: Header = ""
    address: Annotated[str, Meta(max_length=64)] = ""
    """Empty: the caller's own."""
    country: Annotated[str, Meta(max_length=2)] = ""
    """Empty: that of the address, if it is known."""
    city: Annotated[str, Meta(max_length=100)] = ""
    """The same, in English."""
    query: Header = ""
    """What stands behind the address's "?"."""
    qr: bool = False
    head: bool = False
    prefetch: bool = False
    do_not_track: bool = False
    utime: Annotated[int, Meta(ge=0, le=LAST_UTIME)] | None = None
    """When; null is now."""

    def visit(self, now: int, own_address: str) -> Visit:
        """As a real one would be shown to questions and plugins. ValueError for an address that is
        none: plugins may rely on it, and failing here would switch them off for all.
        """
        if self.address and not is_address(self.address):
            raise ValueError("This is no IP address.")
        return Visit(
            utime=now if self.utime is None else self.utime,
            is_get=not self.head,
            is_prefetch=self.prefetch,
            is_qr=self.qr,
            address=self.address or own_address,
            user_agent=self.user_agent[:USER_AGENT_LIMIT],
            referrer=self.referrer[:REFERRER_LIMIT],
            accept_language=self.accept_language[:LANGUAGE_LIMIT],
            do_not_track=self.do_not_track,
            query=quote(self.query.removeprefix("?"), safe=_PLAIN),
            country=self.country,
            city_of=(lambda address: self.city) if self.city else None,
        )
