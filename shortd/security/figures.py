"""What the metrics show of attempts at secrets."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.security.guessing import OUTCOMES, Guessing, Secret


class GuessMetrics(Collector):
    """Logins, and all else that can be guessed, by what came of it."""

    def __init__(self, guessing: Guessing) -> None:
        self._outcomes = guessing.outcomes

    def collect(self) -> Iterator[Metric]:
        logins = CounterMetricFamily("shortd_logins", "Logins to accounts.", labels=["outcome"])
        others = CounterMetricFamily(
            "shortd_secrets", "Other secrets that were named.", labels=["secret", "outcome"]
        )
        for outcome in OUTCOMES:
            logins.add_metric([outcome], self._outcomes[Secret.LOGIN, outcome])
            for secret in Secret:
                if secret is not Secret.LOGIN:
                    others.add_metric([secret.value, outcome], self._outcomes[secret, outcome])
        yield logins
        yield others
