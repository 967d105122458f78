"""`shortd user export`: all of one person's data in a tar, files among them.

The rows are those of `takeout`, so that he gets from the operator what he gets by himself. What
opens his account is not in it. Files are as he gave them, each in a folder of its key; encrypted
ones are encrypted.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from shortd import __version__
from shortd.files.blobs import place_of
from shortd.files.manifests import parts_of
from shortd.models.accounts import Account
from shortd.models.files import FilePart
from shortd.store import Store
from shortd.store.data_directory import StoreError
from shortd.store.schema import BUNDLES, SCHEMA_VERSION
from shortd.syncing import sync
from shortd.upkeep.backup_manifest import MANIFEST, Told
from shortd.upkeep.export import FORMAT, FORMAT_VERSION, ROWS, ExportManifest, RowsFile
from shortd.upkeep.plain_rows import Row
from shortd.upkeep.takeout import Takeout
from shortd.zips import zip_paths

if TYPE_CHECKING:
    from tarfile import TarInfo

_PARTIAL = ".partial"
_PIECE = 1 << 20


class Taken(NamedTuple):
    """What an export of one person came to."""

    manifest: ExportManifest
    files: int
    size: int
    """Bytes of the tar."""
    missing: list[str]
    """Files that were not on the disk."""


class _Stored(NamedTuple):
    """A file to be written."""

    path: str
    """In the tar."""
    size: int
    start: int
    """Where it begins in its parts."""
    parts: list[FilePart]


async def write_belongings(
    store: Store,
    takeout: Takeout,
    account: Account,
    blobs: Path,
    target: Path,
    scratch: Path,
    now: int,
    told: Told = lambda _: None,
) -> Taken:
    """Writes a new tar of all that is kept of an account. `scratch` is a folder for its rows.

    Raises StoreError, OSError; then there is none.
    """
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already; an export is always a new one")
    rows = RowsFile(scratch / ROWS, told)
    files: list[_Stored] = []
    async for row in takeout.rows(account):
        stored = [*_files_of(store, row)]
        files += stored
        rows.write([row | {"paths": [one.path for one in stored]} if stored else row])
    manifest = ExportManifest(
        FORMAT,
        FORMAT_VERSION,
        __version__,
        SCHEMA_VERSION,
        now,
        account.userid,
        dict(sorted(rows.counts.items())),
        rows.finish(),
    )
    import tarfile

    missing: list[str] = []
    with _new_file(target) as out:
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            told_manifest = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            tar.addfile(_member(MANIFEST, len(told_manifest), now), io.BytesIO(told_manifest))
            with (scratch / ROWS).open("rb") as written:
                tar.addfile(_member(ROWS, manifest.rows.size, now), written)
            for file in files:
                try:
                    source = _Parts(blobs, file, told)
                except OSError:
                    missing.append(file.path)
                    continue
                with source:
                    tar.addfile(_member(file.path, file.size, now), source)
        size = out.tell()
    return Taken(manifest, len(files) - len(missing), size, missing)


def _files_of(store: Store, row: Row) -> Iterator[_Stored]:
    """The files that a row tells of, with their parts."""
    filekey = row.get("filekey", "")
    if row["type"] not in ("file", "box_item") or not filekey:
        return
    with store.read() as txn:
        parts = [part for _, part in parts_of(txn, filekey)]
        bundle = BUNDLES.get(txn, (filekey,))
    if bundle is None:
        name = zip_paths([row.get("filename") or "file"])[0]
        yield _Stored(f"files/{filekey}/{name}", sum(part.size for part in parts), 0, parts)
        return
    start = 0
    for entry in bundle.entries:
        yield _Stored(f"files/{filekey}/{entry.path}", entry.size, start, parts)
        start += entry.size


class _Parts(io.RawIOBase):
    """A file read from its parts, of which one is open at a time."""

    def __init__(self, blobs: Path, file: _Stored, told: Told) -> None:
        """OSError if one of them is not there, or not whole."""
        super().__init__()
        self._told = told
        self._left = file.size
        self._skip = file.start
        self._paths = [(blobs / place_of(part.blob), part.size) for part in file.parts]
        for path, size in self._paths:
            if path.stat().st_size != size:
                raise OSError(f"{path.name} is not whole")
        self._rest = iter(self._paths)
        self._current: BinaryIO | None = None

    def read(self, size: int = -1) -> bytes:
        wanted = min(self._left, _PIECE if size < 0 else size)
        found = bytearray()
        while len(found) < wanted and (self._current is not None or self._begin_next()):
            assert self._current is not None
            piece = self._current.read(wanted - len(found))
            found += piece
            if not piece:
                self._current.close()
                self._current = None
        self._left -= len(found)
        self._told(len(found))
        return bytes(found)

    def _begin_next(self) -> bool:
        """Opens the next part; False if there is none."""
        for path, size in self._rest:
            if self._skip >= size:
                self._skip -= size
                continue
            self._current = path.open("rb", buffering=0)
            self._current.seek(self._skip)
            self._skip = 0
            return True
        return False

    def close(self) -> None:
        if self._current is not None:
            self._current.close()
        super().close()


def _member(name: str, size: int, now: int) -> TarInfo:
    from tarfile import TarInfo

    member = TarInfo(name)
    member.size = size
    member.mode = 0o600
    member.mtime = now // 1_000_000
    return member


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that becomes `target` if all goes well, and else is gone."""
    partial = target.with_name(target.name + _PARTIAL)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(partial, flags, 0o600), "wb") as out:
        try:
            yield out
            out.flush()
            os.fsync(out.fileno())
            partial.rename(target)
            sync(target.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
