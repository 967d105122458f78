"""Sealed files that Python and browsers must open alike: `sealed.json`, and how it was made.

Made with another library than ours, from docs/sharing.md alone. `python -m tests.client.vectors`
writes it again; it must come out as it was.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF, PBKDF2

FILE = Path(__file__).with_name("sealed.json")
SALT = bytes.fromhex("182c37f56e1967227ccae78af837b638")
PLAIN = [b"first frame", b"second frame", b"third"]
NFC, NFD = "Caf\u00e9 \uac00", unicodedata.normalize("NFD", "Caf\u00e9 \uac00")
LINK_KEY = "AAECAwQFBgcICQoLDA0ODw"


class Vector(msgspec.Struct):
    """A file, and what is typed to open it. Bytes are hex."""

    name: str
    typed: str
    signature: str
    challenge: str
    key: str
    """Of the frames."""
    is_bound: bool
    body: str
    filesize: int
    """As the server says."""
    plain: str | None
    """None where the file must be refused."""


def read() -> list[Vector]:
    return msgspec.json.decode(FILE.read_bytes(), type=list[Vector])


class Maker:
    """Seals under one secret. Each IV and challenge is told from all others by a counter."""

    def __init__(self, secret: bytes, *, is_typed: bool, is_bound: bool, seed: int = 0) -> None:
        self._seed = seed
        self._is_bound = is_bound
        self.challenge = b"shd1" + bytes([seed] * 12) if is_bound else bytes([seed + 1] * 16)
        self.signature = self._seal(secret, bytes([200 + seed] * 12), self.challenge)
        self.key = secret
        if is_bound and is_typed:
            self.key = HKDF(secret, 32, self.challenge, SHA256, context=b"shortd file key")  # type: ignore[assignment]

    def frames(self, plain: Sequence[bytes]) -> list[bytes]:
        return [
            self.frame(piece, number, is_last=number == len(plain) - 1)
            for number, piece in enumerate(plain)
        ]

    def frame(self, plain: bytes, number: int, *, is_last: bool) -> bytes:
        iv = bytes([self._seed, *range(number, number + 6)])
        iv += number.to_bytes(4, "little") + bytes([is_last]) if self._is_bound else bytes(5)
        sealed = self._seal(self.key, iv, plain)
        return len(sealed).to_bytes(4, "little") + sealed

    def vector(
        self, name: str, typed: str, frames: Sequence[bytes], plain: bytes | None, size: int = -1
    ) -> Vector:
        return Vector(
            name,
            typed,
            self.signature.hex(),
            self.challenge.hex(),
            self.key.hex(),
            self._is_bound,
            b"".join(frames).hex(),
            len(plain or b"") if size < 0 else size,
            None if plain is None else plain.hex(),
        )

    @staticmethod
    def _seal(key: bytes, iv: bytes, plain: bytes) -> bytes:
        encrypted, tag = AES.new(key, AES.MODE_GCM, nonce=iv).encrypt_and_digest(plain)
        return bytes(iv + encrypted + tag)


def quick(text: str) -> bytes:
    return hashlib.sha256(hashlib.sha256(text.encode()).digest()).digest()


def slow(text: str) -> bytes:
    key: bytes = PBKDF2(text.encode(), SALT, 32, 231_581, hmac_hash_module=SHA256)  # type: ignore[arg-type]
    return key


def vectors() -> Iterator[Vector]:
    whole = b"".join(PLAIN)
    for derive in (quick, slow):
        for spelled in (NFC, NFD):
            made = Maker(derive(spelled), is_typed=derive is slow, is_bound=False)
            frames = made.frames(PLAIN)
            for typed in (NFC, NFD):
                name = f"ww7, {derive.__name__}, {len(spelled)} characters, {len(typed)} typed"
                yield made.vector(name, typed, frames, whole)
    order = [frames[1], frames[0], frames[2]]
    yield made.vector("ww7 has no order", NFC, order, PLAIN[1] + PLAIN[0] + PLAIN[2])
    yield made.vector("ww7 without a frame", NFC, [], b"")

    for name, typed, made in (
        ("password", NFC, Maker(slow(NFC), is_typed=True, is_bound=True)),
        ("password", NFD, Maker(slow(NFC), is_typed=True, is_bound=True)),
        ("key of a link", LINK_KEY, Maker(quick(LINK_KEY), is_typed=False, is_bound=True)),
    ):
        yield made.vector(f"{name}, {len(typed)} typed", typed, made.frames(PLAIN), whole)
        yield made.vector(f"{name}, {len(typed)} typed, empty", typed, made.frames([b""]), b"")
    typed = LINK_KEY
    one, two, three = made.frames(PLAIN)
    another = Maker(quick(LINK_KEY), is_typed=False, is_bound=True, seed=1).frames(PLAIN)
    endless = made.frame(PLAIN[2], 2, is_last=False)
    for name, frames, size in (
        ("exchanged", [two, one, three], 28),
        ("turned round", [three, two, one], 28),
        ("doubled", [one, one, two, three], 39),
        ("doubled in place of another", [one, one, three], 27),
        ("first one left out", [two, three], 17),
        ("middle one left out", [one, three], 16),
        ("last one left out", [one, two], 23),
        ("all left out", [], 0),
        ("last one twice", [one, two, three, three], 33),
        ("more behind the last one", [one, two, three, another[0]], 39),
        ("no last one", [one, two, endless], 28),
        ("ended early", [one, made.frame(PLAIN[1], 1, is_last=True), three], 28),
        ("size too large", [one, two, three], 29),
        ("size too small", [one, two, three], 27),
    ):
        yield made.vector(f"bound, {name}", typed, frames, None, size)
    mine, other = (Maker(slow(NFC), is_typed=True, is_bound=True, seed=seed) for seed in (2, 3))
    mixed = [*mine.frames(PLAIN)[:2], other.frames(PLAIN)[2]]
    yield mine.vector("a frame of another file under the same password", NFC, mixed, None, 28)
    raw = Maker(slow(NFC), is_typed=False, is_bound=True, seed=4).frames(PLAIN)
    yield mine.vector("frames under the password's own key", NFC, raw, None, 28)


if __name__ == "__main__":
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(list(vectors())), indent=1) + b"\n")
