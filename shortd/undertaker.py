"""Gives back the disk space of files that are gone, soon after, and of what nobody claims.

Dead blobs are deleted after the transaction that listed them. Blobs without a row are left by
a crash between the disk and the database; `find_orphans` removes them, but stops and complains
rather than delete much: a database that lost its rows must not take the files with it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import islice

import structlog

from shortd.blobs import stored_blobs
from shortd.clock import SECOND, Clock
from shortd.files import Files
from shortd.pace import STRETCH_ROWS, Pace
from shortd.store import Store
from shortd.store.schema import DEAD_BLOBS, FILE_PARTS, FILE_PARTS_BY_BLOB, UPLOADS
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

log = structlog.get_logger(__name__)


class Undertaker:
    """Deletes blobs that no row needs."""

    def __init__(self, store: Store, files: Files, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._blobs = files.blobs
        self._clock = clock
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
        """Deletes the dead blobs that are listed. One that cannot be deleted stays listed."""
        after: tuple[str] | None = None
        while True:
            with self._store.read() as txn:
                names = [name for (name,), _ in islice(DEAD_BLOBS.scan(txn, after=after), BATCH)]
            if not names:
                return
            after = (names[-1],)
            gone = [name for name in names if await self._delete(name)]
            if gone:
                await self._store.write(partial(_forget, names=gone))

    async def end_uploads(self) -> None:
        """Removes the unfinished uploads whose time is up."""
        now = self._clock.now()
        with self._store.read() as txn:
            ended = [key for (key,), row in UPLOADS.scan(txn) if row.expiration_utime <= now]
        for filekey in ended:
            await self._files.end_upload(filekey, now)

    async def find_orphans(self) -> None:
        """Deletes the blobs that no row names and that are old enough."""
        before = self._clock.now() / SECOND - ORPHAN_SECONDS
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


def _forget(txn: WriteTxn, names: list[str]) -> None:
    for name in names:
        DEAD_BLOBS.delete(txn, (name,))
