"""`daily`: once a day by the server's clock, whatever that clock and the server do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shortd.plugin_runtime import jobs
from shortd.settings.config import ConfigError
from shortd.testing import FakeClock
from tests.plugin_runtime.conftest import PluginApp, Start

JOB = """
class Job(Plugin[None, None]):
    name = "job"

    def __init__(self, settings, server):
        super().__init__(settings, server)
        self.ran = []
        self.fails = False

    @hookimpl
    {kind} daily(self, utime):
        self.ran.append(utime)
        if self.fails:
            raise OSError
"""
ZONE = ZoneInfo("Europe/Berlin")
NO_TIMES = ("3", "24:00", "3:00", "03:60", "noon", "", "03:00:00", "03:00\n")


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", ZONE.key)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def started(start: Start, moment: str, kind: str = "def", **environ: str) -> PluginApp:
    clock = FakeClock()
    clock.set(at(moment))
    return start(environ, clock=clock, job=JOB.format(kind=kind))


def ran(plugins: PluginApp, moment: str) -> int:
    """How often it has run, once the clock says so."""
    plugins.app.clock.set(at(moment))
    plugins.app.daily()
    job: Any = plugins.plugin("job")
    return len(job.ran)


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_once_a_day_after_three(start: Start, kind: str) -> None:
    plugins = started(start, "2026-05-01 02:59", kind)
    moments = {
        "2026-05-01 02:59": 0,
        "2026-05-01 03:00": 1,
        "2026-05-01 03:01": 1,
        "2026-05-01 23:59": 1,
        "2026-05-02 00:01": 1,
        "2026-05-02 02:59": 1,
        "2026-05-02 17:00": 2,
        "2026-05-03 03:00": 3,
    }
    assert {moment: ran(plugins, moment) for moment in moments} == moments
    job: Any = plugins.plugin("job")
    assert job.ran[-1] == plugins.app.clock.now()


def test_the_operator_chooses_the_time(start: Start) -> None:
    plugins = started(start, "2026-05-01 21:00", SHORTD_PLUGINS__DAILY="21:30")
    assert [ran(plugins, f"2026-05-01 21:{minute}") for minute in (29, 30)] == [0, 1]


@pytest.mark.parametrize("daily", NO_TIMES)
def test_what_is_no_time_is_refused(start: Start, daily: str) -> None:
    with pytest.raises(ConfigError, match=r"plugins\.daily|PLUGINS__DAILY"):
        started(start, "2026-05-01 21:00", SHORTD_PLUGINS__DAILY=daily)


def test_a_restart_repeats_nothing_and_makes_up_for_what_was_missed(start: Start) -> None:
    assert ran(started(start, "2026-05-01 03:00"), "2026-05-01 03:00") == 1
    assert ran(started(start, "2026-05-01 04:00"), "2026-05-01 05:00") == 0
    # Three days without a server: once.
    assert ran(started(start, "2026-05-04 12:00"), "2026-05-04 12:00") == 1
    assert ran(started(start, "2026-05-04 12:01"), "2026-05-04 12:01") == 0


def test_a_clock_that_jumps_and_comes_back_repeats_nothing_and_stops_nothing(
    start: Start,
) -> None:
    plugins = started(start, "2026-05-01 03:00")
    moments = {
        "2026-05-01 03:00": 1,
        "2026-04-30 23:00": 2,
        "2026-05-01 03:00:30": 2,
        "2036-05-01 03:00": 3,
        "2026-05-01 04:00": 3,
        "2026-05-02 03:00": 4,
    }
    assert {moment: ran(plugins, moment) for moment in moments} == moments


def test_summer_time_neither_loses_nor_repeats_a_day(start: Start) -> None:
    plugins = started(start, "2026-03-28 12:00", SHORTD_PLUGINS__DAILY="02:30")
    moments = {
        "2026-03-28 12:00": 1,
        "2026-03-29 01:59": 1,
        # There is no 02:30 in this night.
        "2026-03-29 03:00": 2,
        "2026-10-25 02:30": 3,
        "2026-10-25 02:45": 3,
    }
    assert {moment: ran(plugins, moment) for moment in moments} == moments
    # The same time of the wall once more.
    plugins.app.clock.set(at("2026-10-25 02:45").replace(fold=1))
    plugins.app.daily()
    assert len(plugins.plugin("job").ran) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_one_that_fails_is_told_and_waits_for_the_next_day(start: Start, kind: str) -> None:
    plugins = started(start, "2026-05-01 03:00", kind)
    job: Any = plugins.plugin("job")
    job.fails = True
    assert ran(plugins, "2026-05-01 03:00") == 1
    assert ran(plugins, "2026-05-01 04:00") == 1
    assert plugins.state("job")["failures"] == 1
    assert plugins.state("job")["state"] == "on"
    assert ran(plugins, "2026-05-02 03:00") == 2


def test_one_that_does_not_return_shows_and_ends_with_its_return(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "DAILY_SECONDS", 0.05)
    plugins = started(start, "2026-05-01 03:00")
    job: Any = plugins.plugin("job")
    may_go = threading.Event()

    class Stuck(list[int]):
        def append(self, utime: int) -> None:
            assert may_go.wait(60)

    job.ran = Stuck()
    daily = plugins.app.services.plugin_runtime.events.jobs

    async def begin() -> bool:
        await daily.begin_due()
        return await daily.settle(0.3)

    assert not plugins.app.run(begin())
    assert plugins.state("job")["reason"].startswith("daily has not returned")
    may_go.set()
    assert plugins.app.run(daily.settle(60))
    assert plugins.state("job")["state"] == "on"
