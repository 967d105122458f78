"""Password hashing: Argon2id, off the event loop, and never more of it than fits.

One Argon2id takes about 35 ms of a core and 19 MiB, and anybody may ask for one by logging
in. So it has threads of its own and a short queue, beyond which callers are refused at once.
This module must never block the event loop, keep a password, or answer sooner for an account
that does not exist.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from asyncio import wrap_future
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from random import Random, SystemRandom
from threading import BoundedSemaphore, get_native_id
from typing import TypeVar

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from shortd import errors
from shortd.models import PasswordHash

MEMORY_KIB = 19_456
PASSES = 2
"""With `MEMORY_KIB`: what OWASP's password storage cheat sheet asks of Argon2id, at least."""
SALT_BYTES = 16
DIGEST_BYTES = 32
CLIENT_SALT = bytes.fromhex("182c37f56e1967227ccae78af837b638")
CLIENT_ITERATIONS = 231_581
"""Of the PBKDF2 that the ww7 v2 document asks of clients."""
NICENESS = 19
"""Of the hashing threads: 35 ms without a pause are half a dozen time slices that redirects would
wait for where they share a core. What redirects need of that core they get, but for a seventieth.
SCHED_IDLE would leave less, and a thread without privileges cannot come back from it."""
RETRY_AFTER = 1.0
"""Seconds after which a full queue of the default length has been worked off."""

T = TypeVar("T")
Derive = Callable[[bytes, bytes, int, int], bytes]
"""(password, salt, memory in KiB, passes) -> digest of `DIGEST_BYTES`."""


def derivations(password: str) -> list[str]:
    """What clients make of what a person types, both ways that the documents show: PBKDF2, then
    double SHA-256. Takes a tenth of a second."""
    secret = password.encode()
    slow = hashlib.pbkdf2_hmac("sha256", secret, CLIENT_SALT, CLIENT_ITERATIONS)
    return [slow.hex(), hashlib.sha256(hashlib.sha256(secret).digest()).hexdigest()]


def argon2id(password: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
    """One derivation. A single lane: with more, two threads at once can deadlock."""
    kdf = Argon2id(
        salt=salt, length=DIGEST_BYTES, iterations=passes, lanes=1, memory_cost=memory_kib
    )
    return kdf.derive(password)


def _step_back() -> None:
    """Lets every other thread go before this one. Linux has priorities of single threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICENESS)


class PasswordHasher:
    """Hashes and verifies what v2 calls a password: 64 hex digits in either case.

    `waiting` jobs may queue for the `threads`; beyond that `hash` and `verify` raise
    errors.BUSY before they do anything. An await that is cancelled gives its place in the
    queue up at once, or, if it is being worked on, when that is done. `memory_kib` and `passes`
    are what new hashes cost; those that are stored keep their own.
    """

    def __init__(
        self,
        random: Random | None = None,
        *,
        threads: int = 2,
        waiting: int = 32,
        memory_kib: int = MEMORY_KIB,
        passes: int = PASSES,
        derive: Derive = argon2id,
    ) -> None:
        random = random or SystemRandom()
        self._random = random
        self._cost = memory_kib, passes
        self._derive = derive
        self._places = BoundedSemaphore(threads + waiting)
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_step_back
        )
        self._dummy = PasswordHash(
            salt=random.randbytes(SALT_BYTES),
            memory_kib=memory_kib,
            passes=passes,
            digests=(random.randbytes(DIGEST_BYTES), random.randbytes(DIGEST_BYTES)),
        )

    async def hash(self, passwords: Sequence[str]) -> PasswordHash:
        """Hashes the derivations of one password, one or two, under one new salt.

        Each costs one Argon2id. Raises errors.BUSY.
        """
        if len(passwords) not in (1, 2):
            raise ValueError("a password has one or two derivations")
        salt = self._random.randbytes(SALT_BYTES)

        def job() -> tuple[bytes, ...]:
            return tuple(
                self._derive(_spelled(password), salt, *self._cost) for password in passwords
            )

        return PasswordHash(salt, *self._cost, await wrap_future(self._submit(job)))

    async def verify(self, stored: PasswordHash | None, password: str) -> bool:
        """Whether `password` is one of the stored derivations; one Argon2id, in any case.

        None stands for an account without a password, or no account: the same work, and
        False. Raises errors.BUSY.
        """
        known = self._dummy if stored is None else stored

        def job() -> bool:
            digest = self._derive(_spelled(password), known.salt, known.memory_kib, known.passes)
            matches = [hmac.compare_digest(digest, one) for one in known.digests]
            return any(matches)

        return await wrap_future(self._submit(job)) and stored is not None

    async def derive(self, password: str) -> list[str]:
        """`derivations`, for a browser that cannot do it itself. Raises errors.BUSY."""
        return await wrap_future(self._submit(lambda: derivations(password)))

    def close(self) -> None:
        """Works off what is queued (below a second), then ends the threads."""
        self._executor.shutdown()

    def _submit(self, job: Callable[[], T]) -> Future[T]:
        if not self._places.acquire(blocking=False):
            raise errors.BUSY(retry_after=RETRY_AFTER)
        try:
            future = self._executor.submit(job)
        except RuntimeError:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return future


def _spelled(password: str) -> bytes:
    """The one spelling of hex digits that is hashed."""
    return password.lower().encode()
