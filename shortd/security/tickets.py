"""Tickets: what was begun may be finished once, soon, and only as what it was begun.

A ticket is signed, so that handing out any number of them keeps nothing in memory; only those that
did their work are remembered, for as long as they would have been good. The key is this process's
own: a restart ends them all. A ticket says nothing to who reads it, and must never stand for more
than a step on the way.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from random import Random
from typing import NamedTuple

from shortd import errors
from shortd.clock import MINUTE
from shortd.security.signing import KEY_BYTES

LIFETIME = 10 * MINUTE
"""µs."""
MOST_SPENT = 1 << 14
"""Remembered at a time."""
TICKET_BYTES = 40

_NONCE, _TIME, _MAC = 16, 8, 16


class _Parts(NamedTuple):
    nonce: bytes
    until: int


class Tickets:
    """Hands them out. Belongs to one event loop; times are Unix µs."""

    def __init__(self, random: Random) -> None:
        self._key = secrets.token_bytes(KEY_BYTES)
        self._random = random
        self._spent: dict[bytes, int] = {}
        """Nonces with the time when they may be forgotten, the oldest first."""

    def issue(self, purpose: str, about: str, now: int) -> bytes:
        """A ticket of `TICKET_BYTES`, good for `LIFETIME`, for this purpose and nobody else's
        affair."""
        head = self._random.randbytes(_NONCE) + (now + LIFETIME).to_bytes(_TIME, "big")
        return head + self._mac(purpose, about, head)

    def is_good(self, ticket: bytes, purpose: str, about: str, now: int) -> bool:
        """Whether it was issued for exactly this, lately, and not spent."""
        head, mac = ticket[:-_MAC], ticket[-_MAC:]
        if len(ticket) != TICKET_BYTES:
            return False
        if not hmac.compare_digest(mac, self._mac(purpose, about, head)):
            return False
        nonce, until = _parts(ticket)
        # One from beyond its lifetime is of a clock that has been set back since.
        return now < until <= now + LIFETIME and nonce not in self._spent

    def spend(self, ticket: bytes, now: int) -> bool:
        """Makes one that is good do its work; False if it has. BUSY where too many were spent."""
        nonce, until = _parts(ticket)
        if nonce in self._spent:
            return False
        for old, end in list(self._spent.items())[:2]:
            if not now < end <= now + LIFETIME:
                del self._spent[old]
        if len(self._spent) >= MOST_SPENT:
            raise errors.BUSY()
        self._spent[nonce] = until
        return True

    def _mac(self, purpose: str, about: str, head: bytes) -> bytes:
        message = f"{len(purpose)}:{purpose}:{about}:".encode() + head
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_MAC]


def _parts(ticket: bytes) -> _Parts:
    return _Parts(ticket[:_NONCE], int.from_bytes(ticket[_NONCE : _NONCE + _TIME], "big"))
