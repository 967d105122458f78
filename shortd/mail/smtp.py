"""The way out through an SMTP server.

Every step with a server has its time. Certificates are checked against the system's authorities
(SSL_CERT_FILE names others); a server that cannot show a right one gets nothing, and with
`starttls=1` neither does one that offers no TLS. The mail account's password must never get into
a log or an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from shortd.mail.transports import DeliveryFailure, Send

CONNECT_SECONDS = 30.0
"""For name, connection, TLS and login together."""
SEND_SECONDS = 60.0
"""For one mail."""
STEP_SECONDS = 20.0
"""For one answer of the server."""
QUIT_SECONDS = 5.0
PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}


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
