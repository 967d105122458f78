"""How the server and its data are, for `shortd status`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from shortd import __version__
from shortd.clicks.statistics import day_text
from shortd.clock import DAY
from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, look
from shortd.mail.outbox import status_of
from shortd.models.accounts import DELETED
from shortd.plugin_runtime.discovery import discover
from shortd.plugin_runtime.figures import states
from shortd.plugin_runtime.listing import state_of
from shortd.store import Store
from shortd.store.schema import (
    ACCOUNTS,
    BLOCKED_PATTERNS,
    COUNTS_HEADS,
    DAY_TOTALS,
    DOMAINS_BY_NAME,
    FILES,
    LINKS,
    LINKS_PER_TEAM,
    STORED_BYTES,
    TEAMS,
)
from shortd.upkeep.backup import Last, last_backup
from shortd.web.health import faults

DAYS = 7
"""Today among them."""
PORTION = 500


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes."""

    database: int
    """What holds something."""
    database_most: int
    """`[storage] map_bytes`."""
    files: int
    journal: int
    disk: int
    disk_free: int
    """For whoever is not root."""


class MailShown(msgspec.Struct, frozen=True, kw_only=True):
    """Mail that waits."""

    sends: bool
    """Whether a mail server is set."""
    waiting: int
    oldest_utime: int | None
    given_up: int
    """In the last week."""


class PluginShown(msgspec.Struct, frozen=True):
    """A plugin: on, ready (where no server runs), paused, faulty or disabled."""

    name: str
    state: str
    reason: str | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. None where it is not known."""

    version: str
    running: bool
    """Whether a server answered; if none runs, what is stored tells the rest."""
    schema: int | None
    state: str | None
    """ok or degraded, as /-/health has it; None of a server that is stopped."""
    faults: Mapping[str, str]
    """By part; empty while all is well."""
    data: str
    public_url: str
    sizes: Sizes
    accounts: Mapping[str, int]
    """By type; and, among them, operators and locked."""
    links: int
    files: int
    teams: int
    domains: int
    blocked: int
    clicks: int
    """Of the links there are."""
    clicks_by_day: Mapping[str, int]
    """Of the last days, UTC."""
    clicks_backlog: int | None
    """Counted, and not in the database yet."""
    journal_backlog_bytes: int | None
    mail: MailShown
    plugins: list[PluginShown]
    backup: Last | None
    now_utime: int


@look("status")
def status(view: View, args: Args) -> Portions:
    store, services, settings = view.store, view.services, view.settings
    accounts: Counter[str] = Counter()
    for rows in portions(store, ACCOUNTS, PORTION):
        for row in rows:
            accounts[row.type.value] += 1
            accounts["operators"] += row.operator
            accounts["locked"] += row.locked
        yield []
    files = 0
    for sizes in portions(store, STORED_BYTES, PORTION):
        files += sum(sizes)
        yield []
    today = view.now // DAY
    days = dict.fromkeys(range(today - DAYS + 1, today + 1), 0)
    clicks = 0
    for counts in _clicks(store, days):
        clicks += counts
        yield []
    wrong = {} if services is None else faults(services)
    found = {part: fault for part, fault in wrong.items() if fault is not None}
    disk = os.statvfs(store.directory)
    with store.read() as txn:
        mail = status_of(txn)
        counted = {
            "links": LINKS.count(txn) - LINKS_PER_TEAM.get(txn, (DELETED,)),
            "files": FILES.count(txn),
            "teams": TEAMS.count(txn),
            "domains": DOMAINS_BY_NAME.count(txn),
            "blocked": BLOCKED_PATTERNS.count(txn),
        }
    yield [
        Status(
            version=__version__,
            running=services is not None,
            schema=store.found_schema,
            state=None if services is None else "degraded" if found else "ok",
            faults=found,
            data=str(store.directory.absolute()),
            public_url=settings.public_url,
            sizes=Sizes(
                database=store.used_bytes(),
                database_most=settings.storage.map_bytes,
                files=files,
                journal=_size(settings.data_dir / "journal"),
                disk=disk.f_blocks * disk.f_frsize,
                disk_free=disk.f_bavail * disk.f_frsize,
            ),
            accounts=dict(accounts),
            clicks=clicks,
            clicks_by_day={day_text(day): count for day, count in days.items()},
            clicks_backlog=None if services is None else services.clicks.clicks.backlog,
            journal_backlog_bytes=None
            if services is None
            else services.clicks.clicks.backlog_bytes,
            mail=MailShown(
                sends=bool(settings.mail.smtp_url),
                waiting=mail.waiting,
                oldest_utime=mail.oldest_utime,
                given_up=mail.given_up,
            ),
            plugins=_plugins(view),
            backup=last_backup(settings.data_dir),
            now_utime=view.now,
            **counted,
        )
    ]


def _clicks(store: Store, days: dict[int, int]) -> Iterator[int]:
    """Adds up the clicks of all links, some links at a time; those of these days into `days`."""
    first = min(days)
    after = None
    while True:
        total = 0
        with store.read() as txn:
            heads = list(islice(COUNTS_HEADS.scan(txn, after=after), PORTION))
            for (link_id,), head in heads:
                total += head.count
                if head.day < first:
                    continue
                if head.day_stats is not None and head.day in days:
                    days[head.day] += head.day_stats.total
                for (_, day), one in DAY_TOTALS.scan(txn, (link_id,), after=(link_id, first - 1)):
                    if day in days:
                        days[day] += one.total
        yield total
        if len(heads) < PORTION:
            return
        after = heads[-1][0]


def _plugins(view: View) -> list[PluginShown]:
    if view.services is not None:
        running = states(view.services.plugin_runtime.plugins)
        return [PluginShown(name, one.state, one.reason or None) for name, one in running.items()]
    return [
        PluginShown(
            one.name,
            state_of(one),
            one.fault or None,
        )
        for one in discover(view.settings)
    ]


def _size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    try:
        with os.scandir(folder) as found:
            return sum(one.stat().st_size for one in found if one.is_file())
    except OSError:
        return 0
