"""What `/-/metrics` shows, in the Prometheus text format.

Hot paths add to plain integers; everything else is read when somebody asks. No label ever
carries a code, an address or an account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from shortd import __version__
from shortd.clock import SECOND
from shortd.journal import Journal
from shortd.limits.budgets import Budgets
from shortd.mail import Delivery
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, FILES, LINKS, UPLOADS
from shortd.store.table import Table

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Metrics(Collector):
    """The counters of one server."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        delivery: Delivery,
        budgets: Budgets,
        readers: Sequence[str],
        start: int,
    ) -> None:
        """`start` is the Unix time of the server's start in µs."""
        self._start = start
        self.redirects = 0
        self.visits: Counter[str] = Counter()
        """Visits that ended in anything but a redirect, by outcome."""
        self.calls: Counter[tuple[str, int]] = Counter()
        """API calls, by name and HTTP status (v1: the answer's `status.code`, 200 for 0); unknown
        names are "unknown"."""
        self._readers = [ip_network(network) for network in (*LOOPBACK, *readers)]
        self._store = store
        self._journal = journal
        self._delivery = delivery
        self._budgets = budgets
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def register(self, more: Collector) -> None:
        """Shows the figures of another collector as well."""
        self._registry.register(more)

    def may_read(self, address: str) -> bool:
        """Whether a client of this address may look: loopback and the configured networks."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        parsed = (parsed.version == 6 and parsed.ipv4_mapped) or parsed
        return any(parsed in network for network in self._readers)

    def text(self) -> bytes:
        """Everything, as `text/plain; version=0.0.4`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("shortd_build", "The version.", value={"version": __version__})
        yield GaugeMetricFamily(
            "shortd_start_time_seconds", "When the server began.", value=self._start / SECOND
        )
        visits = CounterMetricFamily("shortd_visits", "Visits to links.", labels=["outcome"])
        for outcome, count in {"redirect": self.redirects, **self.visits}.items():
            visits.add_metric([outcome], count)
        yield visits
        calls = CounterMetricFamily("shortd_calls", "API calls.", labels=["call", "status"])
        for (name, status), count in self.calls.items():
            calls.add_metric([name, str(status)], count)
        yield calls
        refusals = CounterMetricFamily(
            "shortd_limiter_refusals", "Refused for want of weight.", labels=["bucket"]
        )
        for bucket, count in self._budgets.refusals.items():
            refusals.add_metric([bucket], count)
        yield refusals
        rows = GaugeMetricFamily("shortd_rows", "Rows in the database.", labels=["table"])
        tables: tuple[Table[Any, Any], ...] = (ACCOUNTS, LINKS, FILES, UPLOADS)
        with self._store.read() as txn:
            for table in tables:
                rows.add_metric([table.name], table.count(txn))
        yield rows
        yield from self._mail()
        journal = self._journal.status()
        yield GaugeMetricFamily(
            "shortd_journal_segments", "Segments of the click journal.", value=journal.segments
        )
        yield GaugeMetricFamily(
            "shortd_journal_buffered_bytes",
            "Clicks that wait for a disk that takes them.",
            value=journal.buffered_bytes,
        )
        yield CounterMetricFamily(
            "shortd_journal_dropped", "Clicks for which there was no room.", value=journal.dropped
        )
        yield CounterMetricFamily(
            "shortd_journal_faults", "Failed journal writes and syncs.", value=journal.faults
        )

    def _mail(self) -> Iterator[Metric]:
        mails = CounterMetricFamily("shortd_mails", "What became of mails.", labels=["outcome"])
        for outcome, count in self._delivery.outcomes.items():
            mails.add_metric([outcome], count)
        yield mails
        outbox = self._delivery.outbox.status()
        yield GaugeMetricFamily("shortd_mail_waiting", "Mails to be sent.", value=outbox.waiting)
        yield GaugeMetricFamily(
            "shortd_mail_given_up", "Mails of the last week that never came.", value=outbox.given_up
        )
        yield GaugeMetricFamily(
            "shortd_mail_oldest_timestamp_seconds",
            "When the mail that waits longest was queued; 0 if none waits.",
            value=(outbox.oldest_utime or 0) / SECOND,
        )
