"""What encrypts shared files: keys from passwords, frames, and the proof of a password.

The form is ww7 v2's: frames of a little-endian uint32 length, a 12-byte IV, AES-256-GCM
ciphertext and a 16-byte tag, where the length counts all but itself. The signature is a random
challenge encrypted under the same key; who can open it knows the password. Nothing here reads
or writes a file.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from shortd.client.failures import ClientFailure

FRAME_BYTES = 1 << 20
"""Plain bytes of each frame we send, but the last."""
LENGTH_BYTES = 4
IV_BYTES = 12
TAG_BYTES = 16
FRAME_OVERHEAD = LENGTH_BYTES + IV_BYTES + TAG_BYTES
CHALLENGE_BYTES = 16
PBKDF2_SALT = bytes.fromhex("182c37f56e1967227ccae78af837b638")
PBKDF2_ITERATIONS = 231_581
"""The document's parameters, the same for everyone."""


class Damaged(ClientFailure):
    """The bytes are not what was encrypted."""


def double_sha256(password: str) -> bytes:
    """The key that files are encrypted with (32 bytes)."""
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()


def pbkdf2(password: str) -> bytes:
    """The document's other derivation (32 bytes); takes a tenth of a second."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), PBKDF2_SALT, PBKDF2_ITERATIONS)


def new_signature(key: bytes) -> str:
    """An encrypted challenge of 16 random bytes: IV, ciphertext, tag as hex."""
    return _seal(AESGCM(key), secrets.token_bytes(CHALLENGE_BYTES)).hex()


def open_signature(key: bytes, signature: str) -> str | None:
    """The challenge as hex; None if the key is not the one that the signature was made with.

    `Damaged` for what cannot be a signature.
    """
    sealed = b""
    with suppress(ValueError):
        sealed = bytes.fromhex(signature)
    if len(sealed) != IV_BYTES + CHALLENGE_BYTES + TAG_BYTES:
        raise Damaged("The server gave a signature that cannot be one.")
    try:
        return AESGCM(key).decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], None).hex()
    except InvalidTag:
        return None


def seal_frame(key: bytes, plain: bytes) -> bytes:
    """One whole frame. Sealed again, the same bytes make another frame that opens alike."""
    sealed = _seal(AESGCM(key), plain)
    return len(sealed).to_bytes(LENGTH_BYTES, "little") + sealed


class FrameOpener:
    """Opens a stream of frames of any sizes without ever holding a whole one."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = AES(key)
        self._pending = bytearray()
        self._frame: AEADDecryptionContext | None = None
        self._left = 0
        """Bytes of ciphertext that the current frame still has."""
        self._size = 0
        """Bytes of the current frame."""
        self.proven = 0
        """Bytes of all whole frames so far."""

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """Plain bytes, not to be believed yet; None once all so far are proven.

        Must be exhausted. `Damaged` for bytes that were not encrypted with the key.
        """
        pending = self._pending
        pending += data
        while True:
            if self._frame is None:
                if len(pending) < LENGTH_BYTES + IV_BYTES:
                    return
                self._frame = self._begin()
            elif self._left:
                if not pending:
                    return
                piece = bytes(pending[: self._left])
                del pending[: self._left]
                self._left -= len(piece)
                yield self._frame.update(piece)
            elif len(pending) < TAG_BYTES:
                return
            else:
                try:
                    self._frame.finalize_with_tag(bytes(pending[:TAG_BYTES]))
                except InvalidTag:
                    raise Damaged("The file is damaged: a part of it cannot be opened.") from None
                del pending[:TAG_BYTES]
                self._frame = None
                self.proven += self._size
                yield None

    def finish(self) -> None:
        """`Damaged` if the stream ends within a frame."""
        if self._frame is not None or self._pending:
            raise Damaged("The file is damaged: it ends too early.")

    def _begin(self) -> AEADDecryptionContext:
        pending = self._pending
        length = int.from_bytes(pending[:LENGTH_BYTES], "little")
        self._size = LENGTH_BYTES + length
        self._left = length - IV_BYTES - TAG_BYTES
        if self._left < 0:
            raise Damaged("The file is damaged: it has a frame that is too short.")
        iv = bytes(pending[LENGTH_BYTES : LENGTH_BYTES + IV_BYTES])
        del pending[: LENGTH_BYTES + IV_BYTES]
        return Cipher(self._algorithm, GCM(iv)).decryptor()


def _seal(cipher: AESGCM, plain: bytes) -> bytes:
    iv = secrets.token_bytes(IV_BYTES)
    return iv + cipher.encrypt(iv, plain, None)
