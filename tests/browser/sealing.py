"""Encrypted files as clients make them: the v2 document's own example, and many frames."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.server_process import ServerProcess

SALT = bytes.fromhex("182c37f56e1967227ccae78af837b638")
ITERATIONS = 231_581


def double_sha256(password: str) -> bytes:
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()


def pbkdf2(password: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ITERATIONS)


Derivation = Callable[[str], bytes]


def encrypt_data(data: bytes, key: bytes) -> bytes:
    """IV, ciphertext and tag, as the document's `encrypt_data` has them."""
    iv = secrets.token_bytes(12)
    return iv + AESGCM(key).encrypt(iv, data, None)


def framed(data: bytes, key: bytes, sizes: Sequence[int]) -> bytes:
    """Frames of these plain sizes, over and over until the data ends; none gives no frame."""
    body, at = bytearray(), 0
    for number in range(len(data) + 1):
        if not sizes or (at >= len(data) and number >= len(sizes)):
            break
        size = sizes[number % len(sizes)]
        sealed = encrypt_data(data[at : at + size], key)
        body += len(sealed).to_bytes(4, "little") + sealed
        at += size
    return bytes(body)


class Sealed(NamedTuple):
    """An encrypted file that was uploaded."""

    shorturl: str
    signature: str
    key: bytes
    body: bytes

    def page(self, site: str) -> str:
        """The address of its unlock page."""
        return (
            f"{site}/-/unlock?shorturl={quote(self.shorturl, safe='')}&signature={self.signature}"
        )


def send(
    site: ServerProcess,
    userid: str,
    data: bytes,
    password: str,
    *,
    name: str = "secret report.pdf",
    derive: Derivation = double_sha256,
    sizes: Sequence[int] | None = None,
    spoil: Callable[[bytearray], None] | None = None,
    **terms: Any,
) -> Sealed:
    """Encrypts and uploads a file, in one frame unless `sizes` says more, as the document does.

    `spoil` may change the body before it is sent.
    """
    key = derive(password)
    challenge = secrets.token_bytes(16)
    signature = encrypt_data(challenge, key).hex()
    body = bytearray(framed(data, key, [len(data)] if sizes is None else sizes))
    if spoil:
        spoil(body)
    sealed = Sealed("", signature, key, bytes(body))
    return upload(site, userid, sealed, len(data), challenge.hex(), name=name, **terms)


def upload(
    site: ServerProcess,
    userid: str,
    sealed: Sealed,
    filesize: int,
    challenge: str,
    *,
    name: str = "secret report.pdf",
    **terms: Any,
) -> Sealed:
    """Uploads what is sealed already: the same with its short URL."""
    query = {
        "userid": userid,
        "filename": name,
        "filesize": filesize,
        "filetype": "application/pdf",
        "challenge": challenge,
        "signature": sealed.signature,
        "encryption": 1,
        **terms,
    }
    files: dict[str, Any] = {
        "query": (None, json.dumps(query), "application/json"),
        "file": (name, sealed.body, "application/pdf"),
    }
    envelope = httpx.post(f"{site.url}/v2/file", files=files, timeout=60).json()
    assert envelope["status"] == "success", envelope
    return sealed._replace(shorturl=envelope["output"]["entry"]["shorturl"])
