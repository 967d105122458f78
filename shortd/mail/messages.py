"""What mails say, in the language of who is to read them. Nothing in one comes from a user but the
address and, in its link, the code.

Links are built from `public_url` alone, never from what a request claimed. Headers are made by
`email`, whose policy refuses line breaks in them; it is imported with the first mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from ipaddress import ip_address
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from shortd.clock import SECOND
from shortd.errors import Sentence
from shortd.languages import Language, Languages, open_languages
from shortd.mail_addresses import mailbox_of, sender_of
from shortd.models.mail import FactorChange, Mail, MailPurpose

if TYPE_CHECKING:
    from email.headerregistry import Address
    from email.message import EmailMessage

    from jinja2 import Environment

_SUBJECTS = {
    MailPurpose.VERIFY.value: Sentence("Verify your e-mail address"),
    MailPurpose.RESET.value: Sentence("Choose a new password"),
    MailPurpose.BOX.value: Sentence("Files were sent to you"),
    MailPurpose.REPORT.value: Sentence("Visitors have reported links"),
    MailPurpose.FACTORS.value: Sentence("How your account is opened was changed"),
    "test": Sentence("Mail from shortd works"),
}
_CHANGES = {
    FactorChange.APP_ADDED.value: Sentence(
        "The codes of an authenticator app are asked for from now on."
    ),
    FactorChange.APP_REMOVED.value: Sentence(
        "The codes of an authenticator app are not asked for any more."
    ),
    FactorChange.RECOVERY_CODES.value: Sentence(
        "New recovery codes were made; earlier ones have ended."
    ),
    FactorChange.PASSKEY_ADDED.value: Sentence("A passkey was added."),
    FactorChange.PASSKEY_REMOVED.value: Sentence("A passkey was removed."),
    FactorChange.WAY_ADDED.value: Sentence(
        "Somebody who signs in at another service opens the account, too."
    ),
    FactorChange.WAY_REMOVED.value: Sentence(
        "Somebody who signs in at another service does not open the account any more."
    ),
}
_FILLED = partial(fill, width=76, break_long_words=False, break_on_hyphens=False)
"""A paragraph in lines; what has no spaces stays whole."""


class Messages:
    """Makes messages. `sender` is [mail] from; empty is shortd@ and the name of the server."""

    def __init__(
        self,
        public_url: str,
        sender: str,
        languages: Languages | None = None,
        pages_url: str = "",
    ) -> None:
        """`pages_url` is the origin of the pages, where that is another one."""
        self.domain = mail_domain(public_url)
        """What the server calls itself to other mail servers, and in a Message-ID."""
        self._public_url = public_url
        self._pages_url = pages_url or public_url
        self._languages = languages or open_languages()
        self._sender = sender or f"shortd@{self.domain}"

    @cached_property
    def _from(self) -> Address:
        return sender_of(self._sender)

    def compose(self, mail: Mail) -> EmailMessage:
        """The message of a row of the outbox; the same for each attempt.

        ValueError if the address is none that mail can be sent to.
        """
        recipient = mailbox_of(mail.recipient)
        kind = mail.purpose.value
        changes: list[Sentence] = []
        if mail.purpose is MailPurpose.BOX:
            link = f"{self._pages_url}/-/boxes" + (f"/{mail.code}" if mail.code else "")
        elif mail.purpose is MailPurpose.REPORT:
            # Nothing of what a stranger has written, nor of which link.
            link = f"{self._pages_url}/-/admin/reports"
        elif mail.purpose is MailPurpose.FACTORS:
            link = f"{self._pages_url}/-/account/second-factor"
            changes = [_CHANGES[change] for change in mail.code.split(",") if change in _CHANGES]
        else:
            query = urlencode({"email": recipient.addr_spec, "code": mail.code})
            link = f"{self._public_url}/-/{kind}?{query}"
        language = self._languages.named(mail.language) or self._languages.default
        return self._message(kind, recipient, mail.id, mail.create_utime, link, language, changes)

    def test(self, address: str, mail_id: str, now: int) -> EmailMessage:
        """What `shortd mail test` sends. ValueError for an address that is none."""
        recipient = mailbox_of(address)
        return self._message("test", recipient, mail_id, now, "", self._languages.default)

    def _message(
        self,
        kind: str,
        recipient: Address,
        mail_id: str,
        utime: int,
        link: str,
        language: Language,
        changes: Sequence[Sentence] = (),
    ) -> EmailMessage:
        from email.message import EmailMessage
        from email.policy import SMTPUTF8
        from email.utils import format_datetime

        site = self._public_url.partition("://")[2]
        context: dict[str, object] = {"site": site, "link": link, "language": language}
        context["changes"] = [change.said(language.gettext) for change in changes]
        message = EmailMessage(SMTPUTF8)
        message["Subject"] = f"{_SUBJECTS[kind].said(language.gettext)} ({site})"
        message["From"] = self._from
        message["To"] = recipient
        message["Date"] = format_datetime(datetime.fromtimestamp(utime // SECOND, UTC))
        message["Message-ID"] = f"<{mail_id}@{self.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        for part, subtype in ((f"{kind}.txt", "plain"), (f"{kind}.html", "html")):
            text = _templates(language).get_template(part).render(context)
            # ASCII in short lines is sent as it is: nothing breaks a link in two.
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
def _templates(language: Language) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        extensions=["jinja2.ext.i18n"],
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        auto_reload=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["filled"] = _FILLED
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        language.gettext, language.ngettext, newstyle=True
    )
    return environment
