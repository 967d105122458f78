"""The folders of plugins, `plugins/NAME` in the data directory: what of them is copied, and back.

A plugin may write to its folder while it is read, and what it has put there is anybody's guess. So
nothing but plain files is copied, no symbolic link is followed, and each file is taken as it is
found.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import structlog

from shortd.files.blobs import place_of
from shortd.links.sheets import Result
from shortd.models.files import FilePart
from shortd.plugin.types import NAME_PATTERN
from shortd.store.data_directory import PLUGIN_FOLDERS
from shortd.syncing import sync
from shortd.upkeep.backup_manifest import Kept, close_to_others, kept_file
from shortd.upkeep.plain_rows import BadRow, Row

NAME_BYTES = 255
PATH_BYTES = 3000
DEPTH = 64
"""Of folders in one another."""
FILE = "plugin_file"
"""The type of its row in an export."""
_BLOB = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20
_PARTIAL = ".shortd-partial"

log = structlog.get_logger(__name__)


class PluginFile(NamedTuple):
    """A file in the folder of a plugin."""

    plugin: str
    path: str
    """Within the folder, with slashes."""
    source: Path

    @property
    def name(self) -> str:
        """Within the data directory."""
        return f"{PLUGIN_FOLDERS}/{self.plugin}/{self.path}"


def plugins_with_folders(directory: Path) -> Iterator[tuple[str, Path]]:
    """The folders that are there, by the names of their plugins, in order."""
    with suppress(OSError):
        for folder in sorted((directory / PLUGIN_FOLDERS).iterdir()):
            if NAME_PATTERN.fullmatch(folder.name) and stat.S_ISDIR(folder.lstat().st_mode):
                yield folder.name, folder


def plugin_files(directory: Path, plugin: str = "") -> Iterator[PluginFile]:
    """All files of all plugins, or of one. What is no plain file is passed over; so is, with a
    warning, a file whose name nothing but this file system could keep."""
    for name, folder in plugins_with_folders(directory):
        if plugin and plugin != name:
            continue
        for at, folders, files in os.walk(folder):
            folders.sort()
            for file in sorted(files):
                source = Path(at, file)
                path = source.relative_to(folder).as_posix()
                with suppress(OSError):
                    if not stat.S_ISREG(source.lstat().st_mode):
                        continue
                    if _can_be(path):
                        yield PluginFile(name, path, source)
                    else:
                        log.warning("plugin_file_left_out", plugin=name, file=ascii(path))


def size_of(directory: Path, plugin: str) -> tuple[int, int]:
    """How many files a plugin has in its folder, and their bytes."""
    number = size = 0
    for file in plugin_files(directory, plugin):
        with suppress(OSError):
            size += file.source.lstat().st_size
            number += 1
    return number, size


def copied(file: PluginFile, target: Path) -> Kept | None:
    """Copies a file to a new place, all of it on disk; None if it has gone meanwhile."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size, sha256 = 0, hashlib.sha256()
    try:
        descriptor = os.open(file.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as source, target.open("xb") as copy:
        close_to_others(target)
        while piece := source.read(_PIECE):
            size += len(piece)
            sha256.update(piece)
            copy.write(piece)
    sync(target)
    return Kept(size, sha256.hexdigest())


def put(directory: Path, plugin: str, path: str, source: BinaryIO, kept: Kept) -> bool | None:
    """Puts a file into a plugin's folder: True if it was made, False if it was there already, None
    if another one is there. BadRow for a place that cannot be, or a file that is not what it says.
    """
    target, place = _target(directory, plugin, path), directory
    for part in (PLUGIN_FOLDERS, plugin, *path.split("/")[:-1]):
        place = place / part
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
        # A link that the plugin has made would lead out of its folder.
        if not stat.S_ISDIR(place.lstat().st_mode):
            raise BadRow(f"{part} is in the way, and no folder")
    if (there := _is_there(target, kept)) is not None:
        return False if there else None
    partial = target.with_name(hashlib.sha256(target.name.encode()).hexdigest()[:32] + _PARTIAL)
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as copy:
            partial.chmod(0o600)
            shutil.copyfileobj(source, copy, _PIECE)
        if kept_file(partial) != kept:
            raise BadRow(f"{path} is not what was exported: its sum differs")
        sync(partial)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    sync(target.parent)
    return True


def _target(directory: Path, plugin: str, path: str) -> Path:
    """BadRow for a place that cannot be."""
    if not NAME_PATTERN.fullmatch(plugin):
        raise BadRow("plugin is no name of one")
    if not _can_be(path) or path.endswith(_PARTIAL):
        raise BadRow("path is none that a file of a plugin can have")
    return directory / PLUGIN_FOLDERS / plugin / path


def _is_there(target: Path, kept: Kept) -> bool | None:
    """Whether what is there is that very file; None if there is nothing."""
    try:
        there = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.S_ISREG(there.st_mode) and kept_file(target) == kept


def _can_be(path: str) -> bool:
    """Whether a file's path can stand in a manifest, and leads nowhere else."""
    parts = path.split("/")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return False
    return (
        all(part not in ("", ".", "..") and "\0" not in part for part in parts)
        and max(sizes) <= NAME_BYTES
        and sum(sizes) + len(sizes) <= PATH_BYTES
        and len(parts) <= DEPTH
    )


class FileRow(msgspec.Struct, forbid_unknown_fields=True):
    """A file of a plugin as it stands in an export, whose content is among the blobs there."""

    plugin: str
    path: str
    blob: str
    size: int
    sha256: str
    type: str = FILE

    @property
    def part(self) -> FilePart:
        """Its content, as blobs are told. BadRow."""
        digest = bytes.fromhex(self.sha256) if _SHA256.fullmatch(self.sha256) else b""
        if not _BLOB.fullmatch(self.blob) or not digest or self.size < 0:
            raise BadRow("it names no content")
        return FilePart(self.blob, self.size, digest)


def read_file_row(given: Row) -> FileRow:
    """BadRow."""
    try:
        return msgspec.convert(given, FileRow)
    except msgspec.ValidationError as fault:
        raise BadRow(str(fault)) from None


def laid_out(directory: Path, export: Path) -> Iterator[tuple[Row, str, Kept]]:
    """Copies all files of plugins into an export: each row, and what came with it, by its path
    there."""
    for file in plugin_files(directory):
        # The same on every server, as all else of an export is.
        blob = hashlib.sha256(file.name.encode()).hexdigest()[:32]
        name = f"files/{place_of(blob)}"
        kept = copied(file, export / name)
        if kept is not None:
            row = FileRow(file.plugin, file.path, blob, kept.size, kept.sha256)
            yield msgspec.to_builtins(row), name, kept


def put_row(directory: Path, row: FileRow, source: BinaryIO) -> tuple[Result, str, str]:
    """Puts a file back: what came of it, the reason and a note. BadRow, OSError."""
    made = put(directory, row.plugin, row.path, source, Kept(row.size, row.sha256))
    return _ANOTHER if made is None else ((Result.MADE if made else Result.UNCHANGED), "", "")


def look_for_row(directory: Path, row: FileRow) -> tuple[Result, str, str]:
    """What would come of it. BadRow, OSError."""
    target = _target(directory, row.plugin, row.path)
    there = _is_there(target, Kept(row.size, row.sha256))
    return _ANOTHER if there is False else ((Result.UNCHANGED if there else Result.MADE), "", "")


_ANOTHER = (Result.SKIPPED, "changed_here", "another file is there already")
