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
