"""Adds up clicks and writes what comes out: counts, day rollups, recent visits.

A `Tally` belongs to one drain: `add` every click, then `write` once, in the transaction that
also moves the journal position. It never reads a visit back and never draws a chart.
"""

from __future__ import annotations

from collections.abc import Mapping

from shortd.clock import DAY
from shortd.models import QR_LOAD, QR_VISIT, Click, Counts, Sighting, Visit
from shortd.rollups import PlaceOf, Rollup
from shortd.sources import OTHER
from shortd.store.schema import COUNTS, DAY_STATS, LINKS_BY_ID, SIGHTINGS, VISITS
from shortd.store.table import WriteTxn
from shortd.visitors import referrer_host

CHOICES_PER_LINK = 64
"""Distinct choices a link keeps; clicks with further ones go under "plugin:other"."""

_NO_COUNTS = Counts()


class _LinkTally:
    """What one link's clicks of this drain add up to."""

    __slots__ = (
        "choices",
        "count",
        "count_qr",
        "days",
        "last_utime",
        "sightings",
        "unique",
        "visits",
    )

    def __init__(self) -> None:
        self.count = 0
        self.count_qr = 0
        self.last_utime = 0
        self.days: dict[int, list[Click]] = {}
        self.visits: list[Click] = []
        self.choices: dict[str, int] | None = None
        self.unique = 0
        self.sightings: dict[bytes, Sighting] = {}


class Tally:
    """The clicks of one drain."""

    def __init__(self, visits_per_link: int, place_of: PlaceOf) -> None:
        self._visits_per_link = visits_per_link
        self._place_of = place_of
        self._links: dict[int, _LinkTally] = {}

    def add(self, click: Click) -> None:
        """Takes a click in; it is bucketed by its own time."""
        link = self._links.get(click.link_id)
        if link is None:
            link = self._links[click.link_id] = _LinkTally()
        if click.kind != QR_LOAD:
            link.count += 1
            link.last_utime = max(link.last_utime, click.utime)
            if not click.is_repeat:
                link.unique += 1
                if click.sighting is not None:
                    link.sightings[click.sighting.visitor] = click.sighting
            link.visits.append(click)
            if len(link.visits) > self._visits_per_link:
                del link.visits[0]
        if click.kind in (QR_VISIT, QR_LOAD):
            link.count_qr += 1
        if click.choice:
            link.choices = add_choice(link.choices, click.choice)
        link.days.setdefault(click.utime // DAY, []).append(click)

    def write(self, txn: WriteTxn) -> None:
        """Adds everything to the tables. Clicks of a link deleted meanwhile are dropped."""
        # In the order of the keys, neighbours are found on the same pages.
        for link_id in sorted(self._links):
            counts = COUNTS.get(txn, (link_id,))
            # Counts are deleted with their link, so it is there if they are.
            if counts is not None or LINKS_BY_ID.has(txn, (link_id,)):
                self._write_link(txn, link_id, self._links[link_id], counts or _NO_COUNTS)

    def _write_link(self, txn: WriteTxn, link_id: int, link: _LinkTally, old: Counts) -> None:
        serial = old.visit_serial
        for click in link.visits:
            visit = Visit(
                click.utime,
                click.kind,
                click.address,
                click.user_agent,
                referrer_host(click.referrer),
                click.language,
                click.is_repeat,
            )
            VISITS.put(txn, (link_id, serial), visit)
            serial += 1
        oldest = old.visit_serial - old.visits
        kept_from = max(oldest, serial - self._visits_per_link)
        for surplus in range(oldest, kept_from):
            VISITS.delete(txn, (link_id, surplus))
        counts = Counts(
            count=old.count + link.count,
            count_qr=old.count_qr + link.count_qr,
            visits=serial - kept_from,
            visit_serial=serial,
            last_utime=max(old.last_utime, link.last_utime),
            choices=merged_choices(old.choices, link.choices),
            unique=old.unique + link.unique,
        )
        COUNTS.put(txn, (link_id,), counts)
        for visitor in sorted(link.sightings):
            SIGHTINGS.put(txn, (link_id, visitor), link.sightings[visitor])
        for day, clicks in link.days.items():
            rollup = Rollup(self._place_of, DAY_STATS.get(txn, (link_id, day)))
            rollup.add(clicks)
            DAY_STATS.put(txn, (link_id, day), rollup.row())


def add_choice(choices: dict[str, int] | None, choice: str, clicks: int = 1) -> dict[str, int]:
    """Counts clicks by their `Click.choice` in a dictionary, or in a new one, which is bounded."""
    if choices is None:
        choices = {}
    for one in choice.split(" "):
        if one not in choices and len(choices) >= CHOICES_PER_LINK:
            one = one.partition(":")[0] + ":" + OTHER.lower()
        choices[one] = choices.get(one, 0) + clicks
    return choices


def merged_choices(
    one: Mapping[str, int] | None, other: Mapping[str, int] | None
) -> dict[str, int] | None:
    """Both added up, within the same bounds; None for none."""
    total = dict(one) if one else None
    for choice, clicks in (other or {}).items():
        total = add_choice(total, choice, clicks)
    return total
