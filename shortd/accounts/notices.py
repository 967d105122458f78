"""Mails that tell an owner of something, where nobody has asked for one.

They go to addresses that are known to be their owner's, rarely, and say no more than that there is
something to be seen. One that finds no budget is left out: what it tells of is on the pages.
"""

from __future__ import annotations

from random import Random

import msgspec

from shortd.accounts.accounts import ID_LENGTH
from shortd.clock import MINUTE
from shortd.ids import random_text
from shortd.mail.outbox import last_mailed, put_mail, take_mail
from shortd.models.accounts import Account
from shortd.models.mail import Mail, MailPurpose
from shortd.store.schema import OUTBOX, PREFERENCES
from shortd.store.txn import WriteTxn

GATHERED = MINUTE
"""µs for which what comes next is told of in the same mail."""
APART = 10 * MINUTE
"""µs between two mails to one account."""
TRIES = 3
"""Later times that are tried: a mail that may not go yet waits."""


def notify(
    txn: WriteTxn, account: Account, link_id: int, random: Random, per_day: int, now: int
) -> None:
    """Has an account be told that something came into the box of a link."""
    if not account.email or not account.email_verified:
        return
    purpose = MailPurpose.BOX
    waiting = OUTBOX.get(txn, (account.userid, purpose))
    if waiting is not None and not waiting.given_up_utime:
        if waiting.code not in ("", str(link_id)):
            # Of several boxes, the mail leads to their list.
            put_mail(txn, msgspec.structs.replace(waiting, code=""))
        return
    last = last_mailed(txn, account.email, purpose)
    # A clock that ran ahead must not keep an owner waiting.
    due = now + GATHERED if last > now + APART else max(now + GATHERED, last + APART)
    for _ in range(TRIES):
        wait = take_mail(txn, account.email, purpose, per_day, due)
        if not wait:
            break
        due += wait
    else:
        return
    chosen = PREFERENCES.get(txn, (account.userid,))
    put_mail(
        txn,
        Mail(
            id=random_text(random, ID_LENGTH),
            userid=account.userid,
            purpose=purpose,
            recipient=account.email,
            code=str(link_id),
            create_utime=due,
            next_utime=due,
            language=chosen.language if chosen else "",
        ),
    )
