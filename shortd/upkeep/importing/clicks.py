"""Clicks of a source as they are kept here: anonymised, added up by days, old visits forgotten.

A peer's country counts more than a new look-up: addresses change hands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import structs

from shortd.clicks import history
from shortd.clicks.rollups import cut_name
from shortd.clock import DAY
from shortd.models.clicks import VISIT, PastSum, Visit
from shortd.moving import ClickSum, SourceClick
from shortd.settings import ClickSettings
from shortd.store.schema import IMPORTED
from shortd.store.txn import WriteTxn
from shortd.upkeep.importing.offers import ClickOffer
from shortd.visitors.countries import CountryOf, place_of
from shortd.visitors.devices import UNKNOWN
from shortd.visitors.sources import source_of
from shortd.visitors.visitors import PART, kept_address, referrer_host, within_bytes
from shortd.visits.request_heads import USER_AGENT_LIMIT

_COUNTRY = re.compile(r"[A-Z][A-Z0-9]")


class PastClicks:
    """Adds offered clicks to links that came from the same source."""

    def __init__(self, settings: ClickSettings, country_of: CountryOf | None) -> None:
        self._settings = settings
        self._place_of = partial(place_of, country_of=country_of)

    def add(
        self,
        txn: WriteTxn,
        source: str,
        offers: Sequence[ClickOffer],
        now: int,
        give_way: Callable[[], None],
    ) -> int:
        """How many came that had not come before. `give_way` is called again and again."""
        kept_since = now - self._settings.visit_days * DAY
        came = 0
        for offer in offers:
            give_way()
            row = IMPORTED.get(txn, (offer.id,))
            if row is None or row.source != source:
                # The link was removed meanwhile.
                continue
            past, end = [], offer.first
            for number, one in self._past(offer, now + DAY):
                # Of what the link's total does not hold there are no days either.
                fresh = min(end + number, row.clicks) - max(end, row.told)
                end += number
                if fresh > 0 and one is not None:
                    past.append(one if fresh == number else _part(one, fresh))
            if min(end, row.clicks) <= row.told:
                continue
            came += min(end, row.clicks) - row.told
            IMPORTED.put(txn, (row.link_id,), structs.replace(row, told=min(end, row.clicks)))
            if past:
                past.sort(key=history.utime_of)
                history.date_past(
                    txn,
                    row.link_id,
                    past,
                    kept_since,
                    self._settings.visits_per_link,
                    self._place_of,
                )
        return came

    def _past(self, offer: ClickOffer, latest: int) -> Iterator[tuple[int, Visit | PastSum | None]]:
        """How many clicks each is, and what is told of their day; None for nothing, and for days
        that are yet to come."""
        for click in offer.clicks:
            known = click.time is not None and click.time <= latest
            yield 1, self._visit(click, click.time or 0) if known else None
        for one in offer.sums:
            known = one.last is not None and one.last <= latest
            yield one.total, _sum(one, one.last or 0) if known else None

    def _visit(self, click: SourceClick, utime: int) -> Visit:
        return Visit(
            utime,
            VISIT,
            kept_address(click.address, self._settings.ip),
            within_bytes(click.user_agent, USER_AGENT_LIMIT),
            referrer_host(_site(click.referrer)),
            "",
            country=click.country if _COUNTRY.fullmatch(click.country) else "",
        )


def _site(referrer: str) -> str:
    """A referrer as browsers tell it: peers keep hosts alone, or a word for none."""
    if "://" in referrer:
        return referrer
    return f"http://{referrer}" if "." in referrer else ""


def _sum(one: ClickSum, last: int) -> PastSum:
    dimensions: dict[str, dict[str, int]] = {}
    for dimension, values, named in (
        ("country", one.countries, _country),
        ("source", one.referrers, _source),
        ("browser", one.browsers, _program),
        ("os", one.systems, _program),
    ):
        counted: Counter[str] = Counter()
        for name, clicks in values.items():
            counted[named(name)] += clicks
        if counted:
            dimensions[dimension] = dict(counted)
    return PastSum(last, one.total, dimensions)


def _country(name: str) -> str:
    return name if _COUNTRY.fullmatch(name) else UNKNOWN


def _source(name: str) -> str:
    return source_of(referrer_host(_site(name)))


def _program(name: str) -> str:
    """A browser or a system, whose version nobody knows."""
    return f"{cut_name(name) or UNKNOWN}{PART}{UNKNOWN}"


def _part(one: Visit | PastSum, number: int) -> Visit | PastSum:
    """The last clicks of a sum, of which no more is known than the day."""
    return one if isinstance(one, Visit) else PastSum(one.last_utime, number, {})
