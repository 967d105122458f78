"""Rows about clicks, and what is counted of them."""

from __future__ import annotations

import msgspec


class Sighting(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visitor of a link whose click counted as a unique one, or paid for the link's file."""

    link_id: int
    visitor: bytes
    """`VISITOR_BYTES`, from which nobody without this directory's secret learns who it was."""
    utime: int
    """When the click was."""
    until: int
    """When the visitor would count again under the terms of that moment; kept no longer."""


VISITOR_BYTES = 16


class Click(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One journal record: a visit to a link, or a load of its QR image."""

    link_id: int
    utime: int
    kind: int
    """`VISIT`, `QR_VISIT` or `QR_LOAD`."""
    address: str = ""
    """As [clicks] ip has it: full, truncated, or empty."""
    user_agent: str = ""
    referrer: str = ""
    language: str = ""
    choice: str = ""
    """"plugin:choice" of who decided where the visit went, and after a space that of who showed a
    page on the way; mostly empty."""
    is_repeat: bool = False
    """The visitor comes again within the link's unique window: no unique click."""
    sighting: Sighting | None = None
    """Whom to know again, where the link counts unique clicks and this is one."""
    holder: Sighting | None = None
    """Who may go on fetching the link's file for a while, where it shares one."""
    do_not_track: bool = False
    """The visitor does not want to be told about to others."""


VISIT = 0
"""A redirect: counts in `count`."""


QR_VISIT = 1
"""A redirect from a tracked QR code: counts in `count` and `count_qr`."""


QR_LOAD = 2
"""A load of the QR image: counts in `count_qr` alone."""


class Counts(msgspec.Struct, array_like=True, frozen=True):
    """Drained totals of a link, and what else a usual click touches; `history` keeps it."""

    count: int = 0
    count_qr: int = 0
    visits: int = 0
    """Visits that are kept, in all."""
    visit_serial: int = 0
    """Serial of the next visit."""
    last_utime: int = 0
    """When the last visit was."""
    choices: dict[str, int] | None = None
    """Visits by "plugin:choice"; None where there are none."""
    unique: int = 0
    """Visits that were no repeats."""
    day: int = 0
    """The latest day that was clicked, in days since 1970-01-01 UTC."""
    day_stats: PackedDay | None = None
    """Of that day; None if it has a row of its own."""
    newest: bytes = b""
    """The newest visits, an encoded `VisitPack`; the others are in blocks of their own."""
    sightings: int = 0
    """Visitors who are known again; those from before this was counted are not in it."""
    undated: int = 0
    """Of `count` and `unique`, what came from elsewhere without a day."""
    tail: list[bytes] = []
    """Behind `newest`, the visits that came last, each an encoded `VisitRecord`."""
    due_day: int = -1
    """The day of the oldest visit that is kept, or an earlier one: where `visits_due` has the
    link. -1 without visits."""


class DayTotal(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The beginning of a `DayStats` row: what follows is skipped without being read."""

    total: int = 0


class CountsHead(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The beginning of a `Counts` row, for who adds up many: the names are the same."""

    count: int = 0
    count_qr: int = 0
    visits: int = 0
    visit_serial: int = 0
    last_utime: int = 0
    choices: dict[str, int] | None = None
    unique: int = 0
    day: int = 0
    day_stats: DayTotal | None = None


class Visit(msgspec.Struct, array_like=True, frozen=True):
    """A recent visit, kept for [clicks] visit_days."""

    utime: int
    kind: int
    address: str
    user_agent: str
    referrer: str
    """Its host, or "Direct"."""
    language: str
    is_repeat: bool = False
    country: str = ""
    """As whoever counted it elsewhere knew it; empty: as the address tells."""


class PastSum(msgspec.Struct, frozen=True, gc=False):
    """Visits of one day that were counted elsewhere and are known as sums alone."""

    last_utime: int
    total: int
    dimensions: dict[str, dict[str, int]]
    """As `DayStats` has them."""


class DayStats(msgspec.Struct, array_like=True, frozen=True):
    """One link's rollup of one UTC day; `rollups` knows how to read and how to add to it.

    It is stored as a `PackedDay`. `dimensions` maps a dimension ("source", "device", "os", …) to
    counts by value; a value with a part of its own (a version, a model) is spelled
    "value\\x1fpart". A day with few different clicks has none, and counts by `profiles` instead:
    the values of all dimensions in one string.
    """

    total: int = 0
    """Visits that were no repeats."""
    qr_loads: int = 0
    dimensions: dict[str, dict[str, int]] = {}
    profiles: dict[str, int] = {}


Code = int | str
"""A text in a row that is packed: a number of the table of strings, 0 for the empty text, or the
text itself."""


class VisitPack(msgspec.Struct, array_like=True, frozen=True):
    """Visits of a link in the order in which they came, column by column: see
    `store.visit_packs`."""

    base: int = 0
    """A time in µs, none of the visits' being before it."""
    times: bytes = b""
    """µs behind `base`, each in as many bytes as the largest takes, big-endian."""
    forms: bytes = b""
    """A byte each: kind, whether it is a repeat, and the form of the address."""
    addresses: bytes = b""
    agents: list[Code] = []
    referrers: list[Code] = []
    languages: list[Code] = []
    countries: list[Code] = []
    """Of each visit, or of none."""


class VisitRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visit that waits to be packed with others; as in a `VisitPack`."""

    utime: int
    form: int
    address: bytes
    agent: Code
    referrer: Code
    language: Code
    country: Code = 0


class PackedDay(msgspec.Struct, array_like=True, frozen=True):
    """A `DayStats` as it is stored, with codes for its texts: see `store.day_packs`."""

    total: int = 0
    qr_loads: int = 0
    dimensions: dict[Code, dict[Code, int]] = {}
    profiles: dict[bytes, int] = {}
    """By the encoded codes of their parts."""


class Position(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A place in the click journal: the end of the record that was read last."""

    segment: int = 0
    offset: int = 0
