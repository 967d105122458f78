"""Password hashing: Argon2id, off the event loop, and never more of it than fits.

One Argon2id takes about 35 ms of a core and 19 MiB, and anybody may ask for one by logging
in. So it has threads of its own and a short queue for each purpose, in which clients take turns;
who finds no place in it is refused at once.
This module must never block the event loop, keep a password, or answer sooner for an account
that does not exist.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from asyncio import wrap_future
from collections.abc import Callable, Sequence
from functools import partial
from random import Random, SystemRandom

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from shortd.models.accounts import PasswordHash
from shortd.security.bcrypt_hashes import is_bcrypt_of
from shortd.security.fair_queue import Turn
from shortd.security.hashing_pool import HashingPool

MEMORY_KIB = 19_456
PASSES = 2
"""With `MEMORY_KIB`: what OWASP's password storage cheat sheet asks of Argon2id, at least."""
SALT_BYTES = 16
DIGEST_BYTES = 32
CLIENT_SALT = bytes.fromhex("182c37f56e1967227ccae78af837b638")
CLIENT_ITERATIONS = 231_581
"""Of the PBKDF2 that the ww7 v2 document asks of clients."""
PASSWORD_CHARACTERS = 8
"""Fewest of an account's password, where it is typed (NIST SP 800-63B, 5.1.1.2)."""
WAITING = 32
"""Jobs of one purpose that may wait: alone they take half a second, or as long as all others let
them."""
Derive = Callable[[bytes, bytes, int, int], bytes]
"""(password, salt, memory in KiB, passes) -> digest of `DIGEST_BYTES`."""


ANYBODY = Turn()


def composed(password: str) -> str:
    """The one spelling of the characters that a person types (NFC, RFC 8265 4.2.2)."""
    return unicodedata.normalize("NFC", password)


def derivations(password: str) -> list[str]:
    """What clients make of what a person types, both ways that the documents show: PBKDF2, then
    double SHA-256. Takes a tenth of a second."""
    secret = composed(password).encode("utf-8", "surrogatepass")
    slow = hashlib.pbkdf2_hmac("sha256", secret, CLIENT_SALT, CLIENT_ITERATIONS)
    return [slow.hex(), hashlib.sha256(hashlib.sha256(secret).digest()).hexdigest()]


def argon2id(password: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
    """One derivation. A single lane: with more, two threads at once can deadlock."""
    kdf = Argon2id(
        salt=salt, length=DIGEST_BYTES, iterations=passes, lanes=1, memory_cost=memory_kib
    )
    return kdf.derive(password)


class PasswordHasher:
    """Hashes and verifies what v2 calls a password: 64 hex digits in either case.

    `waiting` jobs of each purpose may queue for the `threads`, whose turns and places are shared
    out as `fair_queue` has it: by the `turn` that comes with a job. Who finds no place, or loses
    it, gets errors.BUSY. An await that is cancelled gives its place in the queue up at once, or,
    if it is being worked on, when that is done. `memory_kib` and `passes` are what new hashes
    cost; those that are stored keep their own.
    """

    def __init__(
        self,
        random: Random | None = None,
        *,
        threads: int = 2,
        waiting: int = WAITING,
        memory_kib: int = MEMORY_KIB,
        passes: int = PASSES,
        derive: Derive = argon2id,
    ) -> None:
        random = random or SystemRandom()
        self._random = random
        self._cost = memory_kib, passes
        self._derive = derive
        self._pool = HashingPool(threads, waiting, "password")
        # What may take seconds has a thread of its own, so that it never keeps all others busy.
        self._slow = HashingPool(1, waiting, "bcrypt")
        self._dummy = PasswordHash(
            salt=random.randbytes(SALT_BYTES),
            memory_kib=memory_kib,
            passes=passes,
            digests=(random.randbytes(DIGEST_BYTES), random.randbytes(DIGEST_BYTES)),
        )

    async def hash(
        self, passwords: Sequence[str], turn: Turn = ANYBODY, salt: bytes = b""
    ) -> PasswordHash:
        """Hashes the derivations of one password, one or two, under one salt, mostly a new one.

        Each costs one Argon2id. Raises errors.BUSY.
        """
        if len(passwords) not in (1, 2):
            raise ValueError("a password has one or two derivations")
        salt = salt or self._random.randbytes(SALT_BYTES)

        def job() -> tuple[bytes, ...]:
            return tuple(
                self._derive(_spelled(password), salt, *self._cost) for password in passwords
            )

        return PasswordHash(salt, *self._cost, await wrap_future(self._pool.submit(job, turn)))

    async def verify(
        self, stored: PasswordHash | None, password: str, turn: Turn = ANYBODY, alt: str = ""
    ) -> bool:
        """Whether `password` is one of the stored derivations; one Argon2id, in any case.

        `alt` is another derivation of what was typed, for who does not know which of them are
        stored: it costs another one unless the first is right. None stands for an account without
        a password, or no account: the same work, and False. Raises errors.BUSY.
        """
        known = self._dummy if stored is None else stored

        def job() -> bool:
            for one in filter(None, (password, alt)):
                digest = self._derive(_spelled(one), known.salt, known.memory_kib, known.passes)
                matches = [hmac.compare_digest(digest, stored) for stored in known.digests]
                if any(matches):
                    return True
            return False

        return await wrap_future(self._pool.submit(job, turn)) and stored is not None

    async def verify_bcrypt(self, stored: PasswordHash, typed: str, turn: Turn = ANYBODY) -> bool:
        """Whether that is the password of a hash from elsewhere. Raises errors.BUSY."""
        return await wrap_future(self._slow.submit(partial(is_bcrypt_of, stored, typed), turn))

    async def derive(self, password: str, turn: Turn = ANYBODY) -> list[str]:
        """`derivations`, for a browser that cannot do it itself. Raises errors.BUSY."""
        return await wrap_future(self._pool.submit(lambda: derivations(password), turn))

    def close(self) -> None:
        """Works off what is queued (some seconds at most), then ends the threads."""
        self._pool.close()
        self._slow.close()


def _spelled(password: str) -> bytes:
    """The one spelling of hex digits that is hashed."""
    return password.lower().encode()
