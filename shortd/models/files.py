"""Rows about shared files and uploads."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Encryption(IntEnum):
    """How a file was encrypted before it came here."""

    NONE = 0
    AES_GCM = 1


class Upload(msgspec.Struct, array_like=True, frozen=True):
    """A file that is still coming in parts."""

    filekey: str
    owner: str
    filename: str
    filesize: int
    """Plain size in bytes, as announced."""
    filetype: str
    create_utime: int
    expiration_utime: int
    box: str = ""
    """Key of the box that it is for; empty for a file of the owner's own."""
    client: str = ""
    """Of one for a box: who sends it, as a hash of the address's block."""
    part_utime: int = 0
    """Of one for a box: when the last part came; 0 if none did."""


class FilePart(msgspec.Struct, array_like=True, frozen=True):
    """One part of a file or of an upload: an immutable blob."""

    blob: str
    size: int
    """Bytes on disk."""
    sha256: bytes


class File(msgspec.Struct, array_like=True, frozen=True):
    """A finished file. Its parts are rows of their own."""

    owner: str
    filename: str
    filesize: int
    """Plain size in bytes."""
    filetype: str
    stored_size: int
    """Bytes on disk: larger than the plain size where the file is encrypted."""
    encryption: Encryption = Encryption.NONE
    challenge: str = ""
    """Hex; who can name it has decrypted the signature, and so knows the password."""
    signature: str = ""
    withheld: bool = False
    """Its link is deleted, and that may still be undone: nobody is sent a byte of it."""
    entries: int = 0
    """Files that stand in it one behind the other, as its `Bundle` says; 0: it is one file."""
    box: str = ""
    """Key of the box that it was sent to; empty for a file that a link shares."""


class Box(msgspec.Struct, array_like=True, frozen=True):
    """A box that a link stands for: what others may send there, and how much is in it."""

    owner: str
    note: str
    """What its owner tells those who send."""
    file_bytes: int
    """Most bytes of one file."""
    most_files: int
    most_bytes: int
    """Most of all that is in it."""
    types: tuple[str, ...] = ()
    """Suffixes (".pdf") and media types ("image/*", "application/pdf") that it takes; none: all."""
    public_key: bytes = b""
    """An uncompressed point of P-256, whose private key its owner has; empty: not encrypted."""
    closed: bool = False
    files: int = 0
    """In it now."""
    held: int = 0
    """Bytes on disk for it now, of what is still coming, too."""
    serial: int = 0
    """Of the next that comes."""

    @property
    def is_sealed(self) -> bool:
        """Whether what comes was encrypted to its owner."""
        return bool(self.public_key)


class BoxItem(msgspec.Struct, array_like=True, frozen=True):
    """A file that came into a box. The rest of it is a row of the files."""

    filekey: str
    utime: int
    note: str = ""
    """What the sender tells."""
    sender_key: bytes = b""
    """The point of P-256 that an encrypted one was sent with."""
    label: bytes = b""
    """Name, type and note of an encrypted one, encrypted: IV, ciphertext, tag."""


class BundleEntry(msgspec.Struct, array_like=True, frozen=True):
    """One of several files under one link."""

    path: str
    """Relative, with its folders, as `zip_paths` gives it."""
    size: int
    """Bytes."""
    filetype: str = ""
    utime: int = 0
    """When it was changed (Unix time in µs), as far as its sender knew; else 0."""


class Bundle(msgspec.Struct, array_like=True, frozen=True):
    """What is in a file that holds several. Each begins where the one before it ends."""

    entries: tuple[BundleEntry, ...]
