"""Links that visitors have reported, until an operator has dealt with them.

Anybody may report a link that he can open: once for each link, as long as that is open. A block of
addresses, a link and the server have so many open reports each and no more, and operators are
mailed of a link once a day at most. Nothing here tells a visitor whether a link is there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random

import msgspec

from shortd import errors
from shortd.accounts.accounts import ID_LENGTH
from shortd.accounts.operators import Operators
from shortd.blocks import HASH_BYTES, BlockHashes, blocks
from shortd.clock import DAY, HOUR, SECOND
from shortd.ids import random_text
from shortd.links.open_reports import drop_reports
from shortd.links.terms import check_characters
from shortd.mail.outbox import is_waiting, put_mail, take_mail
from shortd.models.accounts import Account
from shortd.models.blocking import Reason, Report
from shortd.models.links import Link
from shortd.models.mail import Mail, MailPurpose
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.pace import matching_keys
from shortd.store.room import Reserve
from shortd.store.schema import (
    LINKS_BY_ID,
    REPORT_MAILS,
    REPORTS,
    REPORTS_OF_BLOCK,
    REPORTS_OF_LINK,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.visitors.visitors import kept_address

NOTE_CHARACTERS = 500
MOST = 5000
"""Open reports, of all links: some 10 MB at the worst."""
MOST_OF_LINK = 50
"""Further ones are thanked for and add nothing."""
MOST_OF_BLOCK = 20
"""Of one block of addresses, the widest that may be one client's."""
KEPT_DAYS = 90
"""An open report that nobody has dealt with goes then."""
_TRY_AGAIN = HOUR // SECOND


class Reported(msgspec.Struct, frozen=True):
    """A link, and what is said of it."""

    link: Link
    reports: tuple[Report, ...]
    """The newest first."""

    @property
    def reasons(self) -> list[tuple[Reason, int]]:
        """How often each was given, the commonest first."""
        return Counter(report.reason for report in self.reports).most_common()

    @property
    def latest_utime(self) -> int:
        return self.reports[0].create_utime


class Reports:
    """The rules over the store. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        hashes: BlockHashes,
        operators: Operators,
        random: Random,
    ) -> None:
        """`hashes` names clients on the disk."""
        self._store = store
        self._hashes = hashes
        self._operators = operators
        self._random = random
        self._address_mode = settings.clicks.ip
        self._address_days = settings.clicks.visit_days
        self._mails = bool(settings.mail.smtp_url)
        self._daily = settings.mail.per_day

    async def add(self, link_id: int, reason: Reason, note: str, address: str, now: int) -> None:
        """Takes a report of a link that its visitor has seen; another one takes the place of his
        open one.

        INVALID_FIELD for the note, RATE_LIMITED where too many wait already.
        """
        note = "\n".join(" ".join(line.split()) for line in note.strip().splitlines())
        if len(note) > NOTE_CHARACTERS:
            raise errors.INVALID_FIELD(
                "At most %(most)s characters.", field="note", most=NOTE_CHARACTERS
            )
        check_characters(note.replace("\n", " "), "note")
        around = blocks(address)
        report = Report(
            link_id=link_id,
            client=self._hashes.of(around[0]),
            block=self._hashes.of(around[-1]),
            reason=reason,
            create_utime=now,
            note=note,
            address=kept_address(address, self._address_mode),
        )
        operators = await self._operators.all() if self._mails else []
        mails = [self._mail(account, now) for account in operators if account.email_verified]
        await self._store.write(partial(self._put, report=report, mails=mails, now=now))

    def _put(self, txn: WriteTxn, report: Report, mails: Sequence[Mail], now: int) -> None:
        key = (report.link_id, report.client)
        if not LINKS_BY_ID.has(txn, (report.link_id,)):
            return
        if REPORTS.get(txn, key) is None:
            if REPORTS_OF_LINK.get(txn, (report.link_id,)) >= MOST_OF_LINK:
                return
            if REPORTS_OF_BLOCK.get(txn, (report.block,)) >= MOST_OF_BLOCK:
                raise errors.RATE_LIMITED(
                    "Many links that were reported from here wait to be looked at. Try again"
                    " later.",
                    retry_after=_TRY_AGAIN,
                )
            if REPORTS.count(txn) >= MOST:
                raise errors.RATE_LIMITED(
                    "Too many reports wait to be looked at. Try again later.",
                    retry_after=_TRY_AGAIN,
                )
        REPORTS.put(txn, key, report)
        mailed = REPORT_MAILS.get(txn, (report.link_id,))
        if mailed is None or not mailed <= now < mailed + DAY:
            queued = [mail for mail in mails if self._queue(txn, mail, now)]
            if queued:
                REPORT_MAILS.put(txn, (report.link_id,), now)

    def _queue(self, txn: WriteTxn, mail: Mail, now: int) -> bool:
        """Queues a mail, unless the operator has one coming, or was sent enough."""
        if is_waiting(txn, mail.userid, mail.purpose):
            # It says how many there are when it is read: at the page that it leads to.
            return True
        if take_mail(txn, mail.recipient, mail.purpose, self._daily, now):
            return False
        put_mail(txn, mail)
        return True

    def _mail(self, account: Account, now: int) -> Mail:
        return Mail(
            id=random_text(self._random, ID_LENGTH),
            userid=account.userid,
            purpose=MailPurpose.REPORT,
            recipient=account.email,
            code="",
            create_utime=now,
            next_utime=now,
        )

    async def open(self) -> list[Reported]:
        """All links with open reports, the one that was reported last first. Others have their
        turns in between."""
        found: list[Reported] = []
        after: tuple[int, bytes] | None = None
        while True:
            with self._store.read() as txn:
                first = next(REPORTS.scan(txn, after=after), None)
                if first is None:
                    break
                link_id = first[0][0]
                one = _reported(txn, link_id)
            if one is not None:
                found.append(one)
            after = (link_id, b"\xff" * HASH_BYTES)
            await asyncio.sleep(0)
        return sorted(found, key=lambda one: (-one.latest_utime, one.link.id))

    def of_link(self, link_id: int) -> Reported | None:
        """What is said of one link; None if nothing is."""
        with self._store.read() as txn:
            return _reported(txn, link_id)

    async def close(self, link_id: int) -> int:
        """Ends a link's reports: they are dealt with. How many there were."""
        return await self._store.write(lambda txn: drop_reports(txn, link_id), Reserve.ALL)

    async def sweep(self, now: int) -> None:
        """Forgets what is too old, and addresses for as long as those of visits are kept."""
        addresses_before = now - self._address_days * DAY

        def is_old(txn: Txn, key: tuple[int, bytes], row: Report) -> bool:
            return _aged(row, now, addresses_before) != row

        async for keys in matching_keys(self._store, REPORTS, is_old):
            age = partial(_age, keys=keys, now=now, addresses_before=addresses_before)
            await self._store.write(age, Reserve.ALL)
        async for mailed in matching_keys(
            self._store, REPORT_MAILS, lambda txn, key, utime: utime <= now - DAY
        ):
            await self._store.write(partial(_forget_mails, keys=mailed), Reserve.ALL)


def _reported(txn: Txn, link_id: int) -> Reported | None:
    link = LINKS_BY_ID.get(txn, (link_id,))
    rows = [row for _, row in REPORTS.scan(txn, (link_id,))]
    if link is None or not rows:
        return None
    return Reported(link, tuple(sorted(rows, key=lambda row: -row.create_utime)))


def _aged(row: Report, now: int, addresses_before: int) -> Report | None:
    """What is left of a report with time."""
    if row.create_utime <= now - KEPT_DAYS * DAY:
        return None
    if row.address and row.create_utime < addresses_before:
        return msgspec.structs.replace(row, address="")
    return row


def _age(txn: WriteTxn, keys: Sequence[tuple[int, bytes]], now: int, addresses_before: int) -> None:
    for key in keys:
        row = REPORTS.get(txn, key)
        if row is None:
            continue
        left = _aged(row, now, addresses_before)
        if left is None:
            REPORTS.delete(txn, key)
        elif left != row:
            REPORTS.put(txn, key, left)


def _forget_mails(txn: WriteTxn, keys: Sequence[tuple[int]]) -> None:
    for key in keys:
        REPORT_MAILS.delete(txn, key)
