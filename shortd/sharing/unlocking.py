"""Unlocking encrypted files: their signature for anyone, their address for who solves it.

The password never comes here. Whoever can decrypt a file's signature knows its challenge, and
only for that challenge is a download address given (v2 document, get_protected_file_info). Where a
link ends by its clicks, each of them pays for one client: for the ten minutes after it he is given
addresses, whether it was a visit or the first of these.
"""

from __future__ import annotations

import hmac

from shortd import errors
from shortd.clicks.services import ClickServices
from shortd.links import Address
from shortd.models.files import Encryption, File
from shortd.security.guessing import Guessing, Secret
from shortd.sharing.addresses import FileAddress, FileAddresses
from shortd.visits import Visits
from shortd.visits.decisions import Decision, Outcome, Visitor, refusal_of


class Unlocking:
    """Gives out signatures and addresses."""

    def __init__(
        self,
        visits: Visits,
        clicks: ClickServices,
        guessing: Guessing,
        addresses: FileAddresses,
    ) -> None:
        self._visits = visits
        self._clicks = clicks.clicks
        self._sightings = clicks.sightings
        self._guessing = guessing
        self._addresses = addresses

    def signature(self, address: Address, now: int) -> str:
        """What a visitor has to decrypt. LINK_NOT_FOUND, LINK_EXPIRED, NOT_A_FILE; LINK_PROTECTED
        where the link has a password of its own, which has to come first.
        """
        decision = self._visits.look(*address, Visitor(now))
        if _has_ended(decision):
            raise errors.LINK_EXPIRED()
        file = _encrypted(decision)
        if decision.outcome is Outcome.PROTECTED:
            raise errors.LINK_PROTECTED(field="shorturl")
        return file.signature

    async def unlock(self, address: Address, challenge: str, client: str, now: int) -> FileAddress:
        """The file behind a link, for its challenge.

        WRONG_CHALLENGE, LOGIN_LIMITED after many such; LINK_NOT_FOUND, LINK_EXPIRED, NOT_A_FILE,
        LINK_LIMITED.
        """
        visitor = Visitor(now, address=client)
        decision = self._visits.look(*address, visitor)
        link = decision.link
        holds = link is not None and self._sightings.holds(link, visitor)
        if _has_ended(decision) and (not holds or link is None or link.expiration_utime <= now):
            raise errors.LINK_EXPIRED()
        file = _encrypted(decision)
        assert link is not None, "an encrypted file has a link"
        with self._guessing.attempt_now(Secret.FILE_CHALLENGE, str(link.id), client) as attempt:
            if not hmac.compare_digest(challenge.lower().encode(), file.challenge.encode()):
                raise errors.WRONG_CHALLENGE(field="challenge")
            attempt.succeed()
        if link.expiration_count and not holds:
            # In the same tick as it was looked at: two clients can never take the same last click.
            paid = self._visits.answer(*address, visitor, unlocked=True)
            if paid.outcome is not Outcome.FILE:
                raise refusal_of(paid)
            await self._clicks.flushed()
        return self._addresses.of(link, file, now)


def _has_ended(decision: Decision) -> bool:
    """Whether a link ended, by time or clicks, leads elsewhere or not."""
    leads_elsewhere = decision.outcome is Outcome.REDIRECT and decision.file is not None
    return decision.outcome is Outcome.EXPIRED or leads_elsewhere


def _encrypted(decision: Decision) -> File:
    """LINK_NOT_FOUND, LINK_HELD, NOT_A_FILE."""
    file = decision.file
    if decision.outcome is Outcome.HELD:
        raise errors.LINK_HELD(field="shorturl")
    if not decision.is_alive and not _has_ended(decision):
        raise errors.LINK_NOT_FOUND(field="shorturl")
    if file is None or file.encryption is Encryption.NONE:
        raise errors.NOT_A_FILE(field="shorturl")
    return file
