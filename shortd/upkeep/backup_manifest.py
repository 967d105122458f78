"""What a backup says of itself, and whether it is what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from shortd.files.blobs import stored_blobs
from shortd.store.check import faults
from shortd.store.data_directory import BACKUP_MANIFEST, DATABASE, StoreError, is_backup
from shortd.store.looking import looked_at

MANIFEST = BACKUP_MANIFEST
SHARED = "files/"
"""What paths of shared files begin with."""
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
    lost: dict[str, int] = {}
    """Bytes that shared files should have had which the server had lost, or had damaged, by path
    within the backup. What there was of them is in `files`."""

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


def close_to_others(path: Path) -> None:
    """Lets nobody else read a file of a backup, where the disk has modes: FAT has none."""
    with suppress(PermissionError):
        path.chmod(0o600)


def folders_of(backup: Path, names: Iterable[str]) -> list[Path]:
    """All folders in a backup that these files are in, outer ones first."""
    found = {backup / folder for name in names for folder in Path(name).parents}
    return sorted(found - {backup})


def read_manifest(backup: Path) -> Manifest:
    """Raises StoreError for a folder that is no whole backup."""
    path = backup / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{backup} is no backup of shortd: there is no {MANIFEST}") from None
    except msgspec.MsgspecError as fault:
        raise StoreError(f"{path} is damaged: {fault}") from None
    if str(DATABASE) not in manifest.files:
        raise StoreError(f"{path} is damaged: it has no {DATABASE}")
    return manifest


def damaged_files(backup: Path, manifest: Manifest, told: Told = lambda _: None) -> dict[str, str]:
    """What is wrong with each file that is not what the manifest says, by its path."""
    wrong = {}
    for name, expected in manifest.files.items():
        if not is_within(name):
            wrong[name] = f"{name} leads out of the backup"
            continue
        try:
            found = kept_file(backup / name)
        except OSError as fault:
            wrong[name] = f"{name}: {fault.strerror}"
            continue
        told(found.size)
        if found != expected:
            wrong[name] = f"{name} is not what was backed up: its sum differs"
    return wrong


def unlike_manifest(directory: Path) -> list[str]:
    """One line for each file of a backup that is not what was backed up, or was lost before. None
    for a data directory, which has no manifest, or an old one if it was copied here by hand. Raises
    StoreError.
    """
    if not is_backup(directory):
        return []
    manifest = read_manifest(directory)
    lost = (f"{name} was lost or damaged before it was backed up" for name in manifest.lost)
    return [*damaged_files(directory, manifest).values(), *lost]


def contradictions_in(backup: Path, manifest: Manifest) -> list[str]:
    """One line for whatever in the database of a backup contradicts itself, the first twenty. Its
    files are what the manifest says."""
    blobs = {name: status.st_size for name, status in stored_blobs(backup / "files")}
    blobs |= {Path(name).name: size for name, size in manifest.lost.items()}
    with looked_at(backup) as store, store.read() as txn:
        return list(islice(faults(txn, blobs), _MOST_FAULTS))


def is_within(name: str) -> bool:
    """Whether a name that a manifest has can be one of a file in its backup."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts
