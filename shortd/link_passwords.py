"""Passwords of links: hashed, compared slowly and off the event loop, never shown again.

Who has named a link's password gets a proof, which opens this link for a moment and ends when the
password changes. It rests in no cookie: the address that leads on carries it.
"""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from typing import NamedTuple

from shortd import errors
from shortd.clock import SECOND
from shortd.limits import client_key
from shortd.models import Link, PasswordHash
from shortd.passwords import PasswordHasher
from shortd.signing import Signer
from shortd.throttle import LoginThrottle

PASSWORD_CHARACTERS = 256
PROOF_SECONDS = 60
"""How long a proof opens its link."""


class Proof(NamedTuple):
    """That a link's password was named."""

    expires: int
    """Unix time in µs."""
    signature: str


class LinkPasswords:
    """Sets, checks and vouches for passwords. Times are Unix µs."""

    def __init__(self, hasher: PasswordHasher, signer: Signer) -> None:
        self._hasher = hasher
        self._signer = signer
        self._throttle = LoginThrottle()

    async def hash(self, password: str) -> PasswordHash | None:
        """What a link keeps of a password; None of an empty one. INVALID_FIELD, BUSY."""
        if len(password) > PASSWORD_CHARACTERS:
            raise errors.INVALID_FIELD(
                f"At most {PASSWORD_CHARACTERS} characters.", field="password"
            )
        return await self._hasher.hash([_derived(password)]) if password else None

    async def check_password(self, link: Link, password: str, address: str, now: int) -> None:
        """WRONG_PASSWORD unless it is the link's; a link without one takes any. BUSY.

        Failures slow down who fails, and others less known to the link; nobody is locked out.
        """
        stored = link.extras.password if link.extras is not None else None
        if stored is None:
            return
        guessed, guesser = f"link:{link.id}", client_key(address)
        delay = self._throttle.delay(guessed, guesser, now)
        if delay:
            await asyncio.sleep(delay)
        if not await self._hasher.verify(stored, _derived(password)):
            self._throttle.failed(guessed, guesser, now)
            raise errors.WRONG_PASSWORD(field="password")
        self._throttle.succeeded(guessed, guesser, now)

    def refuse_guesser(self, link: Link, address: str, now: int) -> None:
        """LOGIN_LIMITED for an address that has named as many wrong passwords as is remembered,
        unless it has named this link's lately.
        """
        wait = self._throttle.wait(f"link:{link.id}", client_key(address), now)
        if wait:
            message = "Too many wrong passwords; wait and try again."
            raise errors.LOGIN_LIMITED(message, retry_after=wait)

    def proof(self, link: Link, now: int) -> Proof:
        """For who has just named the password."""
        expires = now + PROOF_SECONDS * SECOND
        return Proof(expires, self._signer.sign(_name(link), expires))

    def is_valid(self, proof: Proof, link: Link, now: int) -> bool:
        """Whether a proof is ours, of this link and this password, and not over."""
        return self._signer.verify(_name(link), *proof) and proof.expires > now


def _name(link: Link) -> str:
    """The link with its present password, for signing."""
    password = link.extras.password if link.extras is not None else None
    return f"{link.id}:{password.salt.hex() if password else ''}"


def _derived(password: str) -> str:
    """The 64 hex digits that are hashed: the same for all ways to type the same characters
    (NFC, RFC 8265 4.2.2)."""
    text = unicodedata.normalize("NFC", password)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
