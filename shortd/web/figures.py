"""What `/-/metrics` shows of requests that the application answered: how long each took to begin
its answer. Redirects that the lane answers by itself are not among them, and pay nothing for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.services import Services
from shortd.web.health import faults

BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
"""Seconds: what nobody notices, what a page may take, what somebody waits for, what is wrong."""
KINDS = ("api", "link", "page")


class FaultFigures(Collector):
    """What makes `/-/health` say that the server is degraded."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "shortd_fault",
            "1 while something is wrong with a part; /-/health says what.",
            labels=["part"],
        )
        for part, fault in faults(self._services).items():
            family.add_metric([part], fault is not None)
        yield family


class RequestFigures(Collector):
    """Counts answers by kind and time. Belongs to the event loop."""

    def __init__(self) -> None:
        self._counts = {kind: [0] * (len(BOUNDS) + 1) for kind in KINDS}
        self._seconds = dict.fromkeys(KINDS, 0.0)

    def observe(self, kind: str, seconds: float) -> None:
        """An answer of one of `KINDS` was begun after so long."""
        self._counts[kind][bisect_left(BOUNDS, seconds)] += 1
        self._seconds[kind] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "shortd_http_request_duration_seconds",
            "From the request's head to the answer's; redirects of the lane left out.",
            labels=["kind"],
        )
        for kind, counts in self._counts.items():
            bounds = [*map(str, BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([kind], buckets, self._seconds[kind])
        yield family
