"""Passwords of links: hashed, compared slowly and off the event loop, never shown again.

Who has named a link's password gets a proof, which opens this link for a moment and ends when the
password changes. It rests in no cookie: the address that leads on carries it.

A link that came from elsewhere may have its password hashed by bcrypt. The first time that somebody
names it, a hash of our own takes the place of that one.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import NamedTuple

from msgspec import structs

from shortd import errors
from shortd.blocks import blocks
from shortd.clock import SECOND
from shortd.models.accounts import HashScheme, PasswordHash
from shortd.models.links import Link
from shortd.security.bcrypt_hashes import is_read_whole
from shortd.security.fair_queue import Purpose, Turn
from shortd.security.guessing import Guessing, Secret
from shortd.security.passwords import PasswordHasher, composed
from shortd.security.signing import Signer
from shortd.store import Store
from shortd.store.schema import LINKS, LINKS_BY_ID
from shortd.store.txn import WriteTxn

PASSWORD_CHARACTERS = 256
PROOF_SECONDS = 60
"""How long a proof opens its link."""
BOX_SECONDS = 6 * 3600
"""The same of a box's link: who sends files there proves it with each part of them."""


class Proof(NamedTuple):
    """That a link's password was named."""

    expires: int
    """Unix time in µs."""
    signature: str


class LinkPasswords:
    """Sets, checks and vouches for passwords. Times are Unix µs."""

    def __init__(
        self, store: Store, hasher: PasswordHasher, guessing: Guessing, signer: Signer
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._guessing = guessing
        self._signer = signer

    async def hash(self, password: str) -> PasswordHash | None:
        """What a link keeps of a password; None of an empty one. INVALID_FIELD, BUSY."""
        if len(password) > PASSWORD_CHARACTERS:
            raise errors.INVALID_FIELD(
                "At most %(most)s characters.", field="password", most=PASSWORD_CHARACTERS
            )
        return await self._hasher.hash([_derived(password)]) if password else None

    async def check_password(self, link: Link, password: str, address: str) -> None:
        """WRONG_PASSWORD unless it is the link's; a link without one takes any. LOGIN_LIMITED
        after many wrong ones, but for an address that has named it lately; BUSY.
        """
        stored = link.rare.password if link.rare is not None else None
        if stored is None:
            return
        turn = Turn(Purpose.LINK, blocks(address)[-1])
        is_foreign = stored.scheme is HashScheme.BCRYPT
        async with self._guessing.attempt(Secret.LINK_PASSWORD, str(link.id), address) as attempt:
            if is_foreign:
                is_right = await self._hasher.verify_bcrypt(stored, password, turn)
            else:
                is_right = await self._hasher.verify(stored, _derived(password), turn)
            if not is_right:
                raise errors.WRONG_PASSWORD(field="password")
            attempt.succeed()
        if is_foreign and is_read_whole(password):
            with suppress(errors.ShortdError):
                await self._adopt(link.id, stored, password, turn)

    async def _adopt(self, link_id: int, stored: PasswordHash, password: str, turn: Turn) -> None:
        """Puts a hash of our own in the place of one from elsewhere. It has the same salt, which
        proofs are of: they stay good, as the password does. BUSY, STORAGE_FULL."""
        own = await self._hasher.hash([_derived(password)], turn, stored.salt)

        def replace(txn: WriteTxn) -> None:
            link = LINKS_BY_ID.get(txn, (link_id,))
            # It may have got another password meanwhile.
            if link is not None and link.rare is not None and link.rare.password == stored:
                rare = structs.replace(link.rare, password=own)
                LINKS.put(txn, (link.host, link.code), structs.replace(link, rare=rare))

        await self._store.write(replace)

    def proof(self, link: Link, now: int) -> Proof:
        """For who has just named the password."""
        expires = now + (BOX_SECONDS if link.box else PROOF_SECONDS) * SECOND
        return Proof(expires, self._signer.sign(_name(link), expires))

    def is_valid(self, proof: Proof, link: Link, now: int) -> bool:
        """Whether a proof is ours, of this link and this password, and not over."""
        return self._signer.verify(_name(link), *proof) and proof.expires > now


def _name(link: Link) -> str:
    """The link with its present password, for signing."""
    password = link.rare.password if link.rare is not None else None
    return f"{link.id}:{password.salt.hex() if password else ''}"


def _derived(password: str) -> str:
    """The 64 hex digits that are hashed: the same for all ways to type the same characters."""
    return hashlib.sha256(composed(password).encode("utf-8", "surrogatepass")).hexdigest()
