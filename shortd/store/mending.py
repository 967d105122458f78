"""Makes what follows from rows agree with them again, for `shortd doctor --fix`.

Rows are right: indexes, counts and sums are made anew from them, and what belongs to a link, a team
or an account that does not exist goes. It must never touch what somebody made: a link whose file or
owner is lost is for a person to decide about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from msgspec.structs import replace

from shortd.clock import DAY
from shortd.models.limits import Holding
from shortd.store.check import right_counts, right_entries, right_uses
from shortd.store.plugin_events import wrong_backlogs
from shortd.store.plugin_rows import right_plugin_uses
from shortd.store.schema import (
    ACCOUNTS,
    API_KEYS,
    BOX_ITEMS,
    BOXES,
    BUNDLES,
    COUNTS,
    DAY_STATS,
    DEAD_LINKS,
    EVERYBODY,
    FILE_PARTS,
    FILES,
    GRANTS,
    HOLDINGS,
    IDENTITIES,
    LINK_TRACKERS,
    LINKS_BY_ID,
    LOGIN_LINKS,
    MEMBERS,
    PASSKEYS,
    PLUGIN_BACKLOGS,
    PLUGIN_USES,
    REPORTS,
    SECOND_FACTORS,
    STORED_BYTES,
    STRINGS,
    TABLES,
    TEAMS,
    UPLOADS,
    VISITS,
    VISITS_DUE,
    settle_holdings,
)
from shortd.store.strings import settle_uses, stored_uses
from shortd.store.table import Table
from shortd.store.txn import WriteTxn
from shortd.store.visit_packs import oldest_of

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")


def mend(txn: WriteTxn) -> None:
    """Does all of it, in one transaction. What is right already is not written."""
    # By rows that an index leads to, more is decided below.
    for table in TABLES:
        _make_indexes(txn, table)
    _drop_orphans(txn)
    _file_visits(txn)
    _count_strings(txn)
    _add_up_files(txn)
    _add_up_boxes(txn)
    _add_up_holdings(txn)
    _add_up_plugins(txn)
    for table in TABLES:
        _make_counts(txn, table)


def _make_indexes(txn: WriteTxn, table: Table[Any, Any]) -> None:
    for index in table.indexes:
        right, implied = right_entries(txn, table, index)
        stored, database = dict(index.entries(txn)), txn.databases[index.name]
        for entry in stored.keys() - right.keys():
            txn.raw.delete(entry, db=database)
        for entry, raw_key in right.items():
            # Of two rows that claim one place, a person chooses.
            if stored.get(entry) != raw_key and entry not in implied:
                txn.raw.put(entry, raw_key, db=database)


def _make_counts(txn: WriteTxn, table: Table[Any, Any]) -> None:
    for count in table.counts:
        right, stored = right_counts(txn, table, count), dict(count.entries(txn))
        for entry in right.keys() | stored.keys():
            if difference := right[entry] - stored.get(entry, 0):
                count.add(txn, entry, difference)


def _drop_orphans(txn: WriteTxn) -> None:
    dying = {link_id for (link_id,), _ in DEAD_LINKS.scan(txn)}

    def has_link(link_id: int) -> bool:
        return LINKS_BY_ID.has(txn, (link_id,))

    def has_account(userid: str) -> bool:
        return ACCOUNTS.get(txn, (userid,)) is not None

    statistics: tuple[Table[Any, Any], ...] = (COUNTS, DAY_STATS, VISITS)
    for table in statistics:
        _drop(txn, table, lambda key, _: key[0] not in dying and not has_link(key[0]))
    _drop(txn, REPORTS, lambda key, _: not has_link(key[0]))
    _drop(txn, LINK_TRACKERS, lambda _, row: not has_link(row.link_id))
    _drop(txn, MEMBERS, lambda key, _: not has_account(key[1]) or TEAMS.get(txn, key[:1]) is None)
    credentials: tuple[Table[Any, Any], ...] = (
        API_KEYS,
        GRANTS,
        PASSKEYS,
        SECOND_FACTORS,
        IDENTITIES,
        LOGIN_LINKS,
    )
    for table in credentials:
        _drop(txn, table, lambda key, _: not has_account(key[0]))
    _drop(txn, BUNDLES, lambda key, _: FILES.get(txn, key) is None)


def _file_visits(txn: WriteTxn) -> None:
    """Has old visits found again."""
    right = set()
    for (link_id,), counts in list(COUNTS.scan(txn)):
        oldest = oldest_of(txn, link_id, counts)
        day = -1 if oldest is None else oldest // DAY
        if day != counts.due_day:
            COUNTS.put(txn, (link_id,), replace(counts, due_day=day))
        if day >= 0:
            right.add((day, link_id))
    stored = {key for key, _ in VISITS_DUE.scan(txn)}
    for key in stored - right:
        VISITS_DUE.delete(txn, key)
    for key in right - stored:
        VISITS_DUE.put(txn, key, True)


def _count_strings(txn: WriteTxn) -> None:
    """Counts uses of texts anew; what is lost is empty from now on."""
    right, stored = right_uses(txn), stored_uses(txn)
    for number in right.keys() | stored.keys():
        if change := right[number] - stored.get(number, 0):
            txn.uses[number] += change
    texts = {number for (number,), _ in STRINGS.scan(txn)}
    for number in texts - right.keys():
        STRINGS.delete(txn, (number,))
    for number in right.keys() - texts:
        STRINGS.put(txn, (number,), "")
    settle_uses(txn)


def _drop(txn: WriteTxn, table: Table[K, V], lost: Callable[[K, V], bool]) -> None:
    for key in [key for key, row in table.scan(txn) if lost(key, row)]:
        table.delete(txn, key)


def _parts(txn: WriteTxn) -> Iterator[tuple[str, str, int]]:
    """Owner, box and bytes of each part that has a file or an upload."""
    rows = {key: (row.owner, row.box) for (key,), row in UPLOADS.scan(txn)}
    rows |= {key: (row.owner, row.box) for (key,), row in FILES.scan(txn)}
    for (filekey, _), part in FILE_PARTS.scan(txn):
        if filekey in rows:
            yield *rows[filekey], part.size


def _add_up_files(txn: WriteTxn) -> None:
    stored: Counter[str] = Counter()
    for owner, _, size in _parts(txn):
        stored[owner] += size
    charged = {userid: size for (userid,), size in STORED_BYTES.scan(txn)}
    for userid in charged.keys() - stored.keys():
        STORED_BYTES.delete(txn, (userid,))
    for userid, size in stored.items():
        if charged.get(userid) != size:
            STORED_BYTES.put(txn, (userid,), size)


def _add_up_boxes(txn: WriteTxn) -> None:
    files = Counter(key for (key, _), _ in BOX_ITEMS.scan(txn))
    held: Counter[str] = Counter()
    for _, box, size in _parts(txn):
        held[box] += size
    for (key,), row in list(BOXES.scan(txn)):
        if (row.files, row.held) != (files[key], held[key]):
            BOXES.put(txn, (key,), replace(row, files=files[key], held=held[key]))


def _add_up_holdings(txn: WriteTxn) -> None:
    settle_holdings(txn)
    kept = {key: row for (key,), row in HOLDINGS.scan(txn)}
    right: dict[str, Holding] = {}
    rows: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for (userid,), account in ACCOUNTS.scan(txn):
        if userid not in kept:
            continue
        stored = STORED_BYTES.get(txn, (userid,)) or 0
        right[userid] = Holding(kept[userid].rows, stored)
        for key in (*account.clients, EVERYBODY):
            rows[key] += kept[userid].rows
            files[key] += stored
    right |= {key: Holding(rows[key], files[key]) for key in rows.keys() | files.keys()}
    for key in kept.keys() - right.keys():
        HOLDINGS.delete(txn, (key,))
    for key, row in right.items():
        if kept.get(key) != row:
            HOLDINGS.put(txn, (key,), row)


def _add_up_plugins(txn: WriteTxn) -> None:
    right, counted = right_plugin_uses(txn), dict(PLUGIN_USES.scan(txn))
    for key in counted.keys() - right.keys():
        PLUGIN_USES.delete(txn, key)
    for key, use in right.items():
        if counted.get(key) != use:
            PLUGIN_USES.put(txn, key, use)
    for plugin, backlog in list(wrong_backlogs(txn)):
        PLUGIN_BACKLOGS.put(txn, (plugin,), backlog)
