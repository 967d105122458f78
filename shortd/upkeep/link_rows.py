"""The rows that a link comes to when it leaves: itself, its file, its clicks.

Each is told of several tables: a link with the terms that few links have, a file with its parts, a
day and visits wherever `clicks.history` keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from shortd.clicks import history
from shortd.clicks.rollups import DIMENSIONS, counts_of
from shortd.clicks.statistics import day_text
from shortd.files.manifests import parts_of
from shortd.hosts import ShortHost
from shortd.models.clicks import QR_VISIT, VISIT, Counts, DayStats, Visit
from shortd.models.files import File, FilePart
from shortd.models.links import NO_RARE_TERMS, Link, RareTerms
from shortd.store.day_packs import FIELD
from shortd.store.schema import BUNDLES, COUNTS, FILES
from shortd.store.txn import Txn
from shortd.upkeep.plain_rows import BadRow, Row, Shape, nothing_more
from shortd.upkeep.row_types import BUNDLE

_LINK = Shape(
    Link, renamed={"utime": "create_utime"}, fixed={"host": 0, "plugins": None, "rare": None}
)
_RARE = Shape(RareTerms)
_FILE = Shape(File, without=("withheld",))
_COUNTS = Shape(
    Counts, without=("visits", "day", "day_stats", "newest", "tail", "sightings", "due_day")
)
_DAY = Shape(DayStats, without=("dimensions", "profiles"))
_VISIT = Shape(Visit)
_FILEKEY = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_BLOB = re.compile(r"[0-9a-f]{32}")
_EPOCH = date(1970, 1, 1)

NAMES: dict[str, tuple[str, ...]] = {
    "host": ("type", "name", "base_url", "default"),
    "link": (
        *("type", "short_url", "host", "domain", *_LINK.names, *_RARE.names),
        *("plugins", "packed_plugins"),
    ),
    "file": ("type", "filekey", *_FILE.names, "parts"),
    "counts": ("type", "link", *_COUNTS.names),
    "day": ("type", "link", "day", *_DAY.names, "dimensions", "profiles"),
    "visit": ("type", "link", *_VISIT.names),
}
"""The fields of each type."""


def link_row(link: Link, host: ShortHost) -> Row:
    """A link with all its terms."""
    plain, packed = _unpacked(link.plugins or {})
    rare = link.rare or NO_RARE_TERMS
    return {
        "type": "link",
        "short_url": host.short_url(link.code),
        "host": host.name,
        "domain": host.domain,
        **_LINK.told(link),
        **_RARE.told(msgspec.structs.replace(rare, tags=rare.tag_names)),
        "plugins": plain,
        "packed_plugins": packed,
    }


def read_link(given: Row, host: int) -> Link:
    """The link of an object without its `host` and `domain`, on the host of a number. BadRow."""
    given.pop("short_url", None)
    plugins = _packed(given)
    link, rare = _LINK.read(given), _RARE.read(given)
    nothing_more(given)
    return msgspec.structs.replace(
        link, host=host, plugins=plugins, rare=None if rare == NO_RARE_TERMS else rare
    )


def file_rows(txn: Txn, filekey: str) -> Iterator[Row]:
    """A file with its parts, and what is in it where it holds several."""
    file = FILES.get(txn, (filekey,))
    if file is None:
        return
    parts = [
        {"number": number, "blob": part.blob, "size": part.size, "sha256": part.sha256.hex()}
        for number, part in parts_of(txn, filekey)
    ]
    yield {"type": "file", "filekey": filekey, **_FILE.told(file), "parts": parts}
    bundle = BUNDLES.get(txn, (filekey,))
    if bundle is not None:
        yield BUNDLE.told((filekey,), bundle)


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    blob: str
    size: int
    sha256: str


def read_file(given: Row) -> tuple[str, File, dict[int, FilePart]]:
    """A file's key, its row, and its parts by number. BadRow."""
    filekey = given.pop("filekey", None)
    if not isinstance(filekey, str) or not _FILEKEY.fullmatch(filekey):
        raise BadRow("filekey is none")
    try:
        told = msgspec.convert(given.pop("parts", None), list[_Part])
    except msgspec.ValidationError as fault:
        raise BadRow(f"parts: {fault}") from None
    parts: dict[int, FilePart] = {}
    for one in told:
        sha256 = bytes.fromhex(one.sha256) if re.fullmatch("[0-9a-f]{64}", one.sha256) else b""
        if not _BLOB.fullmatch(one.blob) or not sha256 or one.size < 0 or one.number in parts:
            raise BadRow(f"part {one.number} is no part of a file")
        if not 0 <= one.number < 1 << 32:
            raise BadRow(f"part {one.number} has no number that can be")
        parts[one.number] = FilePart(one.blob, one.size, sha256)
    file = _FILE.read(given)
    nothing_more(given)
    if file.stored_size != sum(part.size for part in parts.values()):
        raise BadRow("its parts have other bytes than it says")
    return filekey, file, parts


def click_rows(txn: Txn, link_id: int) -> Iterator[Row]:
    """What is kept of a link's clicks: totals, days, visits, the oldest first."""
    counts = COUNTS.get(txn, (link_id,))
    if counts is None:
        return
    yield counts_row(link_id, counts)
    for day, stats in history.days(txn, link_id):
        yield day_row(link_id, day, stats)
    for visit in history.each_visit(txn, link_id):
        yield visit_row(link_id, visit)


def counts_row(link_id: int, counts: Counts) -> Row:
    """Totals of a link."""
    return {"type": "counts", "link": link_id, **_COUNTS.told(counts)}


def day_row(link_id: int, day: int, stats: DayStats) -> Row:
    """One day, by dimension, and by profile where it has not grown beyond that."""
    profiles = [
        {"clicks": clicks, **dict(zip(DIMENSIONS, profile.split(FIELD), strict=False))}
        for profile, clicks in stats.profiles.items()
    ]
    return {
        "type": "day",
        "link": link_id,
        "day": day_text(day),
        **_DAY.told(stats),
        "dimensions": counts_of(stats),
        "profiles": profiles,
    }


def visit_row(link_id: int, visit: Visit) -> Row:
    return {"type": "visit", "link": link_id, **_VISIT.told(visit)}


def read_counts(given: Row) -> Counts:
    """Totals. BadRow."""
    counts = _COUNTS.read(given)
    nothing_more(given)
    numbers = (counts.count, counts.count_qr, counts.unique, counts.visit_serial)
    if min(*numbers, counts.last_utime, *(counts.choices or {"": 0}).values()) < 0:
        raise BadRow("a count is less than nothing")
    return counts


def read_day(given: Row) -> tuple[int, DayStats]:
    """A day, in days since 1970-01-01, and its rollup. BadRow."""
    try:
        day = (date.fromisoformat(given.pop("day")) - _EPOCH).days
    except (KeyError, TypeError, ValueError):
        raise BadRow("day is no date") from None
    try:
        dimensions = msgspec.convert(given.pop("dimensions", {}), dict[str, dict[str, int]])
        profiles = msgspec.convert(given.pop("profiles", []), list[dict[str, str | int]])
    except msgspec.ValidationError as fault:
        raise BadRow(str(fault)) from None
    stats = _DAY.read(given)
    nothing_more(given)
    if day < 0 or min(stats.total, stats.qr_loads) < 0:
        raise BadRow("a count is less than nothing")
    by_profile = dict(map(_profile, profiles))
    return day, msgspec.structs.replace(
        stats, dimensions={} if by_profile else dimensions, profiles=by_profile
    )


def read_visit(given: Row) -> Visit:
    """A visit. BadRow."""
    visit = _VISIT.read(given)
    nothing_more(given)
    if visit.utime < 0:
        raise BadRow("utime is less than nothing")
    if visit.kind not in (VISIT, QR_VISIT):
        raise BadRow("kind is none of a visit")
    return visit


def _profile(given: dict[str, str | int]) -> tuple[str, int]:
    clicks = given.pop("clicks", None)
    values = [given.pop(name, None) for name in DIMENSIONS]
    while values and values[-1] is None:
        values.pop()
    texts = [value for value in values if isinstance(value, str) and FIELD not in value]
    if not isinstance(clicks, int) or clicks < 0 or len(texts) != len(values) or given:
        raise BadRow("profiles has one that is none")
    return FIELD.join(texts), clicks


def _unpacked(plugins: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Data of plugins that JSON can hold, and the rest as they are."""
    plain: dict[str, Any] = {}
    packed: dict[str, bytes] = {}
    for name, raw in sorted(plugins.items()):
        try:
            data = msgspec.msgpack.decode(raw)
            again = msgspec.msgpack.encode(msgspec.json.decode(msgspec.json.encode(data)))
        except (ValueError, TypeError, RecursionError):
            again = b""
        if again == raw:
            plain[name] = data
        else:
            packed[name] = raw
    return plain, packed


def _packed(given: Row) -> dict[str, bytes] | None:
    plain, packed = given.pop("plugins", {}), given.pop("packed_plugins", {})
    try:
        found = msgspec.convert(packed, dict[str, bytes])
        plain = msgspec.convert(plain, dict[str, Any])
        found |= {name: msgspec.msgpack.encode(data) for name, data in plain.items()}
        for raw in found.values():
            msgspec.msgpack.decode(raw)
    except (ValueError, TypeError, OverflowError) as fault:
        raise BadRow(f"plugins: {fault}") from None
    return found or None
