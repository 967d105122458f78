"""The ways out: an SMTP server, or, without one, files in the folder `outbox`.

Every step with a server has its time. Certificates are checked against the system's authorities
(SSL_CERT_FILE names others); a server that cannot show a right one gets nothing, and with
`starttls=1` neither does one that offers no TLS. The mail account's password must never get into
a log or an error.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from shortd.settings import Settings

CONNECT_SECONDS = 30.0
"""For name, connection, TLS and login together."""
SEND_SECONDS = 60.0
"""For one mail."""
STEP_SECONDS = 20.0
"""For one answer of the server."""
QUIT_SECONDS = 5.0
PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}

Send = Callable[[EmailMessage], Awaitable[str]]
"""Hands one message over and says where it went. Raises DeliveryFailure."""


class DeliveryFailure(Exception):
    """A message, or all of them, could not be handed over; says why, in one line for an operator.

    Much of it are a mail server's words, which may be of several lines.
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        words = " ".join(reason.split())
        super().__init__("".join(filter(str.isprintable, words)))
        self.permanent = permanent
        """It never can be: the recipient, or the message, was refused for good."""


class Transport(Protocol):
    """A way out."""

    def open(self) -> AbstractAsyncContextManager[Send]:
        """A session for some messages. Raises DeliveryFailure if there can be none."""
        ...

    def __str__(self) -> str:
        """For people: where mail goes, without a secret."""
        ...


class SmtpServer(NamedTuple):
    """What an `smtp_url` says."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: str
    """"smtps" from the first byte, "starttls" before anything is told, or "smtp": none."""

    @classmethod
    def of_url(cls, smtp_url: str) -> SmtpServer:
        """Reads a URL that `config_checks.smtp_url` has passed."""
        url = urlsplit(smtp_url)
        starttls = parse_qs(url.query).get("starttls") == ["1"]
        tls = "starttls" if starttls else url.scheme
        return cls(
            host=url.hostname or "",
            port=url.port or PORTS[tls],
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            tls=tls,
        )


class SmtpTransport:
    """Sends through an SMTP server; one connection for a session."""

    def __init__(self, server: SmtpServer, local_name: str) -> None:
        self._server = server
        self._local_name = local_name

    def __str__(self) -> str:
        words = {"smtps": "TLS", "starttls": "STARTTLS", "smtp": "no encryption"}
        return f"{self._server.host} port {self._server.port}, {words[self._server.tls]}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Send]:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=self._local_name,
            timeout=STEP_SECONDS,
            use_tls=server.tls == "smtps",
            start_tls=server.tls == "starttls",
        )

        async def send(message: EmailMessage) -> str:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await client.send_message(message)
            except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as fault:
                raise _failure(fault) from None
            return server.host

        try:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await client.connect()
            except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as fault:
                raise DeliveryFailure(str(_failure(fault))) from None
            yield send
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(QUIT_SECONDS):
                    await client.quit()
        finally:
            client.close()


class FolderTransport:
    """Writes each mail into a file, for servers without SMTP and for trying things out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return f"files in {self._folder}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Send]:
        async def send(message: EmailMessage) -> str:
            try:
                return str(await asyncio.to_thread(self._write, message))
            except OSError as fault:
                raise DeliveryFailure(f"{self._folder}: {fault.strerror or fault}") from None

        yield send

    def _write(self, message: EmailMessage) -> Path:
        """The file of a message: the same for the same message, whole or not there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        time = parsedate_to_datetime(message["Date"]).astimezone(UTC)
        name = f"{time:%Y%m%dT%H%M%SZ}-{_local_part(message)}"
        path, unfinished = self._folder / f"{name}.eml", self._folder / f".{name}.tmp"
        text = message.as_bytes(policy=_policy(message).clone(linesep="\n"))
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        return path


def transport_of(settings: Settings, local_name: str) -> Transport:
    """The way out that the settings choose."""
    if settings.mail.smtp_url:
        return SmtpTransport(SmtpServer.of_url(settings.mail.smtp_url), local_name)
    return FolderTransport(settings.data_dir / "outbox")


def _local_part(message: EmailMessage) -> str:
    """Of the Message-ID, which we made: letters and digits."""
    return str(message["Message-ID"]).strip("<>").partition("@")[0]


def _policy(message: EmailMessage) -> EmailPolicy[EmailMessage]:
    """UTF-8 in headers (RFC 6532) only where an address cannot do without."""
    addresses = [*message["From"].addresses, *message["To"].addresses]
    return SMTP if all(address.addr_spec.isascii() for address in addresses) else SMTPUTF8


def _failure(fault: Exception) -> DeliveryFailure:
    """What went wrong with a message. What the server says of the sender or of us may be mended
    in the settings, so only a no to the recipient or to the text is for good."""
    if isinstance(fault, aiosmtplib.SMTPRecipientsRefused) and fault.recipients:
        fault = fault.recipients[0]
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        of_message = (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)
        permanent = fault.code >= 500 and isinstance(fault, of_message)
        return DeliveryFailure(f"{fault.code} {fault.message}", permanent=permanent)
    # An address that the server cannot take, or that is none.
    permanent = isinstance(fault, aiosmtplib.SMTPNotSupported | ValueError)
    return DeliveryFailure(str(fault) or "no answer in time", permanent=permanent)
