"""The data directory as a folder: whether there is one, and whose it is.

Everything in it belongs to one user, under whom the server runs. A file that somebody else leaves
there keeps the server from starting, so whoever else wants to open it becomes that user first, or
is refused.
"""

from __future__ import annotations

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

import shortd

DATABASE = Path("db", "data.mdb")
BACKUP_MANIFEST = "manifest.json"
"""What a backup has beside it, and no data directory."""
PLUGIN_FOLDERS = "plugins"
"""A folder for each plugin that has asked for one."""
_PROGRAM = [str(module.__file__) for module in (os, structlog, shortd)]
"""A file of each place that modules are imported from, perhaps not yet."""

log = structlog.get_logger(__name__)


class StoreError(Exception):
    """The data directory cannot be used; the message says why, in one line."""


class NoData(StoreError):
    """There is no data directory here."""


class NotTheOwner(StoreError):
    """It belongs to another user, whom this process cannot become."""


class DataDirectoryInUse(StoreError):
    """Another shortd process owns the data directory."""


def in_use(directory: Path, lock: int) -> DataDirectoryInUse:
    """What to tell somebody who has met another's lock."""
    owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
    # Who only looks leaves the number of whoever was there before.
    known = owner and Path("/proc", owner).exists()
    return DataDirectoryInUse(
        f"{directory} is in use by another shortd (process {owner if known else 'unknown'})"
    )


@contextmanager
def unused(directory: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Keeps servers out of a directory, and with LOCK_EX whoever looks at it, too. Raises
    DataDirectoryInUse if somebody has it.
    """
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # No server was ever here: a backup.
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise in_use(directory, descriptor) from None
        yield
    finally:
        os.close(descriptor)


def check_there(directory: Path) -> None:
    """Raises NoData where there is no data directory; makes nothing."""
    try:
        if (directory / DATABASE).is_file():
            check_not_emptied(directory)
            return
    except PermissionError:
        # Somebody's, then; `act_as_owner` says whose.
        return
    raise NoData(f"{directory} {what_is_wrong(directory)}")


def check_not_emptied(directory: Path) -> None:
    """Raises StoreError where a server has been and the database's file has nothing in it, as a
    full disk or a copy that was cut off leaves it: LMDB would begin a new one there, and everything
    would seem to be gone.
    """
    database = directory / DATABASE
    if (directory / "journal").exists() and database.exists() and not database.stat().st_size:
        raise StoreError(
            f"{database} is empty, though a server has written to it: put back a backup (shortd"
            " restore), or delete the file to begin anew"
        )


def is_backup(directory: Path) -> bool:
    """Whether a folder is a backup. (One that was put back by hand has been a server's since.)"""
    return (directory / BACKUP_MANIFEST).exists() and not (directory / "lock").exists()


def check_no_backup(directory: Path) -> None:
    """Raises StoreError for a backup: nobody could put back what is written to it."""
    if is_backup(directory):
        raise StoreError(
            f"{directory} is a backup, which nothing changes: shortd restore {directory} --data DIR"
        )


def act_as_owner(directory: Path, *, access_will_do: bool = False) -> None:
    """Becomes the user whose data these are, for good. Nothing of them may be open yet.

    Raises NotTheOwner, whose message names him, for whoever is neither that user nor root; with
    `access_will_do` only if he may not write there, either.
    """
    owner = owner_of(directory)
    if owner == os.geteuid():
        return
    name = user_name(owner)
    if os.geteuid() != 0:
        if access_will_do and _may_write(directory):
            return
        raise NotTheOwner(
            f"{directory} belongs to {name}, and you are {user_name(os.geteuid())}:"
            f" run this as that user (as root: runuser -u {name} -- shortd …; a container:"
            f" --user {owner}){_or_give_it(directory)}"
        )
    try:
        _become(owner, directory)
    except OSError as fault:
        raise NotTheOwner(
            f"{directory} belongs to {name}, whom this root cannot become ({fault.strerror}):"
            f" run this as that user (runuser -u {name} -- shortd …)"
        ) from fault
    if not os.access(directory, os.R_OK | os.X_OK):
        raise NotTheOwner(
            f"{directory} belongs to {name}, who cannot reach it: see to the folders above it"
        )
    unreadable = [file for file in _PROGRAM if not os.access(file, os.R_OK)]
    if unreadable:
        # The next import would end in a traceback, and he could not run the server, either.
        raise NotTheOwner(
            f"{directory} belongs to {name}, who cannot read {unreadable[0]}: install shortd where"
            f" everybody can run it, and use runuser -u {name} -- shortd …"
        )
    log.info("acting_as_owner", user=name, data=str(directory))


def _or_give_it(directory: Path) -> str:
    """What else helps where nothing is kept yet, as with a new folder that a container is given."""
    try:
        if any(directory.iterdir()):
            return ""
    except OSError:
        return ""
    return f", or, as root, chown {os.geteuid()}:{os.getegid()} {directory}"


def owner_of(directory: Path) -> int:
    """The id of the user whose data these are: the database's owner, or else the folder's.

    (Where groups share a volume, the folder itself may be root's.)
    """
    try:
        return (directory / DATABASE).stat().st_uid
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return directory.stat().st_uid


def user_name(uid: int) -> str:
    """What a user is called, or his number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _may_write(directory: Path) -> bool:
    if not os.access(directory, os.W_OK | os.X_OK):
        return False
    try:
        (directory / DATABASE).stat()
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    return os.access(directory / DATABASE, os.R_OK | os.W_OK)


def _become(uid: int, directory: Path) -> None:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        gid = directory.stat().st_gid
        os.setgroups([])
    else:
        gid = user.pw_gid
        os.initgroups(user.pw_name, gid)
    os.setgid(gid)
    os.setuid(uid)


def what_is_wrong(directory: Path) -> str:
    """What there is where a data directory was expected, in words that follow its name."""
    if directory.is_symlink() and not directory.exists():
        return f"leads to {directory.readlink()}, where there is nothing"
    if directory.exists() and not directory.is_dir():
        return "is a file, not a folder"
    what = "has no data of shortd in it" if directory.exists() else "is not there"
    return f"{what}; `shortd init` or the first start of `shortd serve` makes a data directory"


def reason_of(fault: OSError) -> str:
    """Which file or folder could not be used, and why."""
    reason = fault.strerror or str(fault)
    # Of a copy the second is the new one: it is that disk that has no room.
    name = fault.filename if fault.filename2 is None else fault.filename2
    if name is None:
        return reason
    path = Path(os.fsdecode(name))
    if isinstance(fault, FileExistsError) and not path.is_dir():
        # A folder was to be made there.
        return f"{path} {what_is_wrong(path)}"
    return f"{path}: {reason}"
