"""The delivery of what waits in the outbox: once a second, what is due, one after the other.

It never begins with the request that queues a mail, whose answer would then take longer when
there is an account. A mail that fails waits as the outbox says, and ends the round, for the next
begins in a second; a server that cannot be reached postpones all that is due at once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import structlog

from shortd.clock import SECOND, Clock
from shortd.mail.messages import Messages
from shortd.mail.outbox import Outbox
from shortd.mail.transports import DeliveryFailure, Send, Transport
from shortd.models.mail import Mail
from shortd.security.mailed_codes import LIFETIME
from shortd.store.timeline import Timeline

if TYPE_CHECKING:
    from email.message import EmailMessage

POLL_SECONDS = 1.0
TROUBLED_SECONDS = 15.0
"""Until the next round after one that could not write down how it ended."""
PER_ROUND = 50
"""Mails of one session with the server."""

log = structlog.get_logger(__name__)


class Delivery:
    """Delivers."""

    def __init__(
        self,
        outbox: Outbox,
        messages: Messages,
        transport: Transport,
        clock: Clock,
        timeline: Timeline,
    ) -> None:
        self.outbox = outbox
        self.outcomes = Counter({"delivered": 0, "postponed": 0, "given_up": 0, "unwanted": 0})
        """What became of mails since the start."""
        self.transport = transport
        self._messages = messages
        self._clock = clock
        self._timeline = timeline
        self._delivered: set[str] = set()
        """Ids of mails whose rows could not be removed when they were delivered."""

    async def run(self) -> None:
        """Delivers now and then, until cancelled; what is cut off is sent after the next start."""
        while True:
            pause = POLL_SECONDS
            try:
                await self.deliver()
            except Exception as fault:
                log.warning("mail_held_up", error=str(fault))
                pause = TROUBLED_SECONDS
            await asyncio.sleep(pause)

    async def deliver(self) -> None:
        """One round over what is due. Raises STORAGE_FULL and the like; what was delivered is not
        delivered again for that."""
        mails = [mail for mail in self._due() if await self._is_wanted(mail)]
        if not mails:
            return
        try:
            async with self.transport.open() as send:
                for mail in mails:
                    if not await self._deliver(mail, send):
                        return
        except DeliveryFailure as failure:
            log.warning("mail_server_unreachable", waiting=len(mails), reason=str(failure))
            tried = [msgspec.structs.replace(mail, attempts=mail.attempts + 1) for mail in mails]
            await self._postpone(tried, failure)

    def _due(self) -> list[Mail]:
        return self.outbox.due(self._clock.now(), PER_ROUND)

    async def _is_wanted(self, mail: Mail) -> bool:
        now = self._clock.now()
        if mail.id in self._delivered:
            await self._remove(mail)
            return False
        if self.outbox.is_wanted(mail, now):
            return True
        if not self._timeline.is_believed():
            return False
        if mail.create_utime + LIFETIME[mail.purpose] <= now:
            await self._give_up(mail, mail.reason or "its code has ended")
        else:
            self.outcomes["unwanted"] += 1
            await self.outbox.remove(mail)
        return False

    async def _deliver(self, mail: Mail, send: Send) -> bool:
        """Whether the session is good for another."""
        if not self.outbox.is_wanted(mail, self._clock.now()):
            # Since it was found due; the next round sees to its row.
            return True
        mail = msgspec.structs.replace(mail, attempts=mail.attempts + 1)
        try:
            where = await send(self._compose(mail))
        except DeliveryFailure as failure:
            if failure.permanent:
                await self._give_up(mail, str(failure))
            else:
                await self._postpone([mail], failure)
            return False
        except Exception as fault:
            # A fault of ours or of a library's must not have it tried every second.
            log.error("mail_failed", mail=mail.id, exc_info=fault)
            await self._postpone([mail], DeliveryFailure(type(fault).__name__))
            return False
        self._delivered.add(mail.id)
        self.outcomes["delivered"] += 1
        log.info("mail_delivered", mail=mail.id, purpose=mail.purpose.value, to=where)
        await self._remove(mail)
        return True

    def _compose(self, mail: Mail) -> EmailMessage:
        try:
            return self._messages.compose(mail)
        except ValueError as fault:
            raise DeliveryFailure(str(fault), permanent=True) from None

    async def _remove(self, mail: Mail) -> None:
        await self.outbox.remove(mail)
        self._delivered.discard(mail.id)

    async def _postpone(self, mails: Sequence[Mail], failure: DeliveryFailure) -> None:
        now = self._clock.now()
        for row in await self.outbox.postpone(mails, str(failure), now):
            if row.given_up_utime:
                self._tell_given_up(row)
            else:
                self.outcomes["postponed"] += 1
                wait = (row.next_utime - now) // SECOND
                log.warning("mail_postponed", mail=row.id, seconds=wait, reason=row.reason)

    async def _give_up(self, mail: Mail, reason: str) -> None:
        self._tell_given_up(await self.outbox.give_up(mail, reason, self._clock.now()))

    def _tell_given_up(self, row: Mail) -> None:
        self.outcomes["given_up"] += 1
        purpose, attempts = row.purpose.value, row.attempts
        log.error(
            "mail_given_up", mail=row.id, purpose=purpose, attempts=attempts, reason=row.reason
        )


async def send_test(messages: Messages, transport: Transport, address: str, now: int) -> str:
    """Sends a test mail, once and past the outbox: where it went. Raises DeliveryFailure."""
    try:
        message = messages.test(address.strip(), secrets.token_hex(16), now)
    except ValueError as fault:
        raise DeliveryFailure(str(fault), permanent=True) from None
    async with transport.open() as send:
        return await send(message)
