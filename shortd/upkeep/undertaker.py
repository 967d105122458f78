"""Gives back the disk space of files that are gone, soon after, and of what nobody claims.

Dead blobs are deleted after the transaction that listed them; what large files and much visited
links have left in the database goes a few rows at a time. Blobs without a row are left by a crash
between the disk and the database; `find_orphans` removes them, but stops and complains rather than
delete much: a database that lost its rows must not take the files with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import structlog

from shortd.clicks import history
from shortd.clock import SECOND
from shortd.files import manifests
from shortd.files.blobs import stored_blobs
from shortd.sharing.files import Files
from shortd.store import Store
from shortd.store.pace import STRETCH_ROWS, Pace
from shortd.store.portions import in_portions
from shortd.store.room import Reserve
from shortd.store.schema import (
    DEAD_BLOBS,
    DEAD_FILES,
    DEAD_LINKS,
    FILE_PARTS,
    FILE_PARTS_BY_BLOB,
    UPLOADS,
)
from shortd.store.table import Table
from shortd.store.timeline import Timeline
from shortd.store.txn import WriteTxn

DEAD_SECONDS = 2
"""How often dead blobs are looked for."""
UPLOAD_SECONDS = 60
"""How often unfinished uploads are."""
ORPHAN_SECONDS = 3600
"""How often orphans are, and how old one must be: its row may be on the way."""
ORPHAN_SHARE = 0.05
"""Most of all blobs that may be orphans before nothing is deleted."""
BATCH = 500
"""Blobs deleted before that is written down."""
ROWS = 250
"""Rows of what is gone that a transaction removes: a few milliseconds for whoever waits."""

K = TypeVar("K", bound=tuple[Any, ...])

log = structlog.get_logger(__name__)


class Undertaker:
    """Deletes blobs that no row needs."""

    def __init__(self, store: Store, files: Files, timeline: Timeline) -> None:
        self._store = store
        self._files = files
        self._blobs = files.blobs
        self._timeline = timeline
        self.complaint: str | None = None
        """Why orphans were left alone, for `/-/health`."""

    async def run(self) -> None:
        """Buries now and then, until cancelled."""
        rounds = 0
        while True:
            try:
                await self.bury()
                if rounds % (UPLOAD_SECONDS // DEAD_SECONDS) == 0:
                    await self.end_uploads()
                if rounds % (ORPHAN_SECONDS // DEAD_SECONDS) == 0:
                    await self.find_orphans()
            except Exception as fault:
                log.warning("files_not_swept", error=str(fault))
            rounds += 1
            await asyncio.sleep(DEAD_SECONDS)

    async def bury(self) -> None:
        """Removes what is left of links and files that are gone. A blob that cannot be deleted
        stays listed."""
        for table, bury in _RESTS:
            while keys := _some(self._store, table):
                for key in keys:
                    await in_portions(self._store, partial(bury, key=key), ROWS)
        after: tuple[str] | None = None
        while True:
            with self._store.read() as txn:
                names = [name for (name,), _ in islice(DEAD_BLOBS.scan(txn, after=after), BATCH)]
            if not names:
                return
            after = (names[-1],)
            gone = [name for name in names if await self._delete(name)]
            if gone:
                await self._store.write(partial(_forget, names=gone), Reserve.ALL)

    async def end_uploads(self) -> None:
        """Removes the unfinished uploads whose time is up."""
        now = self._timeline.believed_now()
        if now is None:
            return
        with self._store.read() as txn:
            ended = [key for (key,), row in UPLOADS.scan(txn) if row.expiration_utime <= now]
        for filekey in ended:
            await self._files.end_upload(filekey, now)

    async def find_orphans(self) -> None:
        """Deletes the blobs that no row names and that are old enough."""
        now = self._timeline.believed_now()
        if now is None:
            return
        before = now / SECOND - ORPHAN_SECONDS
        blobs = await self._blobs.run(lambda: list(stored_blobs(self._blobs.directory)))
        old = [name for name, status in blobs if status.st_mtime < before]
        orphans = []
        pace = Pace()
        for start in range(0, len(old), STRETCH_ROWS):
            with pace:
                orphans += self._unclaimed(old[start : start + STRETCH_ROWS])
            await pace.rest()
        with self._store.read() as txn:
            known = FILE_PARTS.count(txn)
        if orphans and (not known or len(orphans) > ORPHAN_SHARE * len(blobs)):
            self.complaint = f"{len(orphans)} of {len(blobs)} files belong to nothing; left alone"
            log.error("orphans_left_alone", orphans=len(orphans), files=len(blobs), known=known)
            return
        self.complaint = None
        for name in orphans:
            await self._delete(name)

    def _unclaimed(self, names: list[str]) -> list[str]:
        """Those that no row names: not to be used, nor to be deleted already."""
        with self._store.read() as txn:
            return [
                name
                for name in names
                if not FILE_PARTS_BY_BLOB.has(txn, (name,)) and DEAD_BLOBS.get(txn, (name,)) is None
            ]

    async def _delete(self, name: str) -> bool:
        try:
            await self._blobs.delete(name)
        except OSError as fault:
            log.warning("blob_not_deleted", blob=name, error=str(fault))
            return False
        return True


def _bury_link(txn: WriteTxn, rows: int, key: tuple[int]) -> bool:
    return history.bury(txn, *key, rows)


def _bury_file(txn: WriteTxn, rows: int, key: tuple[str]) -> bool:
    return manifests.bury(txn, *key, rows)


_RESTS: tuple[tuple[Table[Any, bool], Callable[..., bool]], ...] = (
    (DEAD_LINKS, _bury_link),
    (DEAD_FILES, _bury_file),
)


def _some(store: Store, table: Table[K, bool]) -> list[K]:
    """The first keys of a table."""
    with store.read() as txn:
        return [key for key, _ in islice(table.scan(txn), BATCH)]


def _forget(txn: WriteTxn, names: list[str]) -> None:
    for name in names:
        DEAD_BLOBS.delete(txn, (name,))
