"""`shortd backup`: a copy of all that is kept, while the server goes on.

It is made beside the server, by another process. Three things have to agree: the database, the
clicks that are not in it yet, and the blobs that its rows name. So a moment of the database is held
while segments and blobs are given second names; if one that it needs was deleted meanwhile, another
moment is taken. Blobs never change, so that a second name (a hard link) is a copy for as long as
there is one; segments grow, and are copied, and so is what plugins have in their folders.

A backup has its name once all of it is on disk, and is never changed again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from shortd import __version__
from shortd.clock import SECOND
from shortd.files.blobs import place_of, stored_blobs
from shortd.journal.segments import list_segments, segment_path
from shortd.store.data_directory import StoreError
from shortd.store.snapshots import Snapshot, Snapshots, snapshots_of
from shortd.syncing import sync
from shortd.upkeep.backup_manifest import (
    MANIFEST,
    SHARED,
    Kept,
    Manifest,
    Told,
    close_to_others,
    contradictions_in,
    damaged_files,
    folders_of,
    kept_file,
)
from shortd.upkeep.plugin_folders import copied, plugin_files

LATEST = "latest"
LAST = "last-backup.json"
"""In the data directory: when the last backup was done, for metrics and the operator's pages."""
MOMENTS = 10
"""Moments that are tried until one has all that it needs."""
_TIMES = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_PARTIAL = ".partial"
_LEFTOVER = re.compile(rf"{_NAME.pattern}{re.escape(_PARTIAL)}")
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
_PREFIX = "backup-"
"""Of a folder in the data directory, for one that goes out as tar."""


class Last(msgspec.Struct, frozen=True):
    """The last backup that was done."""

    utime: int
    """When it was begun; what was acknowledged then is in it."""
    size: int
    """Bytes, those that older backups have as well among them."""
    path: str = ""
    """The backup; empty for one that went out as tar."""
    verified: bool = False
    """Whether it was read once more."""


def back_up(
    directory: Path,
    dest: Path,
    *,
    keep: int = 0,
    verify: bool = False,
    told: Told = lambda _: None,
) -> tuple[Path, Manifest]:
    """Makes a backup in the folder `dest` and says where. Of all that are there, the newest `keep`
    stay (0: all). `verify` reads it once more before it counts.

    Raises StoreError, OSError; then `dest` has nothing new.
    """
    dest.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(dest):
        for leftover in dest.iterdir():
            # Those of backups alone: whatever else is here is somebody's.
            if _LEFTOVER.fullmatch(leftover.name) and _is_folder(leftover):
                shutil.rmtree(leftover)
        name = _free_name(dest)
        partial = dest / (name + _PARTIAL)
        try:
            manifest = _make(directory, partial, _newest(dest), told)
            if verify:
                manifest = _verified(partial, manifest, told)
            partial.rename(dest / name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _point(dest / LATEST, name)
        sync(dest)
        _note(directory, manifest, dest / name, verified=verify)
        if keep:
            for old in _by_age(dest, name)[:-keep]:
                # None is ever seen with a part of it gone.
                gone = old.rename(old.with_name(old.name + _PARTIAL))
                shutil.rmtree(gone)
    return dest / name, manifest


def stream(directory: Path, out: BinaryIO, told: Told = lambda _: None) -> Manifest:
    """Writes a backup as tar, one at a time. Until that is done, its copy of the database takes
    room in the data directory. Raises StoreError, OSError.
    """
    import tarfile

    with _alone(directory), _folder_in(directory) as folder:
        backup = Path(folder, name_of(time.time()))
        manifest = _make(directory, backup, None, told)
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            tar.add(backup, backup.name, recursive=False)
            for name in (MANIFEST, *manifest.files):
                tar.add(backup / name, f"{backup.name}/{name}", recursive=False)
    _note(directory, manifest)
    return manifest


def tidy(directory: Path) -> None:
    """Removes what streams that were killed have left in a data directory, unless one is being made
    there."""
    with suppress(StoreError, OSError), _alone(directory):
        _tidy(directory)


def _tidy(directory: Path) -> None:
    for leftover in directory.glob(f"{_PREFIX}*{_PARTIAL}"):
        shutil.rmtree(leftover)


def last_backup(directory: Path) -> Last | None:
    """The last one that was done of a data directory; None if none is known."""
    try:
        return msgspec.json.decode((directory / LAST).read_bytes(), type=Last)
    except (OSError, msgspec.MsgspecError):
        return None


@contextmanager
def _folder_in(directory: Path) -> Iterator[str]:
    """A folder for a while. Those of others that were killed go first."""
    _tidy(directory)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, suffix=_PARTIAL, dir=directory) as folder:
        yield folder


def _make(directory: Path, backup: Path, before: Path | None, told: Told) -> Manifest:
    """Makes a whole backup in a new folder, all of it on disk."""
    for folder in (backup, backup / "db", backup / "journal", backup / "files"):
        folder.mkdir(mode=0o700)
    blobs = BlobNames(directory / "files", backup / "files", before and before / "files", told)
    with snapshots_of(directory) as snapshots:
        # Most of the work, before any moment is held: until it is over, the database only grows.
        blobs.take_all()
        with held_moment(snapshots, directory / "journal", backup / "journal", blobs) as moment:
            moment.copy(backup / "db")
            schema, utime, counts = moment.schema, moment.utime, moment.counts()
    files: dict[str, Kept] = {}
    for path in (backup / "db" / "data.mdb", *sorted((backup / "journal").iterdir())):
        close_to_others(path)
        sync(path)
        files[str(path.relative_to(backup))] = kept_file(path)
        told(files[str(path.relative_to(backup))].size)
    files |= blobs.kept()
    for one in plugin_files(directory):
        if (kept := copied(one, backup / one.name)) is not None:
            files[one.name] = kept
            told(kept.size)
    for folder in folders_of(backup, files):
        sync(folder)
    sync(backup / "files")
    manifest = Manifest(__version__, schema, utime, counts, files, blobs.lost())
    _write(backup, manifest)
    sync(backup)
    return manifest


def _write(backup: Path, manifest: Manifest) -> None:
    path = backup / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    close_to_others(path)
    sync(path)


def _verified(backup: Path, manifest: Manifest, told: Told) -> Manifest:
    """Reads a backup once more. Shared files that are damaged are noted as lost, as the server has
    no others: all else is backed up nonetheless. Raises StoreError if anything else is wrong.
    """
    damaged = damaged_files(backup, manifest, told)
    found = [line for name, line in damaged.items() if not name.startswith(SHARED)]
    if damaged and not found:
        files, lost = {**manifest.files}, {**manifest.lost}
        for name in damaged:
            lost[name] = files.pop(name).size
            try:
                files[name] = kept_file(backup / name)
            except OSError:
                (backup / name).unlink(missing_ok=True)
        manifest = msgspec.structs.replace(manifest, files=files, lost=lost)
        _write(backup, manifest)
    if found := found or contradictions_in(backup, manifest):
        raise StoreError(f"the backup is not sound, and was removed: {'; '.join(found)}")
    return manifest


@contextmanager
def held_moment(
    snapshots: Snapshots, source: Path, journal: Path, blobs: BlobNames
) -> Iterator[Snapshot]:
    """A moment of the database of which everything else is here as well."""
    for _ in range(MOMENTS):
        with snapshots.taken() as moment:
            segments = _copied(source, journal)
            with snapshots.taken() as later:
                drained = later.position()
            needed = moment.position()
            # What was drained since may have been deleted before it was copied.
            is_whole = drained == needed or (
                needed is not None
                and drained is not None
                and {*range(needed.segment, drained.segment + 1)} <= segments
            )
            if not blobs.take(moment.blobs()):
                # Rows go before their blobs: what a later moment names and is not there is lost.
                with snapshots.taken() as later:
                    blobs.give_up(later.blobs())
            if blobs.has_all() and is_whole:
                yield moment
                return
    raise StoreError("so much was deleted meanwhile that no moment could be held; try again")


def _copied(source: Path, journal: Path) -> set[int]:
    """Copies the segments that are there, and them alone; their numbers."""
    for earlier in journal.iterdir():
        earlier.unlink()
    found: set[int] = set()
    for number in list_segments(source) if source.is_dir() else ():
        with suppress(FileNotFoundError):
            shutil.copyfile(segment_path(source, number), segment_path(journal, number))
            found.add(number)
    return found


class BlobNames:
    """The blobs of a backup or an export: second names of the server's, or of those in the backup
    before, or copies.
    """

    def __init__(self, source: Path, folder: Path, before: Path | None, told: Told) -> None:
        self._source = source
        self._folder = folder
        self._before = before
        self._told = told
        self._here: set[str] = set()
        self._gone: set[str] = set()
        self._needed: dict[str, tuple[int, bytes]] = {}

    def take_all(self) -> None:
        """Takes every one that is there now."""
        if self._source.is_dir():
            for name, _ in stored_blobs(self._source):
                self._take(name)

    def take(self, needed: dict[str, tuple[int, bytes]]) -> bool:
        """Takes those that these rows name, if they are still there, and lets go of all others.
        Whether all of them are here.
        """
        self._needed = needed
        for name in needed.keys() - self._here:
            self._take(name)
        return self.has_all()

    def has_all(self) -> bool:
        """Whether all that are needed are here, but for those that are lost."""
        return self._needed.keys() <= self._here | self._gone

    def give_up(self, named: dict[str, tuple[int, bytes]]) -> None:
        """Counts as lost what is needed, is not here, and is still named by rows of later."""
        self._gone = (self._needed.keys() & named.keys()) - self._here

    def lost(self) -> dict[str, int]:
        """Bytes of those that are needed and that the server itself has not, by path within the
        backup."""
        return {
            f"{SHARED}{place_of(name)}": self._needed[name][0]
            for name in sorted(self._gone & self._needed.keys())
        }

    def keep(self, needed: dict[str, tuple[int, bytes]]) -> None:
        """Of those that `take` was told, these alone are needed."""
        self._needed = needed

    def kept(self) -> dict[str, Kept]:
        """By path within the backup. Of what no row names nothing is left."""
        for name in self._here - self._needed.keys():
            (self._folder / place_of(name)).unlink()
        return {
            f"{SHARED}{place_of(name)}": Kept(size, sha256.hex())
            for name, (size, sha256) in sorted(self._needed.items())
            if name in self._here
        }

    def _take(self, name: str) -> None:
        path, source = self._folder / place_of(name), self._source / place_of(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if _linked(source, path):
            self._told(0)
        elif self._before is None or not _linked(self._before / place_of(name), path):
            try:
                shutil.copyfile(source, path)
            except OSError as fault:
                path.unlink(missing_ok=True)
                # Deleted, or on a block that nobody can read any more.
                if fault.errno not in (errno.ENOENT, errno.EIO):
                    raise
                return
            sync(path)
            self._told(path.stat().st_size)
        self._here.add(name)


def _linked(source: Path, path: Path) -> bool:
    """Gives a file a second name, if that can be."""
    try:
        path.hardlink_to(source)
    except OSError:
        # Another disk, one without links, or gone: who copies finds out.
        return False
    return True


@contextmanager
def _alone(dest: Path) -> Iterator[None]:
    """Keeps others from making backups there meanwhile."""
    descriptor = os.open(dest, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another backup is being made in {dest}") from None
        yield
    finally:
        os.close(descriptor)


def _free_name(dest: Path) -> str:
    """The name of a backup that begins now. A second one within a second waits for the next."""
    while (dest / (name := name_of(time.time()))).exists():
        time.sleep(1 - time.time() % 1)
    return name


def name_of(seconds: float) -> str:
    """What is called by a moment, in UTC; Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIMES)


def time_of(name: str) -> int:
    """When the backup of this name was begun, in µs; 0 for what is no such time."""
    try:
        when = datetime.strptime(name, _TIMES)
    except ValueError:
        return 0
    return round(when.replace(tzinfo=UTC).timestamp() * SECOND)


def whole_backups(dest: Path) -> list[Path]:
    """All backups in a folder, the oldest first. OSError."""
    return sorted(
        path for path in dest.iterdir() if _NAME.fullmatch(path.name) and _is_folder(path)
    )


def _is_folder(path: Path) -> bool:
    """Whether it is one itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _newest(dest: Path) -> Path | None:
    there = whole_backups(dest)
    with suppress(OSError):
        latest = dest / (dest / LATEST).readlink()
        if latest in there:
            return latest
    return max(there, default=None)


def _by_age(dest: Path, newest: str) -> list[Path]:
    """All backups in a folder, as they were made, the oldest first. What has a later time than the
    newest one was made before a clock went back: no time says how long before.
    """
    return sorted(whole_backups(dest), key=lambda path: (path.name <= newest, path.name))


def _point(link: Path, name: str) -> None:
    """Lets a symbolic link lead to a backup, where the disk has such links (FAT has none)."""
    if link.exists() and _is_folder(link):
        raise StoreError(f"{link} is in the way, and no link; the backup {name} is whole")
    new = link.with_name(link.name + _PARTIAL)
    new.unlink(missing_ok=True)
    try:
        new.symlink_to(name)
    except OSError as fault:
        if fault.errno not in _NO_LINKS:
            raise
        return
    new.replace(link)


def _note(
    directory: Path, manifest: Manifest, backup: Path | None = None, *, verified: bool = False
) -> None:
    """Leaves word for the server; where nothing can be written, it goes without."""
    path = str(backup.absolute()).encode(errors="replace").decode() if backup else ""
    last = Last(manifest.created_utime, manifest.size(), path, verified)
    with suppress(OSError):
        new = directory / (LAST + _PARTIAL)
        new.write_bytes(msgspec.json.encode(last))
        new.chmod(0o600)
        new.replace(directory / LAST)
