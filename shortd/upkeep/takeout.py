"""What an account's owner takes along: all his data as JSON, or his links as a table for a
spreadsheet.

Everything that is kept of somebody is in it, but for what opens something: passwords, tokens and
keys are never told, nor is anything of anybody else. It is read a little at a time, and the event
loop goes on in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from shortd.clicks import history
from shortd.clicks.clicks import Clicks
from shortd.clicks.rollups import counts_of
from shortd.clicks.statistics import day_text
from shortd.files.boxes import items_of
from shortd.hosts import Hosts
from shortd.links.access import own_team_id
from shortd.links.sheets import Sheets
from shortd.models.accounts import Account
from shortd.models.files import BoxItem
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import (
    API_KEYS,
    AUDIT,
    BOXES,
    BUNDLES,
    CAMPAIGNS_BY_TEAM,
    COUNTS,
    DOMAINS_BY_TEAM,
    FILES,
    IDENTITIES,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    MEMBERS_BY_ACCOUNT,
    PASSKEYS,
    PREFERENCES,
    SECOND_FACTORS,
    TEAM_TRACKERS_BY_TEAM,
    TEAMS,
    TOKENS,
)
from shortd.store.txn import Txn
from shortd.visitors.visitors import kept_address

LINKS_AT_ONCE, DAYS_AT_ONCE, VISITS_AT_ONCE, LINES_AT_ONCE = 100, 50, 500, 500
"""Rows that are read before the event loop goes on: some milliseconds."""
OPERATORS_OWN = ("userid", "name", "subject_userid", "reason")

Row = dict[str, Any]


class Takeout:
    """Reads what belongs to an account. Times are Unix µs."""

    def __init__(
        self, store: Store, hosts: Hosts, clicks: Clicks, sheets: Sheets, address_mode: str
    ) -> None:
        """`address_mode` is `[clicks] ip`."""
        self._store = store
        self._hosts = hosts
        self._clicks = clicks
        self._sheets = sheets
        self._address_mode = address_mode

    async def json(self, account: Account) -> AsyncIterator[bytes]:
        """An array of rows, one a line, each with its `type`."""
        separator = b"[\n"
        async for row in self._rows(account):
            yield separator + msgspec.json.encode(row)
            separator = b",\n"
        yield b"\n]\n"

    async def csv(self, account: Account) -> AsyncIterator[bytes]:
        """The account's links, the newest first, as `Sheets.write` has them."""
        async for text in self._sheets.write(self._links(account)):
            yield text.encode()

    async def _rows(self, account: Account) -> AsyncIterator[Row]:
        with self._store.read() as txn:
            rows = [*self._own(txn, account)]
        for row in rows:
            yield row
        async for row in self._operations(account):
            yield row
        async for links in self._links(account):
            for link in links:
                with self._store.read() as txn:
                    rows = [*self._of_link(txn, link)]
                for row in rows:
                    yield row
                async for row in self._days(link.id):
                    yield row
                async for row in self._visits(link.id):
                    yield row

    async def _operations(self, account: Account) -> AsyncIterator[Row]:
        """What operators did to the account. By whom and why is the operators' own affair."""
        after: tuple[int, int] | None = None
        while True:
            with self._store.read() as txn:
                found = list(islice(AUDIT.scan(txn, after=after), LINES_AT_ONCE))
            for _, line in found:
                if line.subject_userid == account.userid:
                    yield _row("operation", line, without=OPERATORS_OWN)
            if len(found) < LINES_AT_ONCE:
                break
            after = found[-1][0]
            await asyncio.sleep(0)

    async def _links(self, account: Account) -> AsyncIterator[list[Link]]:
        """The links that the account has made, the newest first, some at a time."""
        after: tuple[str, int, int, int] | None = None
        while True:
            with self._store.read() as txn:
                keys = list(
                    islice(
                        LINKS_BY_OWNER.keys(txn, (account.userid,), after=after, reverse=True),
                        LINKS_AT_ONCE,
                    )
                )
                found = [LINKS_BY_ID.get(txn, (key[2],)) for key in keys]
            yield [link for link in found if link is not None]
            if len(keys) < LINKS_AT_ONCE:
                break
            after = keys[-1]
            await asyncio.sleep(0)

    def _own(self, txn: Txn, account: Account) -> Iterator[Row]:
        """What is kept of the account itself, and what it has a part in."""
        userid, team = account.userid, own_team_id(account.userid)
        yield _row("account", account, without=("password", "type")) | {"kind": account.type}
        preferences = PREFERENCES.get(txn, (userid,))
        if preferences is not None:
            yield _row("preferences", preferences)
        for _, token in TOKENS.scan(txn, (userid,)):
            yield _row("login", token, without=("userid",))
        for _, identity in IDENTITIES.scan(txn, (userid,)):
            yield _row("identity", identity, without=("userid", "digest"))
        for _, key in API_KEYS.scan(txn, (userid,)):
            yield _row("api_key", key, without=("userid", "digest"))
        for _, passkey in PASSKEYS.scan(txn, (userid,)):
            yield _row("passkey", passkey, without=("userid", "credential", "digest", "counter"))
        factor = SECOND_FACTORS.get(txn, (userid,))
        if factor is not None and factor.secret:
            yield {
                "type": "second_factor",
                "create_utime": factor.create_utime,
                "recovery_codes": len(factor.recovery),
            }
        for _, member in MEMBERS_BY_ACCOUNT.rows(txn, (userid,)):
            joined = TEAMS.get(txn, (member.team,))
            yield _row("member", member) | {"team_name": joined.name if joined else ""}
        own = TEAMS.get(txn, (team,))
        if own is not None:
            yield _row("team", own)
        for _, campaign in CAMPAIGNS_BY_TEAM.rows(txn, (team,)):
            yield _row("campaign", campaign)
        for _, tracker in TEAM_TRACKERS_BY_TEAM.rows(txn, (team,)):
            yield _row("tracker", tracker)
        for _, domain in DOMAINS_BY_TEAM.rows(txn, (team,)):
            yield _row("domain", domain, without=("token", "number"))

    def _of_link(self, txn: Txn, link: Link) -> Iterator[Row]:
        """A link, its file, and its clicks."""
        rare = link.rare
        yield {
            "type": "link",
            "id": link.id,
            "short_url": self._hosts.short_url(link),
            "code": link.code,
            "host": self._hosts.numbered(link.host).name,
            "url": link.url,
            "create_utime": link.utime,
            **msgspec.structs.asdict(link.terms),
            "team": rare.team if rare else "",
            "campaign": rare.campaign if rare else "",
            "has_password": rare is not None and rare.password is not None,
            "filekey": link.filekey,
            "plugins": {
                name: msgspec.msgpack.decode(raw) for name, raw in (link.plugins or {}).items()
            },
        }
        file = FILES.get(txn, (link.filekey,)) if link.filekey else None
        if file is not None:
            without = ("owner", "challenge", "signature")
            yield _row("file", file, without=without) | {"filekey": link.filekey}
        bundle = BUNDLES.get(txn, (link.filekey,)) if file is not None else None
        if bundle is not None:
            entries = [msgspec.structs.asdict(entry) for entry in bundle.entries]
            yield {"type": "bundle", "filekey": link.filekey, "entries": entries}
        box = BOXES.get(txn, (link.box,)) if link.box else None
        if box is not None:
            yield _row("box", box, without=("owner", "public_key")) | {"link": link.id}
            for serial, item in items_of(txn, link.box):
                yield _of_item(txn, item) | {"link": link.id, "id": serial}
        live = self._clicks.live(txn, link.id)
        if live.count or live.count_qr:
            yield _row("counts", live) | {"link": link.id}

    async def _days(self, link_id: int) -> AsyncIterator[Row]:
        """The days of a link on which somebody clicked it."""
        after = -1
        while True:
            with self._store.read() as txn:
                days = list(islice(history.days(txn, link_id, after), DAYS_AT_ONCE))
            for day, stats in days:
                yield {
                    "type": "day",
                    "link": link_id,
                    "day": day_text(day),
                    "total": stats.total,
                    "qr_loads": stats.qr_loads,
                    "dimensions": counts_of(stats),
                }
            if len(days) < DAYS_AT_ONCE:
                break
            after = days[-1][0]
            await asyncio.sleep(0)

    async def _visits(self, link_id: int) -> AsyncIterator[Row]:
        """Its visits that are kept, the oldest first."""
        start: int | None = None
        while True:
            with self._store.read() as txn:
                counts = COUNTS.get(txn, (link_id,))
                if counts is None:
                    break
                oldest, stop = counts.visit_serial - counts.visits, counts.visit_serial
                start = oldest if start is None else max(start, oldest)
                visits = history.visits(txn, link_id, start, start + VISITS_AT_ONCE)
            for visit in visits:
                address = kept_address(visit.address, self._address_mode)
                yield _row("visit", visit) | {"link": link_id, "address": address}
            start += VISITS_AT_ONCE
            if start >= stop:
                break
            await asyncio.sleep(0)


def _of_item(txn: Txn, item: BoxItem) -> Row:
    """What came into a box; of an encrypted file no more than its size."""
    file = FILES.get(txn, (item.filekey,))
    without = ("owner", "challenge", "signature", "box")
    described = {} if file is None else _row("file", file, without=without)
    kept = _row("box_item", item, without=("sender_key", "label"))
    return described | kept


def _row(kind: str, row: msgspec.Struct, *, without: Sequence[str] = ()) -> Row:
    fields = msgspec.structs.asdict(row)
    return {"type": kind} | {name: fields[name] for name in fields if name not in without}
