"""A data directory as it was at one moment, in a folder of its own, with every click counted.

A server may go on with the original meanwhile: what is held is a copy of its database and of the
clicks that it has not counted yet, which are counted here. So whoever reads the copy reads all that
was acknowledged, takes all the time that he wants, and keeps nobody waiting. A database of an older
schema is brought up to date in the copy. The original is never written to.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from shortd.clicks.services import open_clicks
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.snapshots import snapshots_of
from shortd.upkeep.backup import BlobNames, held_moment
from shortd.upkeep.backup_manifest import Told
from shortd.visitors.countries import open_countries


class NoBlobs(BlobNames):
    """For a copy of what rows say alone."""

    def __init__(self) -> None:
        """Nothing to take from."""

    def take(self, needed: dict[str, tuple[int, bytes]]) -> bool:
        return True

    def has_all(self) -> bool:
        return True


async def settle(
    settings: Settings, folder: Path, blobs: BlobNames | None = None, told: Told = lambda _: None
) -> Settings:
    """Makes such a copy of a data directory in a new folder: the settings by which it is opened.

    `blobs` takes all those that the copy names, which lie elsewhere. Raises StoreError, OSError.
    """
    for made in (folder, folder / "db", folder / "journal"):
        made.mkdir(mode=0o700)
    source = settings.data_dir
    with snapshots_of(source) as snapshots:
        moment_of = held_moment(
            snapshots, source / "journal", folder / "journal", blobs or NoBlobs()
        )
        with moment_of as moment:
            moment.copy(folder / "db")
    told((folder / "db" / "data.mdb").stat().st_size)
    copy = msgspec.structs.replace(settings, data_dir=folder)
    await _count(copy)
    return copy


async def _count(settings: Settings) -> None:
    """Counts the clicks that wait in the journal."""
    storage = settings.storage
    store = Store(
        settings.data_dir, map_bytes=storage.map_bytes, reserve_bytes=storage.reserve_bytes
    )
    try:
        countries = open_countries(settings.clicks.geoip_db, settings.data_dir)
        counted = await open_clicks(store, settings, countries.of if countries else None)
    except BaseException:
        store.close()
        raise
    try:
        await counted.drain.settle()
    finally:
        # The writer thread reads the journal: it has to have ended first.
        store.close()
        counted.clicks.journal.close()
