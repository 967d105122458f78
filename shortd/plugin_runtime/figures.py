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
    """on, paused (some hook is, for a while), faulty or disabled."""
    reason: str = ""
    """Why it is not on. What a faulty one raised, only the log and `shortd plugins` tell."""
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
            found[one.name] = PluginState(state, one.reason)
            continue
        guard = running.guard
        calls = guard.calls.values()
        found[one.name] = PluginState(
            state="paused" if guard.paused else "on",
            reason=guard.paused,
            failures=sum(call.failures for call in calls),
            overruns=sum(call.overruns for call in calls),
            bad_data=guard.bad_data,
        )
    return found


def fault(plugins: Plugins) -> str | None:
    """Which hooks are paused, and why; None where none is."""
    paused = ((name, running.guard.paused) for name, running in plugins.running.items())
    return "; ".join(f"plugin {name}: {reason}" for name, reason in paused if reason) or None


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
        paused = GaugeMetricFamily(
            "shortd_plugin_hook_paused", "Whether a hook is paused, as it fails.", labels=labels
        )
        waiting = GaugeMetricFamily(
            "shortd_plugin_events_waiting", "Events to be told to observe hooks.", labels=["plugin"]
        )
        for name, running in self._plugins.running.items():
            for hook, call in running.guard.calls.items():
                calls.add_metric([name, hook], call.calls)
                seconds.add_metric([name, hook], call.nanoseconds / 1e9)
                failures.add_metric([name, hook], call.failures)
                overruns.add_metric([name, hook], call.overruns)
                paused.add_metric([name, hook], bool(call.reason))
            waiting.add_metric([name], self._events.waiting_of(name))
            bad_data.add_metric([name], running.guard.bad_data)
        for name, state in states(self._plugins).items():
            if state.state != "disabled":
                up.add_metric([name], state.state == "on")
        yield from (calls, seconds, failures, overruns, bad_data, up, paused, waiting)
        yield CounterMetricFamily(
            "shortd_plugin_events_dropped",
            "Events that observe hooks never heard of.",
            value=self._events.dropped,
        )
