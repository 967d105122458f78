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
from shortd.files.boxes import items_of
from shortd.hosts import Hosts
from shortd.links.access import own_team_id
from shortd.links.sheets import Sheets
from shortd.models.accounts import Account
from shortd.models.clicks import Counts
from shortd.models.files import BoxItem
from shortd.models.links import Link
from shortd.names import mailbox_of
from shortd.store import Store
from shortd.store.schema import (
    AUDIT,
    BOXES,
    CAMPAIGNS_BY_TEAM,
    COUNTS,
    DOMAINS_BY_TEAM,
    FORMER_LINKS,
    GRANTS,
    INVITATIONS_BY_GUEST,
    KNOWN_CLIENTS,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    MAIL_HISTORIES,
    MEMBERS_BY_ACCOUNT,
    OUTBOX,
    REPORTS,
    SECOND_FACTORS,
    TEAM_TRACKERS_BY_TEAM,
    TEAMS,
    TOKENS,
    UPLOADS_BY_OWNER,
)
from shortd.store.txn import Txn
from shortd.upkeep.link_rows import counts_row, day_row, file_rows, link_row, visit_row
from shortd.upkeep.plain_rows import Row
from shortd.upkeep.row_types import (
    ACCOUNT,
    API_KEY,
    BOX,
    BOX_ITEM,
    CAMPAIGN,
    DOMAIN,
    IDENTITY,
    INVITATION,
    MEMBER,
    OPERATION,
    PASSKEY,
    PREFERENCES,
    REPORT,
    SECOND_FACTOR,
    TEAM,
    TRACKER,
    RowType,
)
from shortd.visitors.visitors import kept_address

LINKS_AT_ONCE, DAYS_AT_ONCE, VISITS_AT_ONCE, LINES_AT_ONCE = 100, 50, 500, 500
"""Rows that are read before the event loop goes on: some milliseconds."""
OWN: tuple[RowType[Any], ...] = (PREFERENCES, IDENTITY, API_KEY, PASSKEY)
"""What is told of an account beside itself."""
OPENS_FILE = ("owner", "challenge", "signature", "parts")
"""Of a file's row."""


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
        async for row in self.rows(account):
            yield separator + msgspec.json.encode(row)
            separator = b",\n"
        yield b"\n]\n"

    async def csv(self, account: Account) -> AsyncIterator[bytes]:
        """The account's links, the newest first, as `Sheets.write` has them."""
        async for text in self._sheets.write(self._links(account)):
            yield text.encode()

    async def rows(self, account: Account) -> AsyncIterator[Row]:
        """Everything, row by row, by the types of `row_types`, and some of what passes."""
        with self._store.read() as txn:
            rows = [*self._own(txn, account), *self._former(txn, account)]
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
            for key, line in found:
                if line.subject_userid == account.userid:
                    yield OPERATION.told_to_owner(key, line)
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
        yield ACCOUNT.told_to_owner((userid,), account)
        for row_type in OWN:
            for key, row in row_type.table.scan(txn, (userid,)):
                yield row_type.told_to_owner(key, row)
        for _, token in TOKENS.scan(txn, (userid,)):
            yield _row("login", token, without=("userid",))
        for _, grant in GRANTS.scan(txn, (userid,)):
            without = ("userid", "access", "refresh")
            yield _row("v1_login", grant, without=without)
        for _, client in KNOWN_CLIENTS.scan(txn, (userid,)):
            yield _row("known_client", client)
        factor = SECOND_FACTORS.get(txn, (userid,))
        if factor is not None and factor.secret:
            told = SECOND_FACTOR.told_to_owner((userid,), factor)
            yield told | {"recovery_codes": len(factor.recovery)}
        for _, member in MEMBERS_BY_ACCOUNT.rows(txn, (userid,)):
            joined = TEAMS.get(txn, (member.team,))
            told = MEMBER.told_to_owner((member.team, userid), member)
            yield told | {"team_name": joined.name if joined else ""}
        for guest in {userid, account.email.casefold()} - {""}:
            for (_, invitation_id), invitation in INVITATIONS_BY_GUEST.rows(txn, (guest,)):
                yield INVITATION.told_to_owner((invitation_id,), invitation, ("inviter",))
        own = TEAMS.get(txn, (team,))
        if own is not None:
            yield TEAM.told_to_owner((team,), own)
        for _, campaign in CAMPAIGNS_BY_TEAM.rows(txn, (team,)):
            yield CAMPAIGN.told_to_owner((campaign.id,), campaign)
        for _, tracker in TEAM_TRACKERS_BY_TEAM.rows(txn, (team,)):
            yield TRACKER.told_to_owner((tracker.id,), tracker)
        for _, domain in DOMAINS_BY_TEAM.rows(txn, (team,)):
            yield DOMAIN.told_to_owner((domain.id,), domain)
        yield from self._mails(txn, account)
        for _, upload in UPLOADS_BY_OWNER.rows(txn, (userid,)):
            # Of one for a box, that is its sender's.
            yield _row("upload", upload, without=("owner", "client"))

    def _mails(self, txn: Txn, account: Account) -> Iterator[Row]:
        """Mails that wait or never came, and when others were sent."""
        for _, mail in OUTBOX.scan(txn, (account.userid,)):
            yield _row("mail", mail, without=("userid", "code"))
        mailbox = mailbox_of(account.email)
        for (_, purpose), sent in MAIL_HISTORIES.scan(txn, (mailbox,)) if mailbox else ():
            yield {"type": "mails_sent", "purpose": purpose, "utimes": sent.utimes}

    def _of_link(self, txn: Txn, link: Link) -> Iterator[Row]:
        """A link, its file, and its clicks."""
        yield self._link(link)
        for filekey in (link.filekey,) if link.filekey else ():
            for row in file_rows(txn, filekey):
                yield {name: row[name] for name in row if name not in OPENS_FILE}
        box = BOXES.get(txn, (link.box,)) if link.box else None
        if box is not None:
            yield BOX.told_to_owner((link.box,), box, ("owner",)) | {"link": link.id}
            for serial, item in items_of(txn, link.box):
                yield _of_item(txn, link.box, serial, item) | {"link": link.id}
        for _, report in REPORTS.scan(txn, (link.id,)):
            # Who reported it is that visitor's affair.
            yield REPORT.told_to_owner((link.id, b""), report, ("client", "block", "address"))
        live = self._clicks.live(txn, link.id)
        if live.count or live.count_qr:
            stored = COUNTS.get(txn, (link.id,)) or Counts()
            both = msgspec.structs.asdict(live)
            yield counts_row(link.id, msgspec.structs.replace(stored, **both))

    def _link(self, link: Link) -> Row:
        row = link_row(link, self._hosts.numbered(link.host))
        has_password = row.pop("password") is not None
        return row | {"has_password": has_password}

    def _former(self, txn: Txn, account: Account) -> Iterator[Row]:
        """What can still be undone, deleted links among it."""
        for _, former in FORMER_LINKS.scan(txn, (account.userid,)):
            # Somebody else's is that person's.
            if former.link.owner != account.userid:
                continue
            told = self._link(former.link)
            yield told | {"type": "former_link", "until": former.until, "changed": former.fields}

    async def _days(self, link_id: int) -> AsyncIterator[Row]:
        """The days of a link on which somebody clicked it."""
        after = -1
        while True:
            with self._store.read() as txn:
                days = list(islice(history.days(txn, link_id, after), DAYS_AT_ONCE))
            for day, stats in days:
                yield day_row(link_id, day, stats)
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
                yield visit_row(link_id, visit) | {"address": address}
            start += VISITS_AT_ONCE
            if start >= stop:
                break
            await asyncio.sleep(0)


def _of_item(txn: Txn, box: str, serial: int, item: BoxItem) -> Row:
    """What came into a box; of an encrypted file no more than its size."""
    file = next(file_rows(txn, item.filekey), {})
    described = {name: file[name] for name in file if name not in {*OPENS_FILE, "box"}}
    return described | BOX_ITEM.told_to_owner((box, serial), item)


def _row(kind: str, row: msgspec.Struct, *, without: Sequence[str] = ()) -> Row:
    fields = msgspec.structs.asdict(row)
    return {"type": kind} | {name: fields[name] for name in fields if name not in without}
