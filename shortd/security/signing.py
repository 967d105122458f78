"""Signed addresses: who holds one may fetch a file, or open a link, for a moment, and no other."""

from __future__ import annotations

import hashlib
import hmac

KEY_BYTES = 32


class Signer:
    """HMAC-SHA256 (RFC 2104) over what an address opens and the time it ends."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, name: str, expires: int) -> str:
        """The signature, as hex. `expires` is Unix time in µs."""
        message = f"{name}:{expires}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def verify(self, name: str, expires: int, signature: str) -> bool:
        """Whether the signature is that of exactly this name and time."""
        return hmac.compare_digest(self.sign(name, expires).encode(), signature.encode())
