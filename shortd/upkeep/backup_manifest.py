"""What a backup says of itself, and whether it is what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from shortd.files.blobs import stored_blobs
from shortd.store.check import faults
from shortd.store.data_directory import StoreError
from shortd.store.looking import looked_at

MANIFEST = "manifest.json"
_PIECE = 1 << 20
_MOST_FAULTS = 20
"""Lines that are worth reading."""

Told = Callable[[int], None]
"""Hears of bytes that are done."""


class Kept(msgspec.Struct, frozen=True):
    """A file of a backup."""

    size: int
    """Bytes."""
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """`manifest.json`."""

    version: str
    """Of the shortd that made it."""
    schema: int
    """Of the database."""
    created_utime: int
    """Unix µs: what was acknowledged then is in it."""
    counts: dict[str, int]
    """Rows by table."""
    files: dict[str, Kept]
    """By path within the backup."""

    def size(self) -> int:
        """Bytes of all files together."""
        return sum(kept.size for kept in self.files.values())


def kept_file(path: Path) -> Kept:
    """The size and sum of what is on disk now."""
    size, sha256 = 0, hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            sha256.update(piece)
    return Kept(size, sha256.hexdigest())


def folders_of(backup: Path, names: Iterable[str]) -> list[Path]:
    """All folders in a backup that these files are in, outer ones first."""
    found = {backup / folder for name in names for folder in Path(name).parents}
    return sorted(found - {backup})


def read_manifest(backup: Path) -> Manifest:
    """Raises StoreError for a folder that is no whole backup."""
    path = backup / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{backup} is no backup of shortd: there is no {MANIFEST}") from None
    except msgspec.MsgspecError as fault:
        raise StoreError(f"{path} is damaged: {fault}") from None


def faults_of(backup: Path, manifest: Manifest, told: Told = lambda _: None) -> Iterator[str]:
    """One line for each file that is not what the manifest says; if there is none, for whatever
    in the database contradicts itself, the first twenty.
    """
    there = True
    for name, expected in manifest.files.items():
        path = backup / name
        if not _is_within(name):
            there = False
            yield f"{name} leads out of the backup"
            continue
        try:
            found = kept_file(path)
        except OSError as fault:
            there = False
            yield f"{name}: {fault.strerror}"
            continue
        told(found.size)
        if found != expected:
            there = False
            yield f"{name} is not what was backed up: its sum differs"
    if there:
        blobs = {name: status.st_size for name, status in stored_blobs(backup / "files")}
        with looked_at(backup) as store, store.read() as txn:
            for _, line in zip(range(_MOST_FAULTS), faults(txn, blobs), strict=False):
                yield line


def _is_within(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts
