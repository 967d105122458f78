"""A hook that fails is paused, by itself, and tried again: no other hook goes with it."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

import pytest

from shortd.control.commands import run
from shortd.errors import ShortdError
from shortd.plugin import SignIn
from shortd.plugin.hookspecs import DECIDE, OBSERVE
from shortd.plugin_runtime import guard
from shortd.plugin_runtime.guard import FIRST_PAUSE, LONGEST_PAUSE, Guard
from shortd.testing import AGENTS, FakeClock
from tests.patience import FAR
from tests.plugin_runtime.conftest import PluginApp, Start

GUARDED = (*DECIDE, *OBSERVE)
PARAMETERS = {
    "destination": "link, visit, data",
    "interstitial": "link, visit, data, destination, nonce",
    "click_recorded": "link, visit, choice, data, event",
    "link_created": "link, data, event",
    "link_changed": "link, before, data, event",
    "link_deleted": "link, data, event",
    "file_stored": "file, data, event",
    "account_created": "account, event",
    "account_signed_in": "account, sign_in, event",
}
CLASS = """
from collections import Counter


class Whole(Plugin[None, None]):
    name = "{name}"
    everywhere = True

    def __init__(self, settings, server):
        super().__init__(settings, server)
        self.calls = Counter()
"""
HOOK = """
    @hookimpl
    {kind} {hook}(self, {parameters}):
        self.calls["{hook}"] += 1
        {body}
"""


def whole(name: str, failing: str, *, is_async: bool = False) -> str:
    """A plugin with all hooks, one of which fails."""
    hooks = [
        HOOK.format(
            kind="async def" if is_async and hook in OBSERVE else "def",
            hook=hook,
            parameters=parameters,
            body="raise OSError('no')" if hook == failing else "return None",
        )
        for hook, parameters in PARAMETERS.items()
    ]
    return textwrap.dedent(CLASS.format(name=name)) + "".join(hooks)


def live(plugins: PluginApp) -> None:
    """Everything that hooks hear of, once."""
    short_url = plugins.make()
    plugins.visit(short_url, user_agent=AGENTS["firefox"])
    plugins.app.drain()
    which = plugins.which(short_url)
    plugins.app.call("set_tag", **which, tag=5)
    plugins.app.call("delete", **which)
    plugins.store_file()
    userid = plugins.app.call("temporary_account")["userid"]
    account = plugins.app.services.accounts.accounts.named(userid)
    assert account is not None

    async def sign_in() -> None:
        plugins.app.services.plugin_runtime.events.signed_in(account, SignIn("password"))

    plugins.app.run(sign_in())
    plugins.app.observe()


def test_each_hook_fails_for_itself_alone(start: Start) -> None:
    names = {f"bad_{hook}": hook for hook in GUARDED}
    plugins = start(**{name: whole(name, hook) for name, hook in names.items()})
    for _ in range(7):
        live(plugins)
    for name, failing in names.items():
        assert plugins.state(name)["reason"] == f"{failing} failed 5 times in a minute"
        calls: Counter[str] = plugins.plugin(name).calls  # type: ignore[attr-defined]
        assert calls[failing] == 5, name
        others = {hook: calls[hook] for hook in GUARDED if hook != failing}
        assert all(count >= 7 for count in others.values()), (name, others)


def test_an_async_observer_that_fails_pauses_no_hook_but_its_own(start: Start) -> None:
    names = {f"bad_{hook}": hook for hook in OBSERVE}
    clock = FakeClock()
    sources = {name: whole(name, hook, is_async=True) for name, hook in names.items()}
    plugins = start(clock=clock, **sources)
    for _ in range(5):
        live(plugins)
        clock.advance(5)
    for name, failing in names.items():
        assert plugins.state(name)["reason"] == f"{failing} failed 5 times in a minute"
        calls: Counter[str] = plugins.plugin(name).calls  # type: ignore[attr-defined]
        # What is about the same link or account waits behind what is not taken.
        assert calls[failing] >= 5, name
        assert calls["destination"] >= 5 and calls["interstitial"] >= 5, name


FLAKY = """
class Flaky(Plugin[None, Data]):
    name = "flaky"
    Data = Data
    fails = True
    asked = 0

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> object:
        self.asked += 1
        if self.fails:
            {fails}
        return data.url
"""
OWN = "https://main.example/"
THEIRS = "https://plugin.example/"


def flaky(start: Start, fails: str = "raise OSError") -> tuple[PluginApp, Any, FakeClock]:
    clock = FakeClock()
    plugins = start(clock=clock, flaky=FLAKY.format(fails=fails))
    plugins.set("flaky")
    for _ in range(5):
        assert plugins.visit() == OWN
    return plugins, plugins.plugin("flaky"), clock


@pytest.mark.parametrize("fails", ["raise OSError", "return 5", "return 'ftp://x'"])
def test_a_paused_hook_is_tried_by_one_call_after_ever_longer_pauses(
    start: Start, fails: str
) -> None:
    plugins, plugin, clock = flaky(start, fails)
    for seconds in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        asked = plugin.asked
        clock.advance(seconds - 1)
        plugins.visit()
        assert plugin.asked == asked, seconds
        clock.advance(1)
        for _ in range(3):
            assert plugins.visit() == OWN
        assert plugin.asked == asked + 1, seconds
    plugin.fails = False
    clock.advance(3600)
    assert plugins.visit() == THEIRS
    assert plugins.state("flaky")["state"] == "on"
    assert plugins.visit() == THEIRS


def test_one_that_fails_again_soon_pauses_for_longer(start: Start) -> None:
    plugins, plugin, clock = flaky(start)
    clock.advance(30)
    plugin.fails = False
    assert plugins.visit() == THEIRS
    plugin.fails = True
    clock.advance(10)
    for _ in range(5):
        plugins.visit()
    clock.advance(30)
    asked = plugin.asked
    plugins.visit()
    assert plugin.asked == asked
    clock.advance(30)
    plugin.fails = False
    assert plugins.visit() == THEIRS


def test_a_clock_that_is_set_back_makes_no_pause_longer(start: Start) -> None:
    plugins, plugin, clock = flaky(start)
    plugin.fails = False
    clock.advance(-86400)
    assert plugins.visit() == THEIRS


def test_health_tells_of_it_for_as_long_as_it_lasts(start: Start) -> None:
    plugins, plugin, clock = flaky(start)
    health = plugins.app.get("/-/health").json()
    assert health["status"] == "degraded"
    assert health["plugins"]["fault"] == "plugin flaky: destination failed 5 times in a minute"
    metric = 'shortd_plugin_hook_paused{hook="destination",plugin="flaky"} '
    assert metric + "1.0" in plugins.app.get("/-/metrics").text
    clock.advance(30)
    plugin.fails = False
    plugins.visit()
    health = plugins.app.get("/-/health").json()
    assert (health["status"], health["plugins"]["fault"]) == ("ok", None)
    assert metric + "0.0" in plugins.app.get("/-/metrics").text


def test_one_call_of_200_ms_is_the_last(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "FAR", FAR)
    source = FLAKY.format(fails="time.sleep(0.2)").replace(
        "class Flaky", "import time\n\nclass Flaky"
    )
    plugins = start(flaky=source)
    plugins.set("flaky")
    for _ in range(5):
        plugins.visit()
    assert plugins.plugin("flaky").asked == 1  # type: ignore[attr-defined]
    assert plugins.state("flaky")["reason"] == "destination was far too slow"


STUMBLES = """
class Stumbling(Plugin[None, Data]):
    name = "stumbling"
    Data = Data

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> object:
        if visit.user_agent == "odd":
            {fails}
        return data.url
"""


@pytest.mark.parametrize("fails", ["raise OSError", "return 5", "return 'ftp://x'", "return 1 / 0"])
@pytest.mark.parametrize("has_worked", [True, False])
def test_no_visitor_has_a_hook_paused_for_others(
    start: Start, fails: str, has_worked: bool
) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, stumbling=STUMBLES.format(fails=fails))
    plugins.set("stumbling")
    if has_worked:
        assert plugins.visit() == THEIRS
    for _ in range(23):
        assert plugins.visit(user_agent="odd") == OWN
    clock.advance(30)
    assert plugins.visit() == THEIRS
    for _ in range(23):
        assert plugins.visit(user_agent="odd") == OWN
        assert plugins.visit() == THEIRS
    state = plugins.state("stumbling")
    assert state["state"] == "on"
    assert state["failures"] == 46 - (not has_worked) * 18


def test_one_that_worked_and_works_no_longer_is_paused(start: Start) -> None:
    plugins = start(flaky=FLAKY.format(fails="raise OSError"))
    plugins.set("flaky")
    plugin: Any = plugins.plugin("flaky")
    plugin.fails = False
    assert plugins.visit() == THEIRS
    plugin.fails = True
    for _ in range(5):
        assert plugins.visit() == OWN
    assert plugins.state("flaky")["state"] == "paused"


def test_the_operator_turns_it_on_again(start: Start) -> None:
    plugins, plugin, _ = flaky(start)
    plugin.fails = False
    services = plugins.app.services
    [[said]] = plugins.app.run(run(services, "plugins on", {"name": "flaky"}))
    assert said == "flaky is on again: destination."
    assert plugins.visit() == THEIRS
    [[said]] = plugins.app.run(run(services, "plugins on", {"name": "flaky"}))
    assert said == "No hook of flaky was paused."
    with pytest.raises(ShortdError, match="No plugin nope is at work"):
        plugins.app.run(run(services, "plugins on", {"name": "nope"}))


def test_every_state_has_a_reason_but_on(start: Start) -> None:
    source = FLAKY.format(fails="pass").replace("fails = True", "def start(self): 1 / 0\n")
    environ = {"SHORTD_PLUGINS__DISABLED": '["mobile"]'}
    plugins = start(
        environ, flaky=source, torn="class Half(", empty="", named="import nothing_here"
    )
    states = plugins.app.get("/-/health").json()["plugins"]["states"]
    for name, state in states.items():
        assert bool(state["reason"]) == (state["state"] != "on"), name
    assert states["flaky"] == {
        **states["flaky"],
        "state": "faulty",
        "reason": "does not start; see shortd plugins",
    }
    assert "nothing_here" not in states["named"]["reason"]


def test_an_observer_that_stumbles_over_some_hears_of_all_others(start: Start) -> None:
    source = STUMBLES.format(fails="pass").replace(
        "    @hookimpl\n    def destination",
        """    heard = 0

    @hookimpl
    def click_recorded(self, link: Link, visit: Visit) -> None:
        if visit.user_agent == "odd":
            raise OSError
        self.heard += 1

    @hookimpl
    def destination""",
    )
    plugins = start(stumbling=source)
    plugins.set("stumbling")
    for _ in range(9):
        plugins.visit(user_agent="odd")
        plugins.visit()
    plugins.app.observe()
    assert plugins.plugin("stumbling").heard == 9  # type: ignore[attr-defined]
    assert plugins.state("stumbling")["state"] == "on"


class TestPauses:
    def call(self, hook: str = "link_created") -> tuple[Any, list[int]]:
        now = [1]
        guard = Guard("some", lambda: now[0])
        return guard.call(hook, lambda: None), now

    def test_only_one_tries_at_a_time(self) -> None:
        call, now = self.call()
        for _ in range(5):
            call.fail(OSError())
        now[0] += FIRST_PAUSE
        assert [call.may_try(), call.may_try()] == [True, False]
        call.fail(OSError())
        assert not call.may_try()
        now[0] += 2 * FIRST_PAUSE
        assert call.may_try()

    def test_one_that_hangs_is_on_again_when_it_returns(self) -> None:
        call, now = self.call()
        call.hangs(7.0)
        assert call.reason == "link_created has not returned for 7 s"
        now[0] += LONGEST_PAUSE
        assert not call.may_try()
        call.overran(call.limit + 1)
        assert not call.reason

    def test_who_fails_in_a_call_that_hung_is_counted_as_one_that_fails(self) -> None:
        call, _ = self.call()
        call.hangs(7.0)
        call.fail(OSError())
        assert not call.reason
        assert call.failures == 1
