"""What `/-/metrics` shows of room in the database, on the disk and in the journal, and of the
clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.clicks import Clicks
from shortd.clock import SECOND
from shortd.files.blobs import Blobs
from shortd.store import Store
from shortd.store.schema import STORED_BYTES
from shortd.store.timeline import Timeline
from shortd.upkeep.backup import last_backup
from shortd.upkeep.importing.imports import Imports


class RoomMetrics(Collector):
    """Read when somebody asks."""

    def __init__(self, store: Store, clicks: Clicks, blobs: Blobs, timeline: Timeline) -> None:
        self._store = store
        self._clicks = clicks
        self._blobs = blobs
        self._timeline = timeline

    def collect(self) -> Iterator[Metric]:
        refusals = CounterMetricFamily(
            "shortd_room_refusals", "Writes refused for want of room.", labels=["what"]
        )
        shortage = GaugeMetricFamily(
            "shortd_room_short",
            "1 from the first such refusal on until a write has room.",
            labels=["what"],
        )
        for what, status in (("database", self._store.status()), ("files", self._blobs.status())):
            refusals.add_metric([what], status.refused)
            shortage.add_metric([what], status.fault is not None)
        yield refusals
        yield shortage
        yield GaugeMetricFamily(
            "shortd_storage_used_bytes",
            "Bytes of the database that hold something.",
            value=self._store.used_bytes(),
        )
        yield GaugeMetricFamily(
            "shortd_clicks_backlog", "Clicks that wait to be counted.", value=self._clicks.backlog
        )
        yield GaugeMetricFamily(
            "shortd_clicks_backlog_bytes",
            "What they take of the journal.",
            value=self._clicks.backlog_bytes,
        )
        yield CounterMetricFamily(
            "shortd_clicks_bare",
            "Clicks that kept nothing but their count, as the journal was at its bound.",
            value=self._clicks.bare,
        )
        yield CounterMetricFamily(
            "shortd_clicks_drained", "Clicks that were counted.", value=self._clicks.counted
        )
        figures = self._store.figures()
        yield GaugeMetricFamily(
            "shortd_storage_map_bytes", "What the database may grow to.", value=figures.map_bytes
        )
        yield GaugeMetricFamily(
            "shortd_storage_free_pages",
            "Pages in the database's file that nothing is on.",
            value=figures.free_pages,
        )
        yield GaugeMetricFamily(
            "shortd_storage_oldest_reader_age_seconds",
            "For how long the oldest reader holds pages that nobody else needs.",
            value=figures.oldest_reader_seconds,
        )
        yield GaugeMetricFamily(
            "shortd_writer_queue_length", "Writes that wait.", value=figures.waiting
        )
        disk = os.statvfs(self._store.directory)
        yield GaugeMetricFamily(
            "shortd_disk_free_bytes",
            "Left on the disk of the data directory.",
            value=disk.f_bavail * disk.f_frsize,
        )
        with self._store.read() as txn:
            files = sum(size for _, size in STORED_BYTES.scan(txn))
        yield GaugeMetricFamily(
            "shortd_files_bytes", "Bytes of shared files and unfinished uploads.", value=files
        )
        if (last := last_backup(self._store.directory)) is not None:
            yield GaugeMetricFamily(
                "shortd_backup_last_success_timestamp_seconds",
                "When the last backup that was done was begun.",
                value=last.utime / SECOND,
            )
        yield GaugeMetricFamily(
            "shortd_clock_believed",
            "0 while nothing is removed for its age, as the clock has moved by days.",
            value=self._timeline.is_believed(),
        )


class ImportMetrics(Collector):
    """What became of rows that were imported."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    def collect(self) -> Iterator[Metric]:
        rows = CounterMetricFamily(
            "shortd_import_rows", "Rows that imports have brought.", labels=["result"]
        )
        for result, count in self._imports.results.items():
            rows.add_metric([result], count)
        yield rows
