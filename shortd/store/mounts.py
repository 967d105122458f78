"""What is mounted where a data directory is: whether it is a place that stays, and one for LMDB.

LMDB maps its file into memory and locks it, which file systems of other machines promise and do not
keep. And a folder of a container that is no volume is gone with it. This module must never write.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import structlog

from shortd.store.data_directory import DATABASE, StoreError

MOUNTS = Path("/proc/self/mountinfo")
_OF_NETWORKS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "coda"),
        *("glusterfs", "lustre", "beegfs", "gpfs", "orangefs", "pvfs2", "ncpfs", "davfs"),
        # Folders of the machine around a virtual one.
        *("virtiofs", "vboxsf", "prl_fs", "vmhgfs", "fakeowner", "grpcfuse"),
    }
)
_FUSE = "fuse."
_LOCAL_FUSE = frozenset(
    {"fuse-overlayfs", "mergerfs", "bindfs", "gocryptfs", "encfs", "cryfs", "ntfs-3g", "exfat"}
)
_ESCAPED = re.compile(r"\\([0-7]{3})")

log = structlog.get_logger(__name__)


class Mount(NamedTuple):
    """A place in the tree of folders at which something is mounted."""

    place: Path
    file_system: str
    """What kind, as mount(8) writes it."""


def check_place(directory: Path, *, require_mount: bool) -> None:
    """Tells of a file system that is not fit for a database. Raises StoreError if a mount point is
    required where there are no data, and the directory is none.
    """
    mounts = mounted(_read())
    place = directory.resolve()
    if require_mount and not _is_one(place, mounts) and not (directory / DATABASE).exists():
        raise StoreError(
            f"{directory} has no data in it and is no mount point, so that what came there would be"
            " lost: mount a volume at it (or set storage.require_mount to false)"
        )
    found = file_system_of(place, mounts)
    if found and is_of_network(found):
        log.warning(
            "network_file_system",
            data=str(directory),
            file_system=found,
            hint="LMDB is not safe there: sooner or later the database breaks; use a local disk",
        )


def is_mount_point(directory: Path) -> bool:
    """Whether something is mounted there, be it a folder of the same disk."""
    return _is_one(directory.resolve(), mounted(_read()))


def _is_one(place: Path, mounts: list[Mount]) -> bool:
    return place.is_mount() or any(mount.place == place for mount in mounts)


def file_system_of(directory: Path, mounts: list[Mount] | None = None) -> str:
    """The kind of file system that a folder is on, or will be; "" if that is not known."""
    place = directory.resolve()
    above = {place, *place.parents}
    found = [one for one in (mounted(_read()) if mounts is None else mounts) if one.place in above]
    # Of two at one place the later covers the other.
    deepest = max(reversed(found), key=lambda mount: len(mount.place.parts), default=None)
    return "" if deepest is None else deepest.file_system


def is_of_network(file_system: str) -> bool:
    """Whether what is on a file system of this kind is on another machine."""
    if file_system.startswith(_FUSE):
        return file_system.removeprefix(_FUSE) not in _LOCAL_FUSE
    return file_system in _OF_NETWORKS


def mounted(text: str) -> list[Mount]:
    """What is mounted, by /proc/self/mountinfo (proc_pid_mountinfo(5)), in that order."""
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kind = before.split(" "), after.partition(" ")[0]
        if dash and len(fields) > 4:
            mounts.append(Mount(Path(_unescaped(fields[4])), kind))
    return mounts


def _read() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
