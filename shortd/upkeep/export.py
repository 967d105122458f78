"""`shortd export`: everything that is somebody's, in files that others can read.

A folder has `manifest.json`, the rows of `rows.all_rows` one a line, and the blobs that files are
made of. It has its name once all of it is on disk, and is made beside the server, whether or not
that runs. It holds password hashes and the digests of API keys: nobody but its owner may read it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shortd import __version__
from shortd.hosts import recall
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.data_directory import StoreError
from shortd.store.schema import SCHEMA_VERSION
from shortd.syncing import sync
from shortd.upkeep.backup import BlobNames
from shortd.upkeep.backup_manifest import MANIFEST, Kept, Told
from shortd.upkeep.plain_rows import Row
from shortd.upkeep.plugin_folders import laid_out
from shortd.upkeep.rows import all_rows
from shortd.upkeep.settled import settle

ROWS = "rows.jsonl"
FORMAT = "shortd export"
FORMAT_VERSION = 1
"""Of the rows: another one is given where older readers would take them wrongly."""
LINE_BYTES = 64 << 20
"""A row is never longer; a reader may refuse one that is."""
_PARTIAL = ".partial"
_BUFFER = 1 << 20


class ExportManifest(msgspec.Struct, frozen=True):
    """`manifest.json` of an export."""

    format: str
    format_version: int
    version: str
    """Of the shortd that made it."""
    schema: int
    """Of the database that it was made of."""
    created_utime: int
    """Unix µs. All else is equal wherever the rows are."""
    account: str = ""
    """Whose data these are, by userid; empty where they are everybody's."""
    counts: dict[str, int] = {}
    """Rows by type."""
    rows: Kept = Kept(0, "")
    files: dict[str, Kept] = {}
    """Blobs, by path within the export."""
    lost: list[str] = []
    """Of shared files that the server itself has not."""

    def size(self) -> int:
        """Bytes of all files together."""
        return self.rows.size + sum(kept.size for kept in self.files.values())


class RowsFile:
    """Writes rows to a file, and counts them."""

    def __init__(self, path: Path, told: Told) -> None:
        self._file = path.open("xb", buffering=_BUFFER)
        path.chmod(0o600)
        self._told = told
        self._hash = hashlib.sha256()
        self._encode = msgspec.json.Encoder().encode
        self._size = 0
        self._untold = 0
        self.counts: Counter[str] = Counter()
        self.blobs: dict[str, tuple[int, bytes]] = {}
        """Bytes and SHA-256 of the blobs that rows have named, by name."""

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            line = self._encode(row) + b"\n"
            self._file.write(line)
            self._hash.update(line)
            self._size += len(line)
            self._untold += len(line)
            self.counts[row["type"]] += 1
            for part in row.get("parts", ()) if row["type"] == "file" else ():
                self.blobs[part["blob"]] = part["size"], bytes.fromhex(part["sha256"])
            if self._untold >= _BUFFER:
                self._told(self._untold)
                self._untold = 0

    def finish(self) -> Kept:
        """Has all of it on disk. OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Kept(self._size, self._hash.hexdigest())


async def export(
    settings: Settings, dest: Path, now: int, told: Told = lambda _: None
) -> ExportManifest:
    """Makes a new folder of everything. Raises StoreError, OSError; then there is none."""
    with new_folder(dest) as partial:
        blobs = BlobNames(settings.data_dir / "files", partial / "files", None, told)
        (partial / "files").mkdir(mode=0o700)
        blobs.take_all()
        copy = await settle(settings, partial / "db", blobs, told)
        rows = RowsFile(partial / ROWS, told)
        store = Store(
            copy.data_dir,
            map_bytes=settings.storage.map_bytes,
            reserve_bytes=settings.storage.reserve_bytes,
            make=False,
        )
        try:
            hosts = await recall(store, settings.public_url, settings.hosts, settings.web.url)
            with store.read() as txn:
                rows.write(all_rows(txn, hosts))
        finally:
            store.close()
        shutil.rmtree(copy.data_dir)
        blobs.keep(rows.blobs)
        files = blobs.kept()
        for row, name, content in laid_out(settings.data_dir, partial):
            rows.write([row])
            files[name] = content
            told(content.size)
        kept = rows.finish()
        manifest = ExportManifest(
            FORMAT,
            FORMAT_VERSION,
            __version__,
            SCHEMA_VERSION,
            now,
            "",
            dict(sorted(rows.counts.items())),
            kept,
            files,
            [*blobs.lost()],
        )
        for folder in sorted({(partial / name).parent for name in manifest.files}):
            sync(folder)
        for folder in (partial / "files").iterdir():
            if not any(folder.iterdir()):
                folder.rmdir()
        sync(partial / "files")
        write_manifest(partial / MANIFEST, manifest)
    return manifest


def write_manifest(path: Path, manifest: ExportManifest) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    path.chmod(0o600)
    sync(path)


@contextmanager
def new_folder(dest: Path) -> Iterator[Path]:
    """A folder that becomes `dest` if all goes well, and else is gone. StoreError, OSError."""
    check_new(dest)
    partial = dest.with_name(dest.name + _PARTIAL)
    partial.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another export is being made in {partial}") from None
        strangers = {path.name for path in partial.iterdir()} - {ROWS, MANIFEST, "db", "files"}
        if strangers:
            raise StoreError(f"{partial} is in the way, and no export: it has {min(strangers)}")
        try:
            _empty(partial)
            yield partial
            sync(partial)
            # Somebody may have made it meanwhile: a folder with something in it is not replaced.
            partial.rename(dest)
            sync(dest.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


def check_new(dest: Path) -> None:
    """StoreError for a place where something is, or where nothing can be made."""
    if dest.exists() or dest.is_symlink():
        raise StoreError(f"{dest} is there already; an export is always a new one")
    if not dest.parent.is_dir():
        raise StoreError(f"{dest.parent} is no folder")


def _empty(folder: Path) -> None:
    """Removes what an earlier try has left."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
