"""Keys of boxes: a pair of P-256 a box, and one of its sender's for each file.

ECDH of the two, and HKDF-SHA-256 with both public keys as salt, give one key for the file's frames
and one for its label: name, type, note. Keys and labels are base64url-coded.
web/static/boxkeys.js is the same for browsers. Nothing here reads or writes a file.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shortd.client.crypto import IV_BYTES, KEY_BYTES, FileKey
from shortd.client.failures import ClientFailure

PAD_BYTES = 256
"""A label's length tells next to nothing of the name."""
_CURVE = SECP256R1()


class Label(msgspec.Struct):
    """What names a file, as its sender says it."""

    name: str = ""
    type: str = ""
    note: str = ""


class Seal(msgspec.Struct, frozen=True):
    """What one file for a box is encrypted with."""

    file_key: FileKey
    sender_key: str
    _label_key: bytes

    def label(self, label: Label) -> str:
        """What names the file, encrypted."""
        plain = msgspec.json.encode(label)
        plain = plain.ljust(-(-len(plain) // PAD_BYTES) * PAD_BYTES)
        iv = secrets.token_bytes(IV_BYTES)
        return _coded(iv + AESGCM(self._label_key).encrypt(iv, plain, None))


def seal_to(public_key: str) -> Seal:
    """A new seal for one file, which nobody can open but the box's owner. ClientFailure for what
    is no box's key.
    """
    box = _raw(public_key)
    try:
        theirs = EllipticCurvePublicKey.from_encoded_point(_CURVE, box)
    except ValueError:
        raise ClientFailure("The server gave a key for this box that cannot be one.") from None
    own = generate_private_key(_CURVE)
    sender = _point(own)
    file_key, label_key = _derived(own, theirs, sender + box)
    return Seal(file_key, _coded(sender), label_key)


class BoxKey:
    """The private key of a box, as it stands behind the "#" of its owner's link. ClientFailure for
    what is none.
    """

    def __init__(self, text: str) -> None:
        number = int.from_bytes(_raw(text))
        try:
            self._key = derive_private_key(number, _CURVE)
        except ValueError:
            raise ClientFailure("What stands behind the # of this link is no box's key.") from None
        self._point = _point(self._key)

    def is_of(self, public_key: str) -> bool:
        """Whether it is the private key of this box."""
        return _raw(public_key) == self._point

    def opened(self, sender_key: str, label: str) -> tuple[FileKey, Label] | None:
        """The key of a file's frames, and what names it. None where the sender's program, or the
        server, went wrong.
        """
        sender, sealed = _raw(sender_key), _raw(label)
        try:
            theirs = EllipticCurvePublicKey.from_encoded_point(_CURVE, sender)
            file_key, label_key = _derived(self._key, theirs, sender + self._point)
            plain = AESGCM(label_key).decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], None)
            return file_key, msgspec.json.decode(plain, type=Label)
        except (ValueError, InvalidTag, msgspec.DecodeError, RecursionError):
            return None


def _derived(
    own: EllipticCurvePrivateKey, other: EllipticCurvePublicKey, salt: bytes
) -> tuple[FileKey, bytes]:
    shared = own.exchange(ECDH(), other)
    file_key, label_key = (
        HKDF(SHA256(), KEY_BYTES, salt, info).derive(shared)
        for info in (b"shortd box file", b"shortd box label")
    )
    return FileKey(file_key, is_bound=True), label_key


def _point(key: EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _coded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(text: str) -> bytes:
    """The bytes; none for what is no base64url."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
