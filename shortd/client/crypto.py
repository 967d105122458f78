"""What encrypts shared files: secrets, the keys of files, frames, and the proof of a password.

The frame is ww7 v2's: a little-endian uint32 length, a 12-byte IV, AES-256-GCM ciphertext and a
16-byte tag, where the length counts all but itself. The signature is a challenge encrypted under
the secret's own key; who can open it has the secret.

In ww7's form the challenge and every IV are random, and one password has one key for all files.
In the bound form, which is ours, the challenge begins with `MARK`; an IV is 7 random bytes, the
frame's number in the file (uint32, little-endian) and 1 for the last frame, else 0; and what was
typed has a key of its own for each file, HKDF of the password's key and the challenge. So frames
cannot be exchanged, doubled or left out. Nobody can take the mark away who cannot make signatures.

web/static/sealed.js is the same for browsers. Nothing here reads or writes a file.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shortd.client.failures import ClientFailure

FRAME_BYTES = 1 << 20
"""Plain bytes of each frame we send, but the last."""
LENGTH_BYTES = 4
IV_BYTES = 12
TAG_BYTES = 16
FRAME_OVERHEAD = LENGTH_BYTES + IV_BYTES + TAG_BYTES
CHALLENGE_BYTES = 16
KEY_BYTES = 32
PBKDF2_SALT = bytes.fromhex("182c37f56e1967227ccae78af837b638")
PBKDF2_ITERATIONS = 231_581
"""The document's parameters, the same for everyone."""
LINK_KEY_BYTES = 16
"""Random bytes of the key in a link; 22 characters."""
MARK = b"shd1"
"""How the challenge of a file in the bound form begins."""
FILE_KEY_INFO = b"shortd file key"
"""HKDF's `info` (RFC 5869 3.2)."""
NONCE_BYTES = 7
NUMBER_BYTES = 4
"""Of an IV in the bound form; its last byte tells the last frame."""


class Damaged(ClientFailure):
    """The bytes are not what was encrypted."""


class FileKey(msgspec.Struct, frozen=True):
    """What the frames of one file are encrypted with, and how."""

    key: bytes
    is_bound: bool

    def seal_frame(self, plain: bytes, number: int, *, is_last: bool) -> bytes:
        """The whole frame of this number, from 0. Sealed again, the same bytes make another
        frame that opens alike.
        """
        iv = secrets.token_bytes(IV_BYTES)
        if self.is_bound:
            place = number.to_bytes(NUMBER_BYTES, "little") + bytes([is_last])
            iv = iv[:NONCE_BYTES] + place
        sealed = _seal(self.key, iv, plain)
        return len(sealed).to_bytes(LENGTH_BYTES, "little") + sealed


class Secret(msgspec.Struct, frozen=True):
    """A password, or the key in a link, as it is used for encryption."""

    key: bytes
    """Opens signatures (32 bytes)."""
    is_slow: bool = False
    """By PBKDF2, as passwords are in the bound form: it may be many files'."""

    def new_signature(self, *, is_bound: bool) -> str:
        """A new encrypted challenge: IV, ciphertext, tag as hex."""
        challenge = _new_challenge(is_bound=is_bound)
        return _seal(self.key, secrets.token_bytes(IV_BYTES), challenge).hex()

    def open_signature(self, signature: str) -> bytes | None:
        """The challenge; None if the secret is not the one that the signature was made with.

        `Damaged` for what cannot be a signature.
        """
        sealed = b""
        with suppress(ValueError):
            sealed = bytes.fromhex(signature)
        if len(sealed) != IV_BYTES + CHALLENGE_BYTES + TAG_BYTES:
            raise Damaged("The server gave a signature that cannot be one.")
        try:
            return AESGCM(self.key).decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], None)
        except InvalidTag:
            return None

    def file_key(self, challenge: bytes) -> FileKey:
        """The key of the file that has this challenge."""
        is_bound = challenge.startswith(MARK)
        if not (is_bound and self.is_slow):
            return FileKey(self.key, is_bound)
        hkdf = HKDF(SHA256(), length=KEY_BYTES, salt=challenge, info=FILE_KEY_INFO)
        return FileKey(hkdf.derive(self.key), is_bound)


def password_secret(password: str) -> Secret:
    """What files with a typed password are encrypted with, in NFC; takes a tenth of a second."""
    return Secret(pbkdf2(_composed(password)), is_slow=True)


def ww7_secret(password: str) -> Secret:
    """What the document's own clients encrypt with: for a password in ww7's form, in NFC, and
    for the key in a link.
    """
    return Secret(double_sha256(_composed(password)))


def new_link_key() -> str:
    """A key for one file, as it stands behind the "#" of its link."""
    return urlsafe_b64encode(secrets.token_bytes(LINK_KEY_BYTES)).decode().rstrip("=")


def possible_secrets(password: str) -> Iterator[Secret]:
    """All that a file may have been encrypted with by who typed this, or had it in a link.

    Keyboards differ in how they spell letters with accents, and other clients take what they get.
    """
    spellings = dict.fromkeys(
        (_composed(password), unicodedata.normalize("NFD", password), password)
    )
    for spelling in spellings:
        yield Secret(double_sha256(spelling))
    for spelling in spellings:
        yield Secret(pbkdf2(spelling), is_slow=True)


def double_sha256(password: str) -> bytes:
    """The document's quick derivation (32 bytes)."""
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()


def pbkdf2(password: str) -> bytes:
    """The document's slow derivation (32 bytes); takes a tenth of a second."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), PBKDF2_SALT, PBKDF2_ITERATIONS)


class FrameOpener:
    """Opens a stream of frames of any sizes without ever holding a whole one.

    `number` is that of the stream's first frame in its file, which matters in the bound form.
    """

    def __init__(self, file_key: FileKey, number: int = 0) -> None:
        self._algorithm = AES(file_key.key)
        self._is_bound = file_key.is_bound
        self._pending = bytearray()
        self._frame: AEADDecryptionContext | None = None
        self._is_last = False
        """Whether the current frame says that it is the last."""
        self._left = 0
        """Bytes of ciphertext that the current frame still has."""
        self._size = 0
        """Bytes of the current frame."""
        self.proven = 0
        """Bytes of all whole frames so far."""
        self.number = number
        """Of the next frame, once all so far are proven."""
        self.has_ended = False
        """Whether the last frame is proven. ww7's form has no sign of it."""

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """Plain bytes, not to be believed yet; None once all so far are proven.

        Must be exhausted. `Damaged` for bytes that were not encrypted with the key, or not for
        this place.
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
                self.number += 1
                self.has_ended = self._is_last
                yield None

    def finish(self) -> None:
        """`Damaged` if the stream ends within a frame, or before the last one."""
        if self._frame is not None or self._pending or (self._is_bound and not self.has_ended):
            raise Damaged("The file is damaged: it ends too early.")

    def _begin(self) -> AEADDecryptionContext:
        pending = self._pending
        length = int.from_bytes(pending[:LENGTH_BYTES], "little")
        self._size = LENGTH_BYTES + length
        self._left = length - IV_BYTES - TAG_BYTES
        if self._left < 0:
            raise Damaged("The file is damaged: it has a frame that is too short.")
        iv = bytes(pending[LENGTH_BYTES : LENGTH_BYTES + IV_BYTES])
        if self._is_bound:
            number = int.from_bytes(iv[NONCE_BYTES : NONCE_BYTES + NUMBER_BYTES], "little")
            if self.has_ended or number != self.number or iv[-1] > 1:
                raise Damaged("The file is damaged: its parts are not in the order they had.")
            self._is_last = iv[-1] == 1
        del pending[: LENGTH_BYTES + IV_BYTES]
        return Cipher(self._algorithm, GCM(iv)).decryptor()


def _new_challenge(*, is_bound: bool) -> bytes:
    if is_bound:
        return MARK + secrets.token_bytes(CHALLENGE_BYTES - len(MARK))
    while (challenge := secrets.token_bytes(CHALLENGE_BYTES)).startswith(MARK):
        pass
    return challenge


def _seal(key: bytes, iv: bytes, plain: bytes) -> bytes:
    return iv + AESGCM(key).encrypt(iv, plain, None)


def _composed(text: str) -> str:
    """NFC (RFC 8265 4.2.2), so that what looks alike is alike."""
    return unicodedata.normalize("NFC", text)
