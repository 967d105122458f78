"""Clicks of schema 4, packed as those of schema 5, in portions that outlast kill -9.

Until schema 5 each visit was a row with all its texts, and days had theirs. What is made of them
goes into tables of other names, a portion of links in a transaction, while the old ones stay as
they are: an older shortd that is started in between finds its database as it was.

How far it came is in META, with the number of the transaction that wrote it: if another was the
last, somebody else has written since, and it begins anew. The last transaction, in which the
schema becomes 5, removes the old tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from zlib import crc32

import lmdb
import msgspec

from shortd.clock import DAY
from shortd.models.clicks import Counts, DayStats, Visit, VisitPack
from shortd.store.day_packs import packed_day
from shortd.store.schema import (
    COUNTS,
    DAY_STATS,
    META,
    POSITIONS,
    STRING_USES,
    STRINGS,
    STRINGS_BY_DIGEST,
    VISITS,
    VISITS_DUE,
    stored_as,
)
from shortd.store.strings import NEXT_KEY, settle_uses
from shortd.store.txn import KnownStrings, WriteTxn
from shortd.store.visit_packs import (
    NEWEST_BYTES,
    NEWEST_VISITS,
    encode_pack,
    extended,
    in_blocks,
)

PACKED_FROM = 4
"""The latest schema whose clicks are to be packed."""
PORTION_ROWS = 10_000
"""Rows of a portion: about 0.1 s."""
OLD_COUNTS, OLD_DAYS, OLD_VISITS = "counts", "day_stats", "visits"
_OLD = (OLD_COUNTS, OLD_DAYS, OLD_VISITS)
_DONE = ("packing_done",)
"""The last link that is packed, and one."""
_COMMIT = ("packing_commit",)
_SUM = ("packing_sum",)
_MARKS = (_DONE, _COMMIT, _SUM)
_MADE = (COUNTS, DAY_STATS, VISITS, VISITS_DUE, STRINGS, STRINGS_BY_DIGEST, STRING_USES)


class _Counts4(msgspec.Struct, array_like=True, frozen=True):
    """`Counts` as they were."""

    count: int = 0
    count_qr: int = 0
    visits: int = 0
    visit_serial: int = 0
    last_utime: int = 0
    choices: dict[str, int] | None = None
    unique: int = 0
    day: int = 0
    day_stats: DayStats | None = None
    newest: list[bytes] = []
    sightings: int = 0
    undated: int = 0


_decode_counts = msgspec.msgpack.Decoder(_Counts4).decode
_decode_day = msgspec.msgpack.Decoder(DayStats).decode
_decode_visit = msgspec.msgpack.Decoder(Visit).decode


class Packing:
    """Packs what a database of schema 4 or before has."""

    def __init__(self, environment: lmdb.Environment, meta: Any) -> None:
        """`meta` is the handle of META."""
        self._environment = environment
        self._meta = {META.name: meta}
        self._old = {name: _opened(environment, name.encode()) for name in _OLD}
        self._positions = _opened(environment, stored_as(POSITIONS.name))
        self._known = KnownStrings()

    def is_begun(self) -> bool:
        """Whether there is a beginning, and nobody has written since."""
        with self._environment.begin() as raw:
            txn = WriteTxn(raw, self._meta)
            marks = (META.get(txn, _COMMIT), META.get(txn, _SUM))
            return marks == (self._environment.info()["last_txnid"], self._sum(raw))

    def forget(self) -> None:
        """Removes a beginning that is worth nothing."""
        with self._environment.begin() as raw:
            if META.get(WriteTxn(raw, self._meta), _COMMIT) is None:
                return
        made = [_opened(self._environment, stored_as(table.name)) for table in _MADE]
        with self._environment.begin(write=True) as raw:
            for database in filter(None, made):
                raw.drop(database, delete=False)
            for key in (*_MARKS, NEXT_KEY):
                META.delete(WriteTxn(raw, self._meta), key)

    def run(self, databases: dict[str, Any], tell: Callable[[int, int], None]) -> None:
        """Packs what is left into `databases`. `tell` hears of links that are done, and of how many
        there are."""
        counts = self._old[OLD_COUNTS]
        if counts is None:
            return
        with self._environment.begin() as raw:
            total = raw.stat(counts)["entries"]
            done = raw.stat(databases[COUNTS.name])["entries"]
        is_done = False
        while not is_done:
            tell(done, total)
            with self._environment.begin(write=True) as raw:
                txn = WriteTxn(raw, databases, self._known)
                links, is_done = _pack_portion(txn, self._old)
                settle_uses(txn)
                META.put(txn, _COMMIT, raw.id())
                META.put(txn, _SUM, self._sum(raw))
            done += links

    def end(self, txn: WriteTxn) -> None:
        """Removes the old tables, in the transaction that makes the schema 5."""
        for database in filter(None, self._old.values()):
            txn.raw.drop(database)
        for key in _MARKS:
            META.delete(txn, key)

    def _sum(self, raw: lmdb.Transaction) -> int:
        """Of what changes with clicks. A copy of a database counts its transactions anew."""
        stats = [sorted(raw.stat(one).items()) for one in self._old.values() if one is not None]
        key = POSITIONS.key.encode(("journal",))
        journal = raw.get(key, db=self._positions) if self._positions else None
        return crc32(repr((stats, journal)).encode())


def _opened(environment: lmdb.Environment, name: bytes) -> Any:
    """A table, None if there never was one."""
    try:
        return environment.open_db(name, create=False)
    except lmdb.NotFoundError:
        return None


def _pack_portion(txn: WriteTxn, old: dict[str, Any]) -> tuple[int, bool]:
    """Packs some links: how many, and whether they were the last."""
    start = META.get(txn, _DONE) or 0
    rows = links = 0
    cursor = txn.raw.cursor(db=old[OLD_COUNTS])
    found = cursor.set_range(COUNTS.key.encode((start,)))
    while found and rows < PORTION_ROWS:
        (link_id,) = COUNTS.key.decode(bytes(cursor.key()))
        rows += _pack_link(txn, link_id, _decode_counts(cursor.value()), old)
        links += 1
        start = link_id + 1
        found = cursor.next()
    META.put(txn, _DONE, start)
    return links, not found


def _pack_link(txn: WriteTxn, link_id: int, counts: _Counts4, old: dict[str, Any]) -> int:
    """Packs a link: how many rows it had."""
    days = 0
    for raw_key, raw in _rows(txn, old[OLD_DAYS], DAY_STATS.key.prefix((link_id,))):
        DAY_STATS.put(txn, DAY_STATS.key.decode(raw_key), packed_day(txn, _decode_day(raw)))
        days += 1
    inside = counts.visit_serial - len(counts.newest)
    first = serial = counts.visit_serial - counts.visits
    pack = VisitPack()
    oldest: int | None = None
    raws = _visits(txn, link_id, first, inside, counts.newest, old[OLD_VISITS])
    while visits := [*map(_decode_visit, islice(raws, NEWEST_VISITS))]:
        oldest = visits[0].utime if oldest is None else oldest
        *full, pack = in_blocks(extended(txn, pack, visits))
        first = _put_blocks(txn, link_id, first, full)
        serial += len(visits)
    *full, pack = in_blocks(pack)
    first = _put_blocks(txn, link_id, first, full)
    newest = encode_pack(pack) if pack.forms else b""
    if len(newest) > NEWEST_BYTES:
        first = _put_blocks(txn, link_id, first, [pack])
        newest = b""
    due_day = -1 if oldest is None else oldest // DAY
    if due_day >= 0:
        VISITS_DUE.put(txn, (due_day, link_id), True)
    row = Counts(
        counts.count,
        counts.count_qr,
        serial - (counts.visit_serial - counts.visits),
        serial,
        counts.last_utime,
        counts.choices,
        counts.unique,
        counts.day,
        None if counts.day_stats is None else packed_day(txn, counts.day_stats),
        newest,
        counts.sightings,
        counts.undated,
        due_day=due_day,
    )
    COUNTS.put(txn, (link_id,), row)
    return 1 + days + counts.visits


def _visits(
    txn: WriteTxn, link_id: int, first: int, inside: int, newest: list[bytes], database: Any
) -> Iterator[bytes]:
    """The encoded visits of a link, oldest first."""
    for raw_key, raw in _rows(txn, database, VISITS.key.prefix((link_id,))):
        if first <= VISITS.key.decode(raw_key)[1] < inside:
            yield raw
    yield from newest[max(0, first - inside) :]


def _put_blocks(txn: WriteTxn, link_id: int, first: int, blocks: list[VisitPack]) -> int:
    """Puts blocks from a serial on: that behind them."""
    for block in blocks:
        VISITS.put(txn, (link_id, first), block)
        first += len(block.forms)
    return first


def _rows(txn: WriteTxn, database: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    if database is None:
        return
    cursor = txn.raw.cursor(db=database)
    found = cursor.set_range(prefix)
    while found:
        key, value = map(bytes, cursor.item())
        if not key.startswith(prefix):
            return
        yield key, value
        found = cursor.next()
