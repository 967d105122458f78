"""Unlocking encrypted files: their signature for anyone, their address for who solves it.

The password never comes here. Whoever can decrypt a file's signature knows its challenge, and
only for that challenge is a download address given (v2 document, get_protected_file_info).
"""

from __future__ import annotations

import asyncio
import hmac

import msgspec

from shortd import errors
from shortd.clicks import Clicks
from shortd.clock import SECOND
from shortd.limits import client_key
from shortd.links import Address
from shortd.models import Encryption, File
from shortd.resolver import Decision, Outcome, Visitor
from shortd.signing import Signer
from shortd.store import Store
from shortd.throttle import LoginThrottle
from shortd.visits import Visits

ADDRESS_SECONDS = 60
"""A download must begin within this time of getting its address."""
GRACE_SECONDS = 600
"""A link's last allowed visitor has this long to enter the password."""


class Unlocked(msgspec.Struct, frozen=True):
    """A file that may be fetched."""

    filekey: str
    file: File
    expires: int
    """Unix time in µs until which a download may begin."""
    signature: str
    """Proves the address, together with `filekey` and `expires`."""

    @property
    def path(self) -> str:
        """The address, below any host of this server."""
        return f"/-/files/{self.filekey}?expires={self.expires}&signature={self.signature}"


class Unlocking:
    """Gives out signatures and addresses."""

    def __init__(self, store: Store, visits: Visits, clicks: Clicks, signer: Signer) -> None:
        self._store = store
        self._visits = visits
        self._clicks = clicks
        self._signer = signer
        self._throttle = LoginThrottle()

    def address(self, filekey: str, file: File, now: int) -> Unlocked:
        """A signed address for a file that may be fetched."""
        expires = now + ADDRESS_SECONDS * SECOND
        return Unlocked(filekey, file, expires, self._signer.sign(filekey, expires))

    def verify(self, filekey: str, expires: int, signature: str, now: int) -> None:
        """ADDRESS_EXPIRED unless the address is ours and its time is not up."""
        if not self._signer.verify(filekey, expires, signature) or expires <= now:
            raise errors.ADDRESS_EXPIRED()

    def signature(self, address: Address, now: int) -> str:
        """What a visitor has to decrypt. LINK_NOT_FOUND, LINK_EXPIRED, NOT_A_FILE; LINK_PROTECTED
        where the link has a password of its own, which has to come first.
        """
        decision = self._visits.look(*address, Visitor(now))
        file = self._encrypted(decision)
        if decision.outcome is Outcome.PROTECTED:
            raise errors.LINK_PROTECTED(field="shorturl")
        return file.signature

    async def unlock(self, address: Address, challenge: str, client: str, now: int) -> Unlocked:
        """The file behind a link, for its challenge.

        WRONG_CHALLENGE, ever slower for an address that goes on guessing; LINK_NOT_FOUND,
        LINK_EXPIRED, NOT_A_FILE.
        """
        decision = self._visits.look(*address, Visitor(now))
        link = decision.link
        file = self._encrypted(decision, grace_at=now)
        assert link is not None, "an encrypted file has a link"
        guessed, guesser = f"link:{link.id}", client_key(client)
        delay = self._throttle.delay(guessed, guesser, now)
        if delay:
            await asyncio.sleep(delay)
        if not hmac.compare_digest(challenge.lower().encode(), file.challenge.encode()):
            self._throttle.failed(guessed, guesser, now)
            raise errors.WRONG_CHALLENGE(field="challenge")
        self._throttle.succeeded(guessed, guesser, now)
        return self.address(link.filekey, file, now)

    def _encrypted(self, decision: Decision, grace_at: int | None = None) -> File:
        file = decision.file
        leads_elsewhere = decision.outcome is Outcome.REDIRECT and file is not None
        if decision.outcome is Outcome.EXPIRED or leads_elsewhere:
            if grace_at is None or not self._in_grace(decision, grace_at):
                raise errors.LINK_EXPIRED()
        elif not decision.is_alive:
            raise errors.LINK_NOT_FOUND(field="shorturl")
        if file is None or file.encryption is Encryption.NONE:
            raise errors.NOT_A_FILE(field="shorturl")
        return file

    def _in_grace(self, decision: Decision, now: int) -> bool:
        """Whether a link ended by its clicks, and only just."""
        link = decision.link
        if link is None or link.expiration_utime <= now:
            return False
        with self._store.read() as txn:
            last = self._clicks.live(txn, link.id).last_utime
        return now - last <= GRACE_SECONDS * SECOND
