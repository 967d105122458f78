"""What mails say. Nothing in one comes from a user but the address and, in its link, the code.

Links are built from `public_url` alone, never from what a request claimed. Headers are made by
`email`, whose policy refuses line breaks in them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shortd.clock import SECOND
from shortd.mail_addresses import mailbox_of, sender_of
from shortd.models.mail import Mail, MailPurpose

_SUBJECTS = {
    MailPurpose.VERIFY.value: "Verify your e-mail address",
    MailPurpose.RESET.value: "Choose a new password",
    MailPurpose.BOX.value: "Files were sent to you",
    "test": "Mail from shortd works",
}
_TRANSLATED = {(MailPurpose.BOX.value, "de"): "Ihnen wurden Dateien geschickt"}
"""Subjects of what is there in other languages, too: text files that have the language in their
names."""


class Messages:
    """Makes messages. `sender` is [mail] from; empty is shortd@ and the name of the server."""

    def __init__(self, public_url: str, sender: str, pages_url: str = "") -> None:
        """`pages_url` is the origin of the pages, where that is another one."""
        self.domain = mail_domain(public_url)
        """What the server calls itself to other mail servers, and in a Message-ID."""
        self._public_url = public_url
        self._pages_url = pages_url or public_url
        self._sender = sender_of(sender or f"shortd@{self.domain}")

    def compose(self, mail: Mail) -> EmailMessage:
        """The message of a row of the outbox; the same for each attempt.

        ValueError if the address is none that mail can be sent to.
        """
        recipient = mailbox_of(mail.recipient)
        if mail.purpose is MailPurpose.BOX:
            link = f"{self._pages_url}/-/boxes" + (f"/{mail.code}" if mail.code else "")
        else:
            query = urlencode({"email": recipient.addr_spec, "code": mail.code})
            link = f"{self._public_url}/-/{mail.purpose.value}?{query}"
        kind, language = mail.purpose.value, mail.language
        return self._message(kind, recipient, mail.id, mail.create_utime, link, language)

    def test(self, address: str, mail_id: str, now: int) -> EmailMessage:
        """What `shortd mail test` sends. ValueError for an address that is none."""
        return self._message("test", mailbox_of(address), mail_id, now, "")

    def _message(
        self,
        kind: str,
        recipient: Address,
        mail_id: str,
        utime: int,
        link: str,
        language: str = "",
    ) -> EmailMessage:
        site = self._public_url.partition("://")[2]
        translated = _TRANSLATED.get((kind, language))
        name = f"{kind}.{language}" if translated else kind
        context = {"site": site, "link": link, "language": language if translated else "en"}
        message = EmailMessage(SMTPUTF8)
        message["Subject"] = f"{translated or _SUBJECTS[kind]} ({site})"
        message["From"] = self._sender
        message["To"] = recipient
        message["Date"] = format_datetime(datetime.fromtimestamp(utime // SECOND, UTC))
        message["Message-ID"] = f"<{mail_id}@{self.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        # English is ASCII in short lines: sent as it is, nothing breaks a link in two.
        for part, subtype in ((f"{name}.txt", "plain"), (f"{name}.html", "html")):
            text = _templates().get_template(part).render(context)
            cte = "7bit" if text.isascii() else "quoted-printable"
            if subtype == "plain":
                message.set_content(text, cte=cte)
            else:
                message.add_alternative(text, subtype=subtype, cte=cte)
        return message


def mail_domain(public_url: str) -> str:
    """The host of a URL as mail writes it: a name, or an address literal (RFC 5321 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        auto_reload=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
