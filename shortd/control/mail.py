"""Mail that waits to be sent, for `shortd mail list`."""

from __future__ import annotations

import msgspec

from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, look
from shortd.models.mail import Mail, MailPurpose
from shortd.store.schema import OUTBOX


class MailShown(msgspec.Struct, frozen=True):
    """A mail; never what stands in it."""

    recipient: str
    purpose: MailPurpose
    created_utime: int
    attempts: int
    next_utime: int | None
    given_up_utime: int | None
    reason: str | None
    """Why the last attempt failed."""


@look("mail list")
def mail_list(view: View, args: Args) -> Portions:
    for mails in portions(view.store, OUTBOX):
        yield [_shown(mail) for mail in mails]


def _shown(mail: Mail) -> MailShown:
    return MailShown(
        recipient=mail.recipient,
        purpose=mail.purpose,
        created_utime=mail.create_utime,
        attempts=mail.attempts,
        next_utime=None if mail.given_up_utime else mail.next_utime,
        given_up_utime=mail.given_up_utime or None,
        reason=mail.reason or None,
    )
