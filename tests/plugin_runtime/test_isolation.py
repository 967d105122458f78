"""Hostile plugins: whatever they do, redirects go on, and it shows who did it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from shortd.clock import SECOND
from shortd.plugin_runtime.guard import FAR, Guard, GuardedCall
from shortd.testing import FakeClock
from tests.conftest import GENEROUS
from tests.plugin_runtime.conftest import Start, write_plugin
from tests.server_process import ServerProcess

HOSTILE = {
    "raising": "raise RuntimeError('no')",
    "exiting": "raise SystemExit(3)",
    "slow": "time.sleep(0.006); return None",
    "wrong": "return 5",
    "recursing": "return self.destination(link, visit, data)",
    "greedy": "return data.url * (1 << 20)",
}
SOURCE = """
import time


class Hostile(Plugin[None, Data]):
    name = "{name}"
    Data = Data

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> Destination | str | None:
        {body}
"""
BEGINS = """
class Begins(Plugin[None, None]):
    name = "{name}"
    {body}
"""
BROKEN = {
    "unimportable": "import no_such_library",
    "ending": "raise SystemExit(3)",
    "skipping": "class Skip(BaseException): pass\nraise Skip",
    "stopping": BEGINS.format(name="stopping", body="def start(self): raise SystemExit(3)"),
    "careless": BEGINS.format(name="careless", body="def __init__(self, *given): self.all = given"),
    "idle": BEGINS.format(name="idle", body="idle_hooks = 'link_created'"),
    "unfinished": "class Half(Plugin[None, None]:",
    "empty": "",
    "renamed": "class Other(Plugin[None, None]):\n    name = 'other'",
}


def hostile(name: str, body: str | None = None) -> str:
    return SOURCE.format(name=name, body=body or HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_plugin_leaves_redirects_right_and_is_paused(start: Start, name: str) -> None:
    plugins = start(**{name: hostile(name)})
    plugins.set(name)
    plugins.set("ab", {"variants": [{"url": "https://b.example/", "weight": 100}]})
    for _ in range(4):
        assert plugins.visit() == "https://b.example/"
    assert plugins.state(name)["state"] == "on"
    assert plugins.visit() == "https://b.example/"
    state = plugins.state(name)
    assert state["state"] == "paused"
    assert state["reason"] in (
        "destination failed 5 times in a minute",
        "destination was too slow 5 times in a minute",
    )
    assert f'shortd_plugin_up{{plugin="{name}"}} 0.0' in plugins.app.get("/-/metrics").text
    calls = f'shortd_plugin_calls_total{{hook="destination",plugin="{name}"}}'
    before = [line for line in plugins.app.get("/-/metrics").text.splitlines() if calls in line]
    assert plugins.visit() == "https://b.example/"
    after = [line for line in plugins.app.get("/-/metrics").text.splitlines() if calls in line]
    assert before == after, "it is not called any more"
    steps = plugins.explain()["steps"]
    assert {"question": f"plugin {name}", "answer": "is paused, as it has failed"} in steps
    # Its data can still be seen and set, and it is there again after a restart.
    assert plugins.app.call("get_plugin", **plugins.which(), plugin=name)["data"]
    assert start().state(name)["state"] == "on"


def test_failures_are_logged_once_a_minute_and_name_the_plugin(start: Start) -> None:
    clock = FakeClock()
    body = "raise RuntimeError(visit.user_agent)"
    plugins = start(clock=clock, raising=hostile("raising", body))
    plugins.set("raising")
    with capture_logs() as logs:
        for _ in range(3):
            plugins.visit()
            clock.advance(25)
        plugins.visit()
    told = [entry for entry in logs if entry["event"] == "plugin_failed"]
    assert [(entry["plugin"], entry["hook"]) for entry in told] == [("raising", "destination")] * 2


def test_failures_that_are_far_between_pause_nothing(start: Start) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, raising=hostile("raising"))
    plugins.set("raising")
    for _ in range(12):
        plugins.visit()
        clock.advance(16)
    assert plugins.state("raising") == {
        **plugins.state("raising"),
        "state": "on",
        "failures": 12,
    }


class TestOverruns:
    """A machine that is busy holds a call up now and then; that is not the plugin's fault."""

    def call_after(self, calls_between: int, hook: str = "destination") -> GuardedCall:
        call = Guard("some", lambda: 1).call(hook, print)
        for number in range(5):
            call.calls = number * calls_between
            call.overran(call.limit + 1)
        return call

    def test_rare_ones_pause_nothing(self) -> None:
        assert not self.call_after(calls_between=100).reason

    def test_frequent_ones_do(self) -> None:
        assert self.call_after(calls_between=5).reason

    def test_those_of_what_is_shown_do(self) -> None:
        assert self.call_after(5, "panel").reason

    def test_those_of_routes_and_commands_do_not(self) -> None:
        assert not self.call_after(5, "commands").reason

    def test_old_ones_do_not(self) -> None:
        times = iter(number * 16 * SECOND for number in range(1000))
        call = Guard("some", lambda: next(times)).call("destination", print)
        for _ in range(20):
            call.overran(call.limit + 1)
        assert not call.reason

    def test_a_single_one_that_is_far_too_long_does(self) -> None:
        call = Guard("some", lambda: 1).call("destination", print)
        for times, reason in ((FAR - 1, ""), (FAR + 1, "destination was far too slow")):
            call.overran(times * call.limit)
            assert call.reason == reason

    def test_an_observer_may_take_long(self) -> None:
        call = Guard("some", lambda: 1).call("link_created", print)
        call.overran(1000 * call.limit)
        assert not call.reason


@pytest.mark.parametrize("fault", ["KeyboardInterrupt", "GeneratorExit", "asyncio.CancelledError"])
def test_what_would_end_the_process_is_a_failure_like_any(start: Start, fault: str) -> None:
    plugins = start(raising="import asyncio\n" + hostile("raising", f"raise {fault}"))
    plugins.set("raising")
    assert plugins.visit() == "https://main.example/"
    assert plugins.state("raising")["failures"] == 1


def test_one_that_has_lost_its_server_harms_itself_alone(start: Start) -> None:
    plugins = start(lost=BEGINS.format(name="lost", body="def start(self): self.server = None"))
    assert plugins.visit() == "https://main.example/"


@pytest.mark.parametrize("name", BROKEN)
def test_a_plugin_that_cannot_be_loaded_is_left_out_by_name(start: Start, name: str) -> None:
    with capture_logs() as logs:
        plugins = start(**{name: BROKEN[name]})
    [told] = [entry for entry in logs if entry["event"] == "plugin_left_out"]
    assert told["plugin"] == name
    assert plugins.state(name)["state"] == "faulty"
    assert plugins.visit() == "https://main.example/"
    inputs = {**plugins.which(), "plugin": name, "data": {}}
    assert plugins.app.refused("set_plugin", **inputs)["code"] == "unknown_plugin"


def test_a_plugin_that_does_not_start_is_left_out(start: Start) -> None:
    source = hostile("raising").replace("@hookimpl", "def start(self): 1 / 0\n\n    @hookimpl")
    plugins = start(raising=source)
    assert plugins.state("raising")["state"] == "faulty"
    assert plugins.visit() == "https://main.example/"


def test_a_plugin_that_is_paused_is_told_to_stop(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "stopped"
    stop = f"def stop(self): Path({str(mark)!r}).touch()\n\n    @hookimpl"
    plugins = start(raising=hostile("raising").replace("@hookimpl", stop))
    plugins.set("raising")
    for _ in range(5):
        plugins.visit()
    assert plugins.state("raising")["state"] == "paused"
    start()
    assert mark.exists()


def test_a_plugin_that_does_not_stop_keeps_nobody(start: Start) -> None:
    source = hostile("raising").replace("@hookimpl", "def stop(self): 1 / 0\n\n    @hookimpl")
    plugins = start(raising=source)
    shorturl = plugins.shorturl
    assert start().visit(shorturl) == "https://main.example/"


@pytest.fixture
def hostile_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A real server with all of them at once."""
    for name in HOSTILE:
        write_plugin(tmp_path / "plugins", name, hostile(name))
    for name, source in BROKEN.items():
        write_plugin(tmp_path / "plugins", name, source)
    environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(tmp_path / "plugins")}
    server = ServerProcess(tmp_path / "data", environ)
    server.start()
    yield server
    with suppress(ProcessLookupError):
        server.stop()


def test_a_real_server_goes_on_through_the_lane(hostile_server: ServerProcess) -> None:
    server = hostile_server
    userid = server.call("temporary_account")["userid"]
    url = "https://main.example/"
    which = {"userid": userid}
    which["shorturl"] = server.call("url", **which, url=url)["entry"]["shorturl"]
    for name in HOSTILE:
        server.call("set_plugin", **which, plugin=name, data={})
    with httpx.Client() as client:
        for _ in range(50):
            answer = client.get(which["shorturl"])
            assert (answer.status_code, answer.headers["location"]) == (302, url)
    states = httpx.get(f"{server.url}/-/health").json()["plugins"]["states"]
    assert {name: states[name]["state"] for name in (*HOSTILE, *BROKEN)} == {
        **dict.fromkeys(HOSTILE, "paused"),
        **dict.fromkeys(BROKEN, "faulty"),
    }
    assert server.call("get_entry", **which)["entry"]["count"] == 50
    assert server.stop() == 0
