"""A real SMTP server on loopback, which takes mail, refuses it, hangs, dies and comes back."""

from __future__ import annotations

import queue
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.server_process import free_port

SECONDS = 60.0
"""How long a test waits for a mail before it fails."""


class PostOffice:
    """The server's address, what it was brought, and how it behaves."""

    def __init__(self, **options: Any) -> None:
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.refusal: str | None = None
        """What RCPT is answered, if not yes."""
        self.data_refusal: str | None = None
        """What DATA is answered, if not yes."""
        self.logins: list[tuple[bytes, bytes]] = []
        self.upgraded: list[bool] = []
        """Of each mail, whether it came after STARTTLS."""
        self.recipients: list[str] = []
        self.sessions: set[str] = set()
        """What clients called themselves."""
        self.taking = threading.Event()
        """Set once a mail was taken, be it answered or not."""
        self.release: threading.Event | None = None
        """What the answer to a mail waits for."""
        self._mails: queue.Queue[EmailMessage] = queue.Queue()
        self._options = options
        self._controller: Controller | None = None

    def open(self) -> None:
        controller = Controller(self, hostname="127.0.0.1", port=self.port, **self._options)
        controller.start()
        self._controller = controller

    def close(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    def next(self) -> EmailMessage:
        """The next mail, waited for."""
        return self._mails.get(timeout=SECONDS)

    def all(self) -> list[EmailMessage]:
        """The mails that came and were not asked for yet."""
        mails = []
        while not self._mails.empty():
            mails.append(self._mails.get())
        return mails

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_refusal:
            return self.data_refusal
        self.upgraded.append(session.ssl is not None)
        self.recipients += envelope.rcpt_tos
        self.sessions.add(str(session.host_name))
        self._mails.put(parsed(cast(bytes, envelope.original_content)))
        self.taking.set()
        if self.release is not None:
            await server.loop.run_in_executor(None, self.release.wait, SECONDS)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"pa:ss", handled=False)


@contextmanager
def post_office(**options: Any) -> Iterator[PostOffice]:
    """A server that is open until the end of the block."""
    office = PostOffice(**options)
    office.open()
    try:
        yield office
    finally:
        office.close()


def parsed(raw: bytes) -> EmailMessage:
    """A message of RFC 6532: what its headers hold beyond ASCII is UTF-8, which only reading
    it as text lets pass.
    """
    return message_from_string(raw.decode(), policy=default)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def link_of(mail: EmailMessage) -> str:
    """The one link of a mail's text."""
    (link,) = re.findall(r"https?://\S+", "\n".join(text_of(mail).splitlines()[1:]))
    return str(link)


def query_of(mail: EmailMessage) -> dict[str, str]:
    """`email` and `code` of the link."""
    return {name: value for name, (value,) in parse_qs(urlsplit(link_of(mail)).query).items()}


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
