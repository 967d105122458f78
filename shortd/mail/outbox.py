"""The outbox: mails that wait, as rows of the database, and what becomes of them.

A mail is queued in the very transaction that makes its code, so that neither is ever there
without the other. It holds the code in the clear until it is delivered or given up. Delivery is
at least once: a crash between the SMTP server's yes and the end of the row sends it again, with
the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec

from shortd.clock import DAY, HOUR, SECOND
from shortd.models.accounts import Account
from shortd.models.mail import FactorChange, Mail, MailHistory, MailPurpose, MailTraffic
from shortd.names import mailbox_of
from shortd.security.mailed_codes import LIFETIME, NOBODY, is_current
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    MAIL_HISTORIES,
    MAIL_TRAFFIC,
    OUTBOX,
    OUTBOX_BY_CREATION,
    OUTBOX_BY_NEXT,
    PREFERENCES,
    REPORTS,
)
from shortd.store.txn import Txn, WriteTxn

FIRST_DELAY = 15 * SECOND
"""µs before the second attempt; each further wait is twice as long."""
LONGEST_DELAY = 1800 * SECOND
GIVE_UP_AFTER = DAY
"""µs after which a mail is not tried any more, even if its code lived longer."""
TIME_TO_READ = 300 * SECOND
"""µs of its code's life that a mail must still have when it is sent."""
HOURLY = 3
"""Mails of one purpose that a mailbox may be sent: whoever asks, nobody is flooded."""
DAILY = {
    MailPurpose.REPORT: 4,
    MailPurpose.VERIFY: 7,
    MailPurpose.FACTORS: 7,
    MailPurpose.RESET: 10,
    MailPurpose.BOX: 24,
}
"""Mails of all purposes, before one of this purpose is refused: strangers who have an address
verified leave its owner a way back into his account, and so do those who report links. What tells
of boxes counts apart: strangers who send files take nothing from it."""
TRAFFIC_SHARE = {
    MailPurpose.REPORT: 0.5,
    MailPurpose.BOX: 0.5,
    MailPurpose.VERIFY: 0.8,
    MailPurpose.FACTORS: 0.9,
    MailPurpose.RESET: 1.0,
}
"""The same of what the server may send to everybody."""
REASON_LENGTH = 200
TRAFFIC = ("sent",)
"""The key of the one row about what the server sends."""


class OutboxStatus(msgspec.Struct, frozen=True):
    """The outbox at a glance."""

    waiting: int
    given_up: int
    """In the last week."""
    oldest_utime: int | None
    """When the mail that waits longest was queued."""


class Outbox:
    """The rows of the outbox. Times are Unix µs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def status(self) -> OutboxStatus:
        with self._store.read() as txn:
            return status_of(txn)

    def due(self, now: int, limit: int) -> list[Mail]:
        """Mails whose time has come, those that are due longest first."""
        found = []
        with self._store.read() as txn:
            for next_utime, userid, purpose in islice(OUTBOX_BY_NEXT.keys(txn), limit):
                mail = OUTBOX.get(txn, (userid, purpose))
                if next_utime > now:
                    break
                if mail is not None:
                    found.append(mail)
        return found

    def is_wanted(self, mail: Mail, now: int) -> bool:
        """Whether the mail's code could still be used: there is no newer one, nobody has used
        it, and the account is there and has the address. Of reports, whether any are open, and the
        account is still an operator's; of a change, whether it is still news."""
        with self._store.read() as txn:
            account = ACCOUNTS.get(txn, (mail.userid,))
            if mail.purpose is MailPurpose.BOX:
                return account is not None and is_known(account, mail.recipient)
            if mail.purpose is MailPurpose.REPORT:
                return _is_operators(account, mail, now) and REPORTS.count(txn) > 0
            if mail.purpose is MailPurpose.FACTORS:
                return account is not None and _may_be_told(account, mail, now)
            return account is not None and is_current(txn, account, mail.purpose, mail.code, now)

    async def remove(self, mail: Mail) -> None:
        """The end of a mail that was delivered, or that nobody wants any more."""

        def remove(txn: WriteTxn) -> None:
            if _is_there(txn, mail):
                OUTBOX.delete(txn, (mail.userid, mail.purpose))

        await self._store.write(remove, Reserve.ALL)

    async def postpone(self, mails: Sequence[Mail], reason: str, now: int) -> list[Mail]:
        """Has mails, their last attempt counted, tried again later; the rows, of which some may
        be given up instead."""
        rows = [_postponed(mail, reason, now) for mail in mails]
        await self._replace(rows)
        return rows

    async def give_up(self, mail: Mail, reason: str, now: int) -> Mail:
        """Keeps a mail for people to see that it never came. Its code is forgotten."""
        row = _given_up(mail, reason, now)
        await self._replace([row])
        return row

    async def _replace(self, rows: Sequence[Mail]) -> None:
        def replace(txn: WriteTxn) -> None:
            for row in rows:
                if _is_there(txn, row):
                    OUTBOX.put(txn, (row.userid, row.purpose), row)

        await self._store.write(replace, Reserve.ALL)


def put_mail(txn: WriteTxn, mail: Mail) -> None:
    """Queues a mail, in place of any other to that account for that purpose; in the language that
    the account has chosen, else in the mail's own."""
    chosen = PREFERENCES.get(txn, (mail.userid,))
    if chosen is not None and chosen.language:
        mail = msgspec.structs.replace(mail, language=chosen.language)
    OUTBOX.put(txn, (mail.userid, mail.purpose), mail)


def tell_change(
    txn: WriteTxn, account: Account, change: FactorChange, mail_id: str, per_day: int, now: int
) -> None:
    """Queues a mail to an account's owner, if the address is known to be his, that says what of
    his ways to sign in was changed. One that waits says it as well; none is left out for its
    mailbox having got many: it comes later."""
    if not account.email_verified:
        return
    purpose = MailPurpose.FACTORS
    waiting = OUTBOX.get(txn, (account.userid, purpose))
    changes = [change.value]
    if waiting is not None and waiting.code:
        changes = list(dict.fromkeys([*waiting.code.split(","), change.value]))
    wait = take_mail(txn, account.email, purpose, per_day, now)
    put_mail(
        txn,
        Mail(
            id=mail_id,
            userid=account.userid,
            purpose=purpose,
            recipient=account.email,
            code=",".join(changes),
            create_utime=now,
            next_utime=now + wait,
        ),
    )


def _may_be_told(account: Account, mail: Mail, now: int) -> bool:
    is_news = now < mail.create_utime + LIFETIME[mail.purpose]
    return is_news and account.email_verified and account.email == mail.recipient


def is_waiting(txn: Txn, userid: str, purpose: MailPurpose) -> bool:
    """Whether a mail to that account for that purpose is still to be sent."""
    mail = OUTBOX.get(txn, (userid, purpose))
    return mail is not None and not mail.given_up_utime


def status_of(txn: Txn) -> OutboxStatus:
    waiting = OUTBOX_BY_CREATION.count(txn)
    oldest = next((utime for utime, _, _ in OUTBOX_BY_CREATION.keys(txn)), None)
    return OutboxStatus(waiting, OUTBOX.count(txn) - waiting, oldest)


def given_up(txn: Txn) -> list[Mail]:
    """The mails that never came."""
    return [mail for _, mail in OUTBOX.scan(txn) if mail.given_up_utime]


def take_mail(txn: WriteTxn, email: str, purpose: MailPurpose, per_day: int, now: int) -> int:
    """Counts a mail to an address and returns 0, or the µs until there may be another.

    What counts is the mailbox, whatever is spelled behind its name, and what the server sends in
    24 hours, `per_day`. `NOBODY` takes as much work, and nothing from the server.
    """
    mailbox = mailbox_of(email)
    history = MAIL_HISTORIES.get(txn, (mailbox, purpose)) or MailHistory()
    # What a clock that ran ahead has left counts for nothing.
    utimes = [utime for utime in history.utimes if now - DAY < utime <= now]
    everything = sorted(
        utime
        for one in MailPurpose
        if (one is MailPurpose.BOX) == (purpose is MailPurpose.BOX)
        for utime in (MAIL_HISTORIES.get(txn, (mailbox, one)) or MailHistory()).utimes
        if utime <= now
    )
    for sent, most, span in ((utimes, HOURLY, HOUR), (everything, DAILY[purpose], DAY)):
        if len(sent) >= most and sent[-most] + span > now:
            return sent[-most] + span - now
    wait = _take_traffic(txn, round(per_day * TRAFFIC_SHARE[purpose]), email != NOBODY, now)
    if not wait:
        MAIL_HISTORIES.put(txn, (mailbox, purpose), MailHistory((*utimes, now)))
    return wait


def last_mailed(txn: Txn, email: str, purpose: MailPurpose) -> int:
    """When an address was last sent a mail of a purpose, or is to be; 0 for never lately."""
    history = MAIL_HISTORIES.get(txn, (mailbox_of(email), purpose)) or MailHistory()
    return max(history.utimes, default=0)


def is_known(account: Account, email: str) -> bool:
    """Whether this is the address of an account, known to be its owner's."""
    return account.email == email and account.email_verified


def _take_traffic(txn: WriteTxn, most: int, counts: bool, now: int) -> int:
    """Counts a mail of the server's, unless it does not count; or the µs until there may be one."""
    hour = now // HOUR
    traffic = MAIL_TRAFFIC.get(txn, TRAFFIC) or MailTraffic()
    hours = {when: sent for when, sent in traffic.hours.items() if hour - 24 < when <= hour}
    if sum(hours.values()) >= most:
        return (min(hours, default=hour) + 24) * HOUR - now
    if counts:
        hours[hour] = hours.get(hour, 0) + 1
    MAIL_TRAFFIC.put(txn, TRAFFIC, MailTraffic(hours))
    if not hours:
        MAIL_TRAFFIC.delete(txn, TRAFFIC)
    return 0


def _is_operators(account: Account | None, mail: Mail, now: int) -> bool:
    """Whether a mail for operators is still for the account that it goes to."""
    return (
        account is not None
        and account.operator
        and account.email_verified
        and account.email == mail.recipient
        and now < mail.create_utime + LIFETIME[mail.purpose]
    )


def _is_there(txn: Txn, mail: Mail) -> bool:
    """Whether no newer mail has taken its place."""
    row = OUTBOX.get(txn, (mail.userid, mail.purpose))
    return row is not None and row.id == mail.id


def _postponed(mail: Mail, reason: str, now: int) -> Mail:
    delay = min(FIRST_DELAY << min(mail.attempts - 1, 16), LONGEST_DELAY)
    lifetime = min(GIVE_UP_AFTER, LIFETIME[mail.purpose])
    last = mail.create_utime + lifetime - TIME_TO_READ
    if now >= last:
        return _given_up(mail, reason, now)
    return msgspec.structs.replace(
        mail,
        next_utime=min(now + delay, last),
        reason=_harmless(mail, reason),
    )


def _given_up(mail: Mail, reason: str, now: int) -> Mail:
    return msgspec.structs.replace(
        mail,
        code="",
        reason=_harmless(mail, reason),
        given_up_utime=now,
    )


def _harmless(mail: Mail, reason: str) -> str:
    """What a server said, fit for a log: one line without the code or the address."""
    for secret in (mail.code, mail.recipient):
        reason = reason.replace(secret, "…") if secret else reason
    line = " ".join(reason.split())
    return "".join(character for character in line if character.isprintable())[:REASON_LENGTH]
