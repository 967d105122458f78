"""Signed download addresses: who holds one may fetch a file for a moment, and no other file."""

from __future__ import annotations

import hashlib
import hmac

KEY_BYTES = 32


class Signer:
    """HMAC-SHA256 (RFC 2104) over a file's key and the time its address ends."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, filekey: str, expires: int) -> str:
        """The signature, as hex. `expires` is Unix time in µs."""
        message = f"{filekey}:{expires}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def verify(self, filekey: str, expires: int, signature: str) -> bool:
        """Whether the signature is that of exactly this file and time."""
        return hmac.compare_digest(self.sign(filekey, expires).encode(), signature.encode())
