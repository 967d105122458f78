"""What `/-/metrics` shows of room in the database, on the disk and in the journal, and of the
clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.clicks import Clicks
from shortd.clock import SECOND
from shortd.files.blobs import Blobs
from shortd.store import Store
from shortd.store.timeline import Timeline
from shortd.upkeep.backup import last_backup


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
