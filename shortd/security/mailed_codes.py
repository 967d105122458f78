"""Codes that are mailed: who can name one reads the mailbox that it went to.

128 random bits, stored as a digest, good for one use and for a limited time, one per account and
purpose (docs/mail.md). Functions over an open transaction; a wrong code takes the same work
whether there was a right one or not, or even an account.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum, auto
from random import Random

import msgspec

from shortd.clock import DAY, SECOND
from shortd.models.accounts import Account
from shortd.models.mail import MailedCode, MailPurpose
from shortd.store.schema import CODES
from shortd.store.txn import Txn, WriteTxn

CODE_BYTES = 16
LIFETIME = {
    MailPurpose.VERIFY: DAY,
    MailPurpose.RESET: 3600 * SECOND,
    MailPurpose.FACTORS: DAY,
    MailPurpose.REPORT: DAY,
    MailPurpose.BOX: DAY,
}
"""µs for which a code is good, or a mail without one worth sending."""
MAX_ATTEMPTS = 10
"""How often a code can be tried; then it has ended, and only a new one helps."""
NOBODY = "-" * 32
"""In the place of a userid, for rows that are written for the work alone, and taken back."""

_NO_DIGEST = bytes(32)


class Verdict(Enum):
    """What became of an attempt."""

    RIGHT = auto()
    USED = auto()
    """It was the right one, and has done its work before."""
    WRONG = auto()


def new_code(random: Random) -> str:
    """A code as it is mailed: 32 hex digits."""
    return random.randbytes(CODE_BYTES).hex()


def put_code(
    txn: WriteTxn, userid: str, purpose: MailPurpose, code: str, email: str, now: int
) -> None:
    """Makes this the code of that purpose. Any older one ends."""
    row = MailedCode(_digest(code), email, expiration_utime=now + LIFETIME[purpose])
    CODES.put(txn, (userid, purpose), row)


def try_code(
    txn: WriteTxn, account: Account | None, purpose: MailPurpose, code: str, now: int
) -> Verdict:
    """Counts an attempt, then compares. To be committed before the verdict is told.

    Without an account, or without a living code, as much is written, and nothing stays.
    """
    row = None if account is None else _living(txn, account, purpose, now)
    if account is None or row is None:
        CODES.put(txn, (NOBODY, purpose), MailedCode(_NO_DIGEST, "", now))
        CODES.delete(txn, (NOBODY, purpose))
    else:
        row = msgspec.structs.replace(row, attempts=row.attempts + 1)
        CODES.put(txn, (account.userid, purpose), row)
    if not hmac.compare_digest(_digest(code), row.digest if row else _NO_DIGEST) or row is None:
        return Verdict.WRONG
    return Verdict.USED if row.used else Verdict.RIGHT


def use_code(txn: WriteTxn, account: Account, purpose: MailPurpose, code: str, now: int) -> Verdict:
    """Uses a code up. RIGHT for the first who does, without another attempt being counted."""
    row = _row(txn, account, purpose, now)
    if row is None or not hmac.compare_digest(_digest(code), row.digest):
        return Verdict.WRONG
    if row.used:
        return Verdict.USED
    CODES.put(txn, (account.userid, purpose), msgspec.structs.replace(row, used=True))
    return Verdict.RIGHT


def end_code(txn: WriteTxn, userid: str, purpose: MailPurpose) -> None:
    """Ends a code that nobody may use any more."""
    CODES.delete(txn, (userid, purpose))


def is_current(txn: Txn, account: Account, purpose: MailPurpose, code: str, now: int) -> bool:
    """Whether a code, which is known to be genuine, could still be used."""
    row = _living(txn, account, purpose, now)
    return row is not None and not row.used and row.digest == _digest(code)


def _living(txn: Txn, account: Account, purpose: MailPurpose, now: int) -> MailedCode | None:
    row = _row(txn, account, purpose, now)
    return None if row is None or row.attempts >= MAX_ATTEMPTS else row


def _row(txn: Txn, account: Account, purpose: MailPurpose, now: int) -> MailedCode | None:
    row = CODES.get(txn, (account.userid, purpose))
    if row is None or row.expiration_utime <= now or row.email != account.email:
        return None
    return row


def _digest(code: str) -> bytes:
    """A plain hash suffices: a code has 128 bits of its own."""
    return hashlib.sha256(code.lower().encode()).digest()
