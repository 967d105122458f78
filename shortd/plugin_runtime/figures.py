"""What the plugins have done, in numbers: for `/-/metrics` and `/-/health`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd.plugin_runtime.events import Events
from shortd.plugin_runtime.running import Plugins


class PluginState(msgspec.Struct, frozen=True):
    """A plugin as it is now."""

    state: str
    """on, off (switched off until a restart), faulty or disabled."""
    reason: str = ""
    """Why it is off. Why one is faulty, only the log and `shortd plugins` tell."""
    failures: int = 0
    overruns: int = 0
    bad_data: int = 0
    """Visits to links whose data it does not accept."""


def states(plugins: Plugins) -> dict[str, PluginState]:
    """All plugins by name; of two with one name, the one that is used."""
    found = {}
    for one in plugins.found:
        if one.name in found:
            continue
        running = plugins.running.get(one.name)
        if running is None:
            state = "disabled" if one.disabled else "faulty"
            found[one.name] = PluginState(state)
            continue
        guard = running.guard
        calls = guard.calls.values()
        found[one.name] = PluginState(
            state="off" if guard.off else "on",
            reason=guard.off,
            failures=sum(call.failures for call in calls),
            overruns=sum(call.overruns for call in calls),
            bad_data=guard.bad_data,
        )
    return found


class PluginMetrics(Collector):
    """The figures by plugin and hook."""

    def __init__(self, plugins: Plugins, events: Events) -> None:
        self._plugins = plugins
        self._events = events

    def collect(self) -> Iterator[Metric]:
        labels = ["plugin", "hook"]
        calls = CounterMetricFamily("shortd_plugin_calls", "Calls of hooks.", labels=labels)
        seconds = CounterMetricFamily(
            "shortd_plugin_seconds", "Time spent in hooks.", labels=labels
        )
        failures = CounterMetricFamily(
            "shortd_plugin_failures", "Hooks that raised or answered nonsense.", labels=labels
        )
        overruns = CounterMetricFamily(
            "shortd_plugin_overruns", "Hooks that took too long.", labels=labels
        )
        bad_data = CounterMetricFamily(
            "shortd_plugin_bad_data", "Links with data a plugin does not accept.", labels=["plugin"]
        )
        up = GaugeMetricFamily("shortd_plugin_up", "Whether a plugin is on.", labels=["plugin"])
        for name, running in self._plugins.running.items():
            for hook, call in running.guard.calls.items():
                calls.add_metric([name, hook], call.calls)
                seconds.add_metric([name, hook], call.nanoseconds / 1e9)
                failures.add_metric([name, hook], call.failures)
                overruns.add_metric([name, hook], call.overruns)
            bad_data.add_metric([name], running.guard.bad_data)
        for name, state in states(self._plugins).items():
            if state.state != "disabled":
                up.add_metric([name], state.state == "on")
        yield from (calls, seconds, failures, overruns, bad_data, up)
        yield CounterMetricFamily(
            "shortd_plugin_events_dropped",
            "Events that observe hooks were too slow for.",
            value=self._events.dropped,
        )
