"""The ways out: an SMTP server, or, without one, files in the folder `outbox`.

Here is what both have in common, and the folder; `smtp` is the other, imported where there is a
server.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shortd.settings import Settings

if TYPE_CHECKING:
    from email.message import EmailMessage
    from email.policy import EmailPolicy

Send = Callable[["EmailMessage"], Awaitable[str]]
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
        from email.utils import parsedate_to_datetime

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
        from shortd.mail.smtp import SmtpServer, SmtpTransport

        return SmtpTransport(SmtpServer.of_url(settings.mail.smtp_url), local_name)
    return FolderTransport(settings.data_dir / "outbox")


def _local_part(message: EmailMessage) -> str:
    """Of the Message-ID, which we made: letters and digits."""
    return str(message["Message-ID"]).strip("<>").partition("@")[0]


def _policy(message: EmailMessage) -> EmailPolicy[EmailMessage]:
    """UTF-8 in headers (RFC 6532) only where an address cannot do without."""
    from email.policy import SMTP, SMTPUTF8

    addresses = [*message["From"].addresses, *message["To"].addresses]
    return SMTP if all(address.addr_spec.isascii() for address in addresses) else SMTPUTF8
