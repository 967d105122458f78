"""All that leaves a server, row by row, in the order in which another can take it.

An account stands in front of what opens it, a team in front of its members, a link in front of its
file and its clicks, a box in front of what came into it: whatever belongs together stands together.
Rows are in the order of their keys, so that two servers with the same in them tell the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shortd.files.boxes import items_of
from shortd.hosts import Hosts
from shortd.models.accounts import DELETED
from shortd.models.links import Link
from shortd.store.schema import (
    ACCOUNTS,
    BOXES,
    HOSTS,
    INVITATIONS_BY_TEAM,
    LINK_TRACKERS_BY_LINK,
    LINKS,
    LINKS_BY_ID,
    MEMBERS,
    REPORTS,
    TEAMS,
)
from shortd.store.txn import Txn
from shortd.upkeep.link_rows import click_rows, file_rows, link_row
from shortd.upkeep.plain_rows import Row
from shortd.upkeep.row_types import (
    ACCOUNT,
    API_KEY,
    BLOCKED_PATTERN,
    BOX,
    BOX_ITEM,
    CAMPAIGN,
    DOMAIN,
    IDENTITY,
    IMPORTED,
    INVITATION,
    LINK_TRACKER,
    MEMBER,
    OPERATION,
    PASSKEY,
    PLUGIN_ROW,
    PREFERENCES,
    REPORT,
    SECOND_FACTOR,
    TEAM,
    TRACKER,
    RowType,
)

OF_ACCOUNTS: tuple[RowType[Any], ...] = (PREFERENCES, IDENTITY, PASSKEY, SECOND_FACTOR, API_KEY)
"""What stands behind its account."""
OF_TEAMS: tuple[RowType[Any], ...] = (MEMBER, INVITATION)
"""What stands behind its team."""


def all_rows(txn: Txn, hosts: Hosts) -> Iterator[Row]:
    """Every row, one at a time. `hosts` have all that links stand on."""
    yield from _hosts(txn, hosts)
    for key, account in ACCOUNTS.scan(txn):
        yield ACCOUNT.told(key, account)
        for row_type in OF_ACCOUNTS:
            for row_key, row in row_type.table.scan(txn, key):
                yield row_type.told(row_key, row)
    for key, team in TEAMS.scan(txn):
        yield TEAM.told(key, team)
        for row_key, member in MEMBERS.scan(txn, key):
            yield MEMBER.told(row_key, member)
        for invited, invitation in INVITATIONS_BY_TEAM.rows(txn, key):
            yield INVITATION.told((invited[1],), invitation)
    for row_type in (CAMPAIGN, TRACKER):
        yield from _all(txn, row_type)
    for key, domain in DOMAIN.table.scan(txn):
        yield {**DOMAIN.told(key, domain), "answered": domain.number >= 0}
    yield from _all(txn, BLOCKED_PATTERN)
    for number in _in_order(txn, hosts):
        for _, link in LINKS.scan(txn, (number,)):
            if link.owner != DELETED:
                yield from link_rows(txn, hosts, link)
    for report_key, report in REPORTS.scan(txn):
        reported = LINKS_BY_ID.get(txn, (report.link_id,))
        if reported is not None and reported.owner != DELETED:
            yield REPORT.told(report_key, report)
    yield from _all(txn, OPERATION)
    yield from _all(txn, PLUGIN_ROW)


def link_rows(txn: Txn, hosts: Hosts, link: Link) -> Iterator[Row]:
    """A link and all that is its."""
    yield link_row(link, hosts.numbered(link.host))
    for _, tracker in LINK_TRACKERS_BY_LINK.rows(txn, (link.id,)):
        yield LINK_TRACKER.told((tracker.id,), tracker)
    imported = IMPORTED.table.get(txn, (link.id,))
    if imported is not None:
        yield IMPORTED.told((link.id,), imported)
    if link.filekey:
        yield from file_rows(txn, link.filekey)
    box = BOXES.get(txn, (link.box,)) if link.box else None
    if box is not None:
        yield BOX.told((link.box,), box)
    yield from click_rows(txn, link.id)
    if box is not None:
        for serial, item in items_of(txn, link.box):
            yield BOX_ITEM.told((link.box, serial), item)
            yield from file_rows(txn, item.filekey)


def _hosts(txn: Txn, hosts: Hosts) -> Iterator[Row]:
    for (name,), host in HOSTS.scan(txn):
        is_default = host.number == hosts.default.number
        yield {"type": "host", "name": name, "base_url": host.base_url, "default": is_default}


def _in_order(txn: Txn, hosts: Hosts) -> Iterator[int]:
    """Numbers of all hosts; by their names, as another server has other numbers."""
    numbers = {host.number for _, host in HOSTS.scan(txn)}
    numbers |= {domain.number for _, domain in DOMAIN.table.scan(txn) if domain.number >= 0}
    named = {
        (hosts.numbered(number).name, hosts.numbered(number).domain): number for number in numbers
    }
    for name in sorted(named):
        yield named[name]


def _all(txn: Txn, row_type: RowType[Any]) -> Iterator[Row]:
    for key, row in row_type.table.scan(txn):
        yield row_type.told(key, row)
