"""Does what is stored agree with itself? For `shortd doctor` and the crash tests.

Reads everything once; must never repair anything.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from shortd.ids import own_team_id
from shortd.models.accounts import DELETED
from shortd.models.clicks import Code
from shortd.models.limits import Holding
from shortd.models.links import Link, RareTerms
from shortd.models.teams import Role
from shortd.store.day_packs import day_codes
from shortd.store.index import Count, UniqueIndex
from shortd.store.plugin_events import wrong_backlogs
from shortd.store.plugin_rows import right_plugin_uses
from shortd.store.ranges import pairs
from shortd.store.schema import (
    ACCOUNTS,
    API_KEYS,
    BOX_ITEMS,
    BOXES,
    BUNDLES,
    CAMPAIGNS,
    COUNTS,
    DAY_STATS,
    DEAD_BLOBS,
    DEAD_FILES,
    DEAD_LINKS,
    DOMAINS,
    EVERYBODY,
    FILE_PARTS,
    FILES,
    FORMER_LINKS,
    GRANTS,
    HOLDINGS,
    HOSTS,
    IDENTITIES,
    LINK_TRACKERS,
    LINKS,
    LINKS_BY_ID,
    LOGIN_LINKS,
    MEMBERS,
    PASSKEYS,
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
)
from shortd.store.strings import stored_uses
from shortd.store.table import Table
from shortd.store.txn import Txn
from shortd.store.visit_packs import codes, is_whole, newest_of


def faults(txn: Txn, blobs: Mapping[str, int] | None = None) -> Iterator[str]:
    """One line for every index entry or row that contradicts the rest.

    `blobs` are the sizes in bytes of those on disk, by name, if the disk is to be checked, too;
    one that no row names is no contradiction, but the undertaker's. Where a row cannot be read,
    those alone are told.
    """
    lost = list(unreadable(txn))
    if lost:
        yield from lost
        return
    for table in TABLES:
        yield from _index_faults(txn, table)
        yield from _count_faults(txn, table)
    deleted = {row.link.id for _, row in FORMER_LINKS.scan(txn) if not row.fields}
    for _, link in LINKS.scan(txn):
        if link.owner == DELETED:
            if link.id not in deleted:
                yield f"link {link.id} is deleted and stays for ever"
        elif ACCOUNTS.get(txn, (link.owner,)) is None:
            yield f"link {link.id} belongs to no account"
    statistics: tuple[Table[Any, Any], ...] = (COUNTS, DAY_STATS, VISITS)
    dying = {link_id for (link_id,), _ in DEAD_LINKS.scan(txn)}
    for table in statistics:
        for key, _ in table.scan(txn):
            if key[0] not in dying and not LINKS_BY_ID.has(txn, (key[0],)):
                yield f"{table.name} holds a row of link {key[0]}, which does not exist"
    for (link_id, _), _ in REPORTS.scan(txn):
        if not LINKS_BY_ID.has(txn, (link_id,)):
            yield f"a report is of link {link_id}, which does not exist"
    yield from _visit_faults(txn)
    yield from string_faults(txn)
    yield from _team_faults(txn)
    yield from _file_faults(txn)
    yield from _box_faults(txn)
    yield from _holding_faults(txn)
    yield from _plugin_faults(txn)
    if blobs is not None:
        named = FileNames(txn)
        for (filekey, number), part in FILE_PARTS.scan(txn):
            if part.blob not in blobs:
                yield f"part {number} of {named[filekey]} is not on disk"
            elif (size := blobs[part.blob]) != part.size:
                yield f"part {number} of {named[filekey]} has {size} bytes of {part.size}"


class FileNames:
    """What files are called where somebody is to find them: by their keys, and by their links."""

    def __init__(self, txn: Txn) -> None:
        self._txn = txn

    def __getitem__(self, filekey: str) -> str:
        file = FILES.get(self._txn, (filekey,))
        code = self._codes.get(filekey) or self._codes.get(file.box if file else "")
        return filekey if code is None else f"{filekey} (link {code})"

    @cached_property
    def _codes(self) -> dict[str, str]:
        """By keys of files and of boxes; read once something has to be named."""
        return {
            key: link.code
            for _, link in LINKS.scan(self._txn)
            for key in (link.filekey, link.box)
            if key
        }


def unreadable(txn: Txn) -> Iterator[str]:
    """One line for every table with rows that are not what was written."""
    for table in TABLES:
        rows = 0
        for raw_key, raw in pairs(txn, table.name, b"", None, reverse=False):
            try:
                table.key.decode(raw_key)
                table.decode(raw)
            except (msgspec.MsgspecError, ValueError, LookupError, struct.error):
                rows += 1
        if rows:
            yield f"{table.name} has {rows} rows that cannot be read"


def _visit_faults(txn: Txn) -> Iterator[str]:
    """Whether old visits would be found, and blocks are whole."""
    due = {link_id: day for (day, link_id), _ in VISITS_DUE.scan(txn)}
    for (link_id,), counts in COUNTS.scan(txn):
        if due.pop(link_id, -1) != counts.due_day:
            yield f"visits of link {link_id} are filed under another day than it says"
        elif counts.visits and counts.due_day < 0:
            yield f"visits of link {link_id} are filed under no day"
    for link_id in due:
        yield f"visits of link {link_id} are filed, which has none"
    for (link_id, serial), block in VISITS.scan(txn):
        if not is_whole(block):
            yield f"visits of link {link_id} from number {serial} are not whole"


def string_faults(txn: Txn) -> Iterator[str]:
    """Texts that rows share: each is there, and used as often as it says."""
    right, stored = right_uses(txn), stored_uses(txn)
    every = right.keys() | stored.keys()
    if wrong := sum(right[number] != stored.get(number, 0) for number in every):
        yield f"{wrong} strings are used more or less often than they say"
    texts = {number for (number,), _ in STRINGS.scan(txn)}
    if lost := len(right.keys() - texts):
        yield f"{lost} strings are used that are not there"
    if unused := len(texts - right.keys()):
        yield f"{unused} strings are there that nothing uses"


def right_uses(txn: Txn) -> Counter[int]:
    """How often rows have each string, by its number."""
    uses: Counter[Code] = Counter()
    for _, counts in COUNTS.scan(txn):
        if counts.day_stats is not None:
            uses.update(day_codes(counts.day_stats))
        uses.update(codes(newest_of(counts)))
    for _, day in DAY_STATS.scan(txn):
        uses.update(day_codes(day))
    for _, block in VISITS.scan(txn):
        uses.update(codes(block))
    return Counter({code: number for code, number in uses.items() if code and type(code) is int})


def _team_faults(txn: Txn) -> Iterator[str]:
    """Teams, who is in them, and what belongs to them."""
    owned = {member.team for _, member in MEMBERS.scan(txn) if member.role == Role.OWNER}
    for (team,), row in TEAMS.scan(txn):
        if not row.account and team not in owned:
            yield f"team {team} has no owner"
        elif row.account and ACCOUNTS.get(txn, (row.account,)) is None:
            yield f"team {team} is the own team of no account"
    for (team, userid), _ in MEMBERS.scan(txn):
        if TEAMS.get(txn, (team,)) is None:
            yield f"somebody is in team {team}, which does not exist"
        if ACCOUNTS.get(txn, (userid,)) is None:
            yield f"team {team} has a member without an account"
    hosts = {row.number for _, row in HOSTS.scan(txn)}
    hosts |= {row.number for _, row in DOMAINS.scan(txn) if row.number >= 0}
    for _, link in LINKS.scan(txn):
        if link.host not in hosts:
            yield f"link {link.id} is on host {link.host}, which does not exist"
        if link.rare is not None:
            yield from _place_faults(txn, link, link.rare)
    for _, tracker in LINK_TRACKERS.scan(txn):
        if not LINKS_BY_ID.has(txn, (tracker.link_id,)):
            yield f"tracker {tracker.id} is of link {tracker.link_id}, which does not exist"
    for userid in {key[0] for table in (API_KEYS, GRANTS) for key, _ in table.scan(txn)}:
        if ACCOUNTS.get(txn, (userid,)) is None:
            yield "API keys or v1 logins belong to no account"
    for userid in {key[0] for table in (PASSKEYS, SECOND_FACTORS) for key, _ in table.scan(txn)}:
        if ACCOUNTS.get(txn, (userid,)) is None:
            yield "passkeys or a second factor belong to no account"
    for userid in {key[0] for table in (IDENTITIES, LOGIN_LINKS) for key, _ in table.scan(txn)}:
        if ACCOUNTS.get(txn, (userid,)) is None:
            yield "linked sign-ins or links to sign in belong to no account"
    for (userid, _), _ in PASSKEYS.scan(txn):
        if SECOND_FACTORS.get(txn, (userid,)) is None:
            yield "passkeys lack what authenticators know their account by"


def _place_faults(txn: Txn, link: Link, rare: RareTerms) -> Iterator[str]:
    team = rare.team or own_team_id(link.owner)
    if rare.team == own_team_id(link.owner):
        yield f"link {link.id} names its owner's own team"
    elif rare.team and MEMBERS.get(txn, (rare.team, link.owner)) is None:
        yield f"link {link.id} is of team {rare.team}, which its owner is not in"
    campaign = CAMPAIGNS.get(txn, (rare.campaign,)) if rare.campaign else None
    if rare.campaign and (campaign is None or campaign.team != team):
        yield f"link {link.id} is in a campaign that is not its team's"


def _file_faults(txn: Txn) -> Iterator[str]:
    """Files and uploads, their links, their parts, and what their owners are charged with."""
    links = Counter(link.filekey for _, link in LINKS.scan(txn) if link.filekey)
    owners = {filekey: row.owner for (filekey,), row in UPLOADS.scan(txn)}
    sizes: Counter[str] = Counter()
    stored: Counter[str] = Counter()
    for (filekey,), file in FILES.scan(txn):
        if filekey in owners:
            yield f"{filekey} is both a file and an upload"
        owners[filekey] = file.owner
        if links[filekey] != 1 and not file.box:
            yield f"file {filekey} has {links[filekey]} links"
    for filekey in sorted(links.keys() - {filekey for (filekey,), _ in FILES.scan(txn)}):
        yield f"a link shares {filekey}, which is no file"
    for filekey, owner in owners.items():
        if ACCOUNTS.get(txn, (owner,)) is None:
            yield f"file or upload {filekey} belongs to no account"
    dying = {filekey for (filekey,), _ in DEAD_FILES.scan(txn)}
    for (filekey, number), part in FILE_PARTS.scan(txn):
        if filekey in dying and filekey not in owners:
            continue
        sizes[filekey] += part.size
        if filekey in owners:
            stored[owners[filekey]] += part.size
        else:
            yield f"part {number} belongs to {filekey}, which does not exist"
        if DEAD_BLOBS.get(txn, (part.blob,)) is not None:
            yield f"part {number} of {filekey} is listed to be deleted"
    for (filekey,), bundle in BUNDLES.scan(txn):
        holder = FILES.get(txn, (filekey,))
        if holder is None:
            yield f"a bundle belongs to {filekey}, which is no file"
            continue
        size = sum(entry.size for entry in bundle.entries)
        if (holder.entries, holder.stored_size) != (len(bundle.entries), size):
            yield f"the bundle of {filekey} is {len(bundle.entries)} files of {size} bytes"
    for (filekey,), file in FILES.scan(txn):
        if file.entries and BUNDLES.get(txn, (filekey,)) is None:
            yield f"file {filekey} holds {file.entries} files that nothing tells of"
        if file.stored_size != sizes[filekey]:
            yield f"file {filekey} has parts of {sizes[filekey]} bytes; it says {file.stored_size}"
    charged = {userid: size for (userid,), size in STORED_BYTES.scan(txn)}
    for userid in sorted(charged.keys() | stored.keys()):
        if charged.get(userid, 0) != stored[userid]:
            size = charged.get(userid, 0)
            yield f"an account stores {stored[userid]} bytes and is charged with {size}"
        if ACCOUNTS.get(txn, (userid,)) is None:
            yield "bytes are charged to an account that does not exist"


def _box_faults(txn: Txn) -> Iterator[str]:
    """Boxes, their links, and what is in them."""
    links = Counter(link.box for _, link in LINKS.scan(txn) if link.box)
    # Of a deleted link, what can be undone has the box.
    links.update(row.link.box for _, row in FORMER_LINKS.scan(txn) if not row.fields)
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for (key, serial), item in BOX_ITEMS.scan(txn):
        file = FILES.get(txn, (item.filekey,))
        files[key] += 1
        if file is None or file.box != key:
            yield f"item {serial} of box {key} has no file"
    shared = Counter(file.box for _, file in FILES.scan(txn) if file.box)
    for key in sorted(shared.keys() | files.keys()):
        if shared[key] != files[key]:
            yield f"box {key} has {files[key]} items and {shared[key]} files"
    boxes = {row.box for _, row in UPLOADS.scan(txn) if row.box} | files.keys() | links.keys()
    of_box = {key: row.box for (key,), row in UPLOADS.scan(txn)}
    of_box |= {key: row.box for (key,), row in FILES.scan(txn)}
    for (filekey, _), part in FILE_PARTS.scan(txn):
        sizes[of_box.get(filekey, "")] += part.size
    for (key,), box in BOXES.scan(txn):
        boxes.discard(key)
        if links[key] != 1:
            yield f"box {key} has {links[key]} links"
        if (box.files, box.held) != (files[key], sizes[key]):
            yield f"box {key} counts other files or bytes than are in it"
        if ACCOUNTS.get(txn, (box.owner,)) is None:
            yield f"box {key} belongs to no account"
    for key in sorted(boxes - {""}):
        yield f"there is no box {key}, but something of it"


def _holding_faults(txn: Txn) -> Iterator[str]:
    """What temporary accounts keep, against what those of one client keep together."""
    held = {key: row for (key,), row in HOLDINGS.scan(txn)}
    rows: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for (userid,), account in ACCOUNTS.scan(txn):
        mine = held.pop(userid, None)
        if mine is None:
            continue
        if mine.files != (STORED_BYTES.get(txn, (userid,)) or 0):
            yield "a temporary account is counted with other bytes than it stores"
        for key in (*account.clients, EVERYBODY):
            rows[key] += mine.rows
            files[key] += mine.files
    together = {key: Holding(rows[key], files[key]) for key in rows.keys() | files.keys()}
    for key in sorted(held.keys() | together.keys()):
        if held.get(key) != together.get(key):
            yield f"temporary accounts keep {together.get(key)} together and have {held.get(key)}"


def _plugin_faults(txn: Txn) -> Iterator[str]:
    """What plugins are counted to have used, and to be still to hear of, against their rows."""
    right, counted = right_plugin_uses(txn), dict(PLUGIN_USES.scan(txn))
    for plugin, table in sorted(right.keys() | counted.keys()):
        if right.get((plugin, table)) != counted.get((plugin, table)):
            what = f"its table {table!r}" if table else "all its tables"
            yield f"plugin {plugin} is counted with other rows or bytes than are in {what}"
    for plugin, _ in wrong_backlogs(txn):
        yield f"plugin {plugin} is counted with other events than wait for it"


def _index_faults(txn: Txn, table: Table[Any, Any]) -> Iterator[str]:
    for index in table.indexes:
        right, implied = right_entries(txn, table, index)
        for entry in implied & right.keys():
            yield f"index {index.name} has two rows for {index.key.decode(entry)}"
        stored = dict(index.entries(txn))
        for entry in right.keys() - stored.keys():
            yield f"index {index.name} lacks {index.key.decode(entry)}"
        for entry in stored.keys() - right.keys():
            yield f"index {index.name} holds {index.key.decode(entry)}, which is no row's"
        for entry in right.keys() & stored.keys():
            if right[entry] != stored[entry]:
                yield f"index {index.name} points {index.key.decode(entry)} to another row"


def right_entries(
    txn: Txn, table: Table[Any, Any], index: UniqueIndex[Any, Any]
) -> tuple[dict[bytes, bytes], set[bytes]]:
    """What an index has to hold by the rows there are, and which keys need no entry."""
    right = {}
    implied = set()
    for key, row in table.scan(txn):
        raw_key = table.key.encode(key)
        entry = index.entry(raw_key, row)
        if entry is not None:
            right[entry] = raw_key
        elif (index_key := index.of(row)) is not None:
            implied.add(index.key.encode(index_key))
    return right, implied


def _count_faults(txn: Txn, table: Table[Any, Any]) -> Iterator[str]:
    for count in table.counts:
        right, stored = right_counts(txn, table, count), dict(count.entries(txn))
        for entry in sorted(right.keys() | stored.keys()):
            if right[entry] != stored.get(entry, 0):
                key = count.key.decode(entry)
                found = stored.get(entry, 0)
                yield f"count {count.name} is {found} for {key}; right is {right[entry]}"


def right_counts(txn: Txn, table: Table[Any, Any], count: Count[Any, Any]) -> Counter[bytes]:
    """What a count has to be by the rows there are, by encoded key."""
    entries = (count.entry(row) for _, row in table.scan(txn))
    return Counter(entry for entry in entries if entry is not None)
