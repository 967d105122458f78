"""`shortd restore`: puts a backup in the place of a data directory.

The backup is read and checked as a whole before anything else is touched. What was there is kept
beside it, whatever state it is in. No server may run meanwhile.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from shortd.store.data_directory import DATABASE, StoreError, unused
from shortd.store.mounts import is_mount_point
from shortd.store.snapshots import snapshots_of
from shortd.syncing import sync
from shortd.upkeep.backup import name_of
from shortd.upkeep.backup_manifest import (
    SHARED,
    Manifest,
    Told,
    contradictions_in,
    damaged_files,
    folders_of,
    is_within,
    read_manifest,
)

_PARTIAL = "restore.partial"
_OF_THE_PLACE = {"lost+found", _PARTIAL}
"""What is a file system's own, or ours."""
BEFORE_RESTORE = "before-restore-"
"""Stands between the name of what was put aside and the time."""


class Damaged(StoreError):
    """The backup is not what was backed up, or what was backed up contradicts itself."""

    def __init__(self, backup: Path, found: list[str], *, can_be_accepted: bool) -> None:
        super().__init__(f"{backup} is damaged, and nothing was changed")
        self.found = found
        self.can_be_accepted = can_be_accepted
        """Whether the database and the clicks are what was backed up."""


def check(backup: Path, told: Told = lambda _: None, *, accept_faults: bool = False) -> Manifest:
    """Reads all of a backup: the manifest of what can be put back. With `accept_faults` shared
    files may be damaged or not there, and rows may contradict each other. Raises Damaged,
    StoreError.
    """
    manifest = read_manifest(backup)
    damaged = damaged_files(backup, manifest, told)
    can_be_accepted = all(name.startswith(SHARED) and is_within(name) for name in damaged)
    found = [*damaged.values()] or contradictions_in(backup, manifest)
    if found and not (accept_faults and can_be_accepted):
        raise Damaged(backup, found, can_be_accepted=can_be_accepted)
    gone = {name for name in damaged if not os.access(backup / name, os.R_OK)}
    there = {name: kept for name, kept in manifest.files.items() if name not in gone}
    return msgspec.structs.replace(manifest, files=there)


def put_back(
    backup: Path, manifest: Manifest, directory: Path, told: Told = lambda _: None
) -> Path | None:
    """Makes a checked backup the data directory; where that was has become, if there was one.

    Raises StoreError, OSError; then everything is as it was.
    """
    # Where a link leads: what is put back belongs on that disk, and what was there stays on it.
    directory = directory.resolve()
    with unused(directory):
        inside = directory.is_dir() and is_mount_point(directory)
        if not inside:
            directory.parent.mkdir(parents=True, exist_ok=True)
        beside = directory.with_name(f"{directory.name}.{_PARTIAL}")
        partial = directory / _PARTIAL if inside else beside
        if partial.exists():
            shutil.rmtree(partial)
        try:
            _copy(backup, manifest, partial, told)
            _give(partial, backup, directory)
            kept = _exchange(directory, partial, inside=inside)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return kept


def put_back_database(copy: Path, directory: Path) -> tuple[dict[str, int], dict[str, int], Path]:
    """Makes the database that was kept before an upgrade (`db-before-schema-N`) the database again:
    rows now and then by table, and where the one that is given up has become.

    Raises StoreError, OSError; then everything is as it was.
    """
    with unused(directory):
        with (
            # In a folder of its own, as everybody who reads a database wants it.
            _standing_alone(copy) as alone,
            snapshots_of(alone) as snapshots,
            snapshots.taken() as moment,
        ):
            then = moment.counts()
        with snapshots_of(directory) as snapshots, snapshots.taken() as moment:
            now = moment.counts()
        partial = directory / _PARTIAL
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(mode=0o700)
        _copy_file(copy / DATABASE.name, partial / DATABASE.name)
        sync(partial)
        kept = directory / _name_for_kept("db")
        (directory / "db").rename(kept)
        partial.rename(directory / "db")
        sync(directory)
    return now, then, kept


@contextmanager
def _standing_alone(copy: Path) -> Iterator[Path]:
    """A folder in which a copy of a database is `db`."""
    with tempfile.TemporaryDirectory(prefix="shortd-") as folder:
        Path(folder, "db").symlink_to(copy.absolute(), target_is_directory=True)
        yield Path(folder)


def _copy(backup: Path, manifest: Manifest, partial: Path, told: Told) -> None:
    partial.mkdir(mode=0o700)
    folders = {partial, *(partial / name for name in ("db", "journal", "files"))}
    folders |= {*folders_of(partial, manifest.files)}
    for folder in sorted(folders - {partial}):
        folder.mkdir(mode=0o700, exist_ok=True)
    for name, kept in manifest.files.items():
        _copy_file(backup / name, partial / name)
        told(kept.size)
    for folder in folders:
        sync(folder)


def _copy_file(source: Path, target: Path) -> None:
    """A copy of its own, never a second name: what is restored will be written to."""
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync(target)


def _give(partial: Path, backup: Path, directory: Path) -> None:
    """Lets root leave nothing behind that the server's user cannot open: whose the data directory
    is, or else the backup, which may come from a machine with other users.
    """
    if os.geteuid() != 0:
        return
    owner = directory.stat() if directory.is_dir() else None
    if owner is not None and (directory / DATABASE).is_file():
        owner = (directory / DATABASE).stat()
    if owner is None or owner.st_uid == 0:
        owner = (backup / DATABASE).stat()
    if owner.st_uid != 0:
        for path in (partial, *partial.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _exchange(directory: Path, partial: Path, *, inside: bool) -> Path | None:
    """Puts what is restored in its place, and what was there aside."""
    if inside:
        # A mount point has a name that nobody can change: what is in it moves.
        there = [path for path in directory.iterdir() if path.name not in _OF_THE_PLACE]
        kept = directory / _name_for_kept("data") if there else None
        if kept is not None:
            kept.mkdir(mode=0o700)
            for path in there:
                if not path.name.startswith(f"data.{BEFORE_RESTORE}"):
                    path.rename(kept / path.name)
        for path in list(partial.iterdir()):
            path.rename(directory / path.name)
        partial.rmdir()
        sync(directory)
        return kept
    kept = None
    if directory.exists():
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()
        else:
            kept = directory.with_name(_name_for_kept(directory.name))
            directory.rename(kept)
    try:
        partial.rename(directory)
    except BaseException:
        if kept is not None:
            with suppress(OSError):
                kept.rename(directory)
        raise
    sync(directory.parent)
    return kept


def _name_for_kept(name: str) -> str:
    return f"{name}.{BEFORE_RESTORE}{name_of(time.time())}"
