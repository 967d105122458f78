"""Async observers: told at least once, in order, however long they do not listen."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shortd.clock import DAY, SECOND
from shortd.plugin import Event, Link, Plugin, SignIn, Visit, hookimpl
from shortd.plugin_runtime import outbox
from shortd.plugin_runtime.deliveries import retry_in
from shortd.store.schema import PLUGIN_BACKLOGS, PLUGIN_EVENTS
from shortd.testing import AGENTS, FakeClock, StartApp, open_app
from tests.plugin_runtime.conftest import PluginApp, Start

EAR = """
class Ear(Plugin[None, None]):
    name = "ear"

    def __init__(self, settings, server):
        super().__init__(settings, server)
        self.heard = []
        self.attempts = []
        self.fails = False

    async def hear(self, hook, event, *facts):
        self.attempts.append((hook, event.id, event.attempt))
        if self.fails:
            raise OSError("nobody listens")
        self.heard.append((hook, event, *facts))

    @hookimpl
    async def click_recorded(self, link, visit, choice, data, event):
        await self.hear("click_recorded", event, link, visit, choice, data)

    @hookimpl
    async def link_created(self, link, data, event):
        await self.hear("link_created", event, link, data)

    @hookimpl
    async def link_changed(self, link, before, data, event):
        await self.hear("link_changed", event, link, before, data)

    @hookimpl
    async def link_deleted(self, link, data, event):
        await self.hear("link_deleted", event, link, data)

    @hookimpl
    async def file_stored(self, file, data, event):
        await self.hear("file_stored", event, file, data)

    @hookimpl
    async def account_created(self, account, event):
        await self.hear("account_created", event, account)

    @hookimpl
    async def account_signed_in(self, account, sign_in, event):
        await self.hear("account_signed_in", event, account, sign_in)
"""
WITH_DATA = EAR.replace("Plugin[None, None]", "Plugin[None, Data]").replace(
    'name = "ear"', 'name = "ear"\n    Data = Data'
)


def names(plugin: Any) -> list[str]:
    return [event[0] for event in plugin.heard]


def left(plugins: PluginApp) -> int:
    with plugins.app.services.store.read() as txn:
        return PLUGIN_EVENTS.count(txn)


def test_every_hook_is_told_once_and_nothing_is_left(start: Start) -> None:
    plugins = start(ear=EAR)
    ear: Any = plugins.plugin("ear")
    plugins.app.observe()
    assert names(ear) == ["account_created", "link_created"]
    ear.heard.clear()
    plugins.visit(plugins.shorturl + "?qr", user_agent="x", referer="https://r.example/a", dnt="1")
    plugins.app.call("set_tag", **plugins.which(), tag=5)
    plugins.app.call("delete", **plugins.which(plugins.make()))
    plugins.store_file()
    plugins.app.observe()
    by_name: dict[str, list[Any]] = defaultdict(list)
    for name, event, *facts in ear.heard:
        assert (event.attempt, len(event.id)) == (1, 22)
        by_name[name].append(facts)
    [[link, visit, choice, data]] = by_name["click_recorded"]
    assert (link.short_url, choice, data) == (plugins.shorturl, "", None)
    assert (visit.user_agent, visit.is_qr, visit.do_not_track) == ("x", True, True)
    # What is kept of a referrer, not all that came.
    assert visit.referrer == "https://r.example"
    [[after, before, _]] = by_name["link_changed"]
    assert (after.tag, before.tag) == (5, 0)
    assert len(by_name["link_created"]) == 2
    [[file, _]] = by_name["file_stored"]
    assert (file.filename, file.filesize) == ("note.txt", 5)
    assert len(by_name["link_deleted"]) == 1
    plugins.app.observe()
    assert left(plugins) == 0
    assert plugins.app.get("/-/health").json()["plugins"]["events"] == {"waiting": 0, "dropped": 0}


def test_a_sign_in_is_told_with_the_address_that_is_kept(start: Start) -> None:
    plugins = start({"SHORTD_CLICKS__IP": "none"}, ear=EAR)
    ear: Any = plugins.plugin("ear")
    events = plugins.app.services.plugin_runtime.events
    account = plugins.app.services.accounts.accounts.named(plugins.userid)
    assert account is not None

    async def sign_in() -> None:
        events.signed_in(account, SignIn("password", "198.51.100.7", "Firefox"))

    plugins.app.run(sign_in())
    plugins.app.observe()
    [(_, _, told, how)] = [event for event in ear.heard if event[0] == "account_signed_in"]
    assert told.userid == plugins.userid
    assert how == SignIn("password", "", "Firefox")


def test_clicks_tell_no_more_of_an_address_than_is_kept(start: Start) -> None:
    plugins = start({"SHORTD_CLICKS__IP": "truncated"}, ear=EAR)
    ear: Any = plugins.plugin("ear")
    plugins.app.visit(plugins.shorturl, address="198.51.100.7")
    plugins.app.observe()
    [(_, _, _, visit, *_)] = [event for event in ear.heard if event[0] == "click_recorded"]
    assert visit.address == "198.51.100.0"


@pytest.mark.parametrize("is_async", [True, False])
def test_a_plugin_with_data_hears_of_its_links_alone_unless_it_wants_all(
    start: Start, is_async: bool
) -> None:
    source = WITH_DATA
    if not is_async:
        source = source.replace("async def", "def").replace("await ", "")
    plugins = start(ear=source)
    ear: Any = plugins.plugin("ear")
    plugins.visit()
    plugins.app.call("set_tag", **plugins.which(), tag=5)
    plugins.app.observe()
    assert names(ear) == ["account_created"]
    plugins.set("ear", {"url": "https://own.example/"})
    plugins.visit()
    plugins.app.observe()
    assert names(ear)[1:] == ["link_changed", "click_recorded"]
    assert ear.heard[-1][-1].url == "https://own.example/"
    ear.heard.clear()
    plugins.app.call("set_plugin", **plugins.which(), plugin="ear", data=None)
    plugins.visit()
    plugins.app.observe()
    assert names(ear) == ["link_changed"], "that it has no data any more"
    assert ear.heard[0][-1] is None

    everywhere = start(ear=source.replace("Data = Data", "Data = Data\n    everywhere = True"))
    ear = everywhere.plugin("ear")
    everywhere.visit()
    everywhere.app.observe()
    assert "click_recorded" in names(ear)
    assert ear.heard[-1][-1] is None


def test_what_fails_is_told_again_ever_later_with_the_same_id(start: Start) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    ear: Any = plugins.plugin("ear")
    plugins.app.observe()
    ear.fails, ear.attempts = True, []
    plugins.make()
    plugins.app.observe()
    # At the third one the hook is far from five failures in a minute.
    for attempt, seconds in ((2, 5), (3, 10), (4, 20), (5, 40), (6, 80)):
        clock.advance(seconds - 1)
        plugins.app.observe()
        assert len(ear.attempts) == attempt - 1
        clock.advance(1)
        plugins.app.observe()
        assert ear.attempts[-1][2] == attempt
    assert len({event_id for _, event_id, _ in ear.attempts}) == 1
    ear.fails = False
    clock.advance(160)
    ear.heard.clear()
    plugins.app.observe()
    [(name, event, *_)] = ear.heard
    assert (name, event.attempt) == ("link_created", 7)
    assert retry_in(100) == 3600 * SECOND


def test_a_receiver_that_is_down_for_an_hour_gets_everything_once(start: Start) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    ear: Any = plugins.plugin("ear")
    plugins.app.observe()
    ear.heard.clear()
    ear.fails = True
    links = [plugins.make() for _ in range(12)]
    for minute in range(60):
        clock.advance(60)
        plugins.visit(links[minute % 12])
        plugins.app.observe()
        if minute in (20, 40):
            # The server is started anew.
            plugins.app.drain()
            plugins = start(clock=clock)
            ear = plugins.plugin("ear")
            ear.fails = True
    assert plugins.state("ear")["state"] == "paused"
    assert len(ear.attempts) < 100, "it is not run down while nobody listens"
    ear.fails = False
    clock.advance(3600)
    plugins.app.observe()
    plugins.app.observe()
    links_of = defaultdict(list)
    for name, event, link, *_ in ear.heard:
        links_of[link.short_url].append((name, event.id))
    told = [links_of[link] for link in links]
    assert [[name for name, _ in one] for one in told] == [
        ["link_created", *["click_recorded"] * 5]
    ] * 12
    assert len({event_id for one in told for _, event_id in one}) == 12 * 6
    assert left(plugins) == 0
    assert plugins.state("ear")["state"] == "on"


def test_what_is_never_taken_is_given_up_after_three_days_and_counted(start: Start) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    ear: Any = plugins.plugin("ear")
    ear.fails = True
    plugins.app.observe()
    with capture_logs() as logs:
        for _ in range(80):
            clock.advance(3600)
            # As the server does all the time: a clock that moves unseen is not believed.
            plugins.app.services.timeline.is_believed()
            plugins.app.observe()
    assert left(plugins) == 0
    assert plugins.app.get("/-/health").json()["plugins"]["events"] == {"waiting": 0, "dropped": 2}
    assert [entry for entry in logs if entry["event"] == "plugin_events_dropped"]


def test_a_clock_that_runs_ahead_gives_up_nothing(start: Start) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    ear: Any = plugins.plugin("ear")
    ear.fails = True
    plugins.app.observe()
    clock.jump(1000 * DAY / SECOND)
    plugins.app.observe()
    clock.jump(-1000 * DAY / SECOND)
    assert left(plugins) == 2
    ear.fails = False
    plugins.app.services.plugin_runtime.resume("ear")
    plugins.app.observe()
    assert names(ear) == ["account_created", "link_created"]


@pytest.mark.parametrize("bound", ["MOST_ROWS", "MOST_BYTES"])
def test_beyond_the_bounds_events_are_dropped_and_links_are_made(
    start: Start, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    ear: Any = plugins.plugin("ear")
    plugins.app.observe()
    ear.fails = True
    monkeypatch.setattr(outbox, bound, 3 if bound == "MOST_ROWS" else 1500)
    with capture_logs() as logs:
        for _ in range(7):
            plugins.visit(plugins.make())
        plugins.app.drain()
    with plugins.app.services.store.read() as txn:
        backlog = PLUGIN_BACKLOGS.get(txn, ("ear",))
        assert backlog is not None
        assert 1 <= backlog.rows <= 3
        assert backlog.rows == PLUGIN_EVENTS.count(txn)
        assert backlog.bytes <= outbox.MOST_BYTES
    events = plugins.app.get("/-/health").json()["plugins"]["events"]
    assert events == {"waiting": backlog.rows, "dropped": 14 - backlog.rows}
    assert [entry for entry in logs if entry["event"] == "plugin_events_dropped"]
    ear.fails = False
    clock.advance(3600)
    plugins.app.observe()
    with plugins.app.services.store.read() as txn:
        emptied = PLUGIN_BACKLOGS.get(txn, ("ear",))
    assert emptied is not None
    assert (emptied.rows, emptied.bytes, emptied.dropped) == (0, 0, 14 - backlog.rows)


def test_clicks_leave_room_for_what_else_happens(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    ear: Any = plugins.plugin("ear")
    short_url = plugins.make()
    plugins.app.observe()
    ear.heard.clear()
    ear.fails = True
    monkeypatch.setattr(outbox, "MOST_ROWS", 8)
    for _ in range(20):
        plugins.visit(short_url)
    plugins.app.drain()
    plugins.make()
    ear.fails = False
    clock.advance(3600)
    plugins.app.observe()
    assert Counter(names(ear)) == {"click_recorded": 6, "link_created": 1}


def test_a_write_that_is_undone_leaves_no_event(start: Start) -> None:
    plugins = start(ear=EAR)
    plugins.app.observe()
    inputs = {"userid": plugins.userid, "urls": ["https://a.example/", "nonsense"]}
    plugins.app.refused("urls", **inputs)
    assert left(plugins) == 0


def test_a_hook_that_is_gone_after_a_restart_hears_of_nothing_and_keeps_nothing(
    start: Start,
) -> None:
    plugins = start(ear=EAR)
    ear: Any = plugins.plugin("ear")
    ear.fails = True
    plugins.app.observe()
    other = EAR.replace("async def link_created", "async def unused").replace(
        "    @hookimpl\n    async def unused", "    async def unused"
    )
    plugins = start(ear=other)
    plugins.app.observe()
    plugins.app.clock.advance(3600)
    plugins.app.observe()
    assert left(plugins) == 0


def test_events_of_a_plugin_that_is_gone_wait_for_three_days(start: Start, tmp_path: Path) -> None:
    clock = FakeClock()
    plugins = start(clock=clock, ear=EAR)
    plugins.plugin("ear").fails = True  # type: ignore[attr-defined]
    plugins.app.observe()
    (tmp_path / "plugins" / "ear.py").unlink()
    plugins = start(clock=clock)
    deliveries = plugins.app.services.plugin_runtime.events.deliveries
    plugins.app.run(deliveries.drop_orphans())
    assert left(plugins) == 2
    for _ in range(80):
        clock.advance(3600)
        plugins.app.services.timeline.is_believed()
    plugins.app.run(deliveries.drop_orphans())
    assert left(plugins) == 0


def test_a_hook_that_takes_too_long_is_ended_and_told_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.plugin_runtime.deliveries.TIMEOUT_SECONDS", 0.05)
    slow = EAR.replace("if self.fails:", "if self.fails:\n            await asyncio.sleep(1000)")
    clock = FakeClock()
    plugins = start(clock=clock, ear="import asyncio\n" + slow)
    ear: Any = plugins.plugin("ear")
    ear.fails = True
    plugins.app.observe()
    assert names(ear) == []
    assert plugins.state("ear")["failures"] == 2
    ear.fails = False
    clock.advance(5)
    plugins.app.observe()
    assert names(ear) == ["account_created", "link_created"]


class Tape(Plugin[None, None]):
    """Writes down what it hears, and fails when it is told to."""

    name = "tape"
    numbers = 1
    failures: ClassVar[set[str]] = set()
    heard: ClassVar[dict[int, list[int]]] = defaultdict(list)

    @hookimpl
    async def link_changed(self, link: Link, before: Link, data: None, event: Event) -> None:
        if event.attempt == 1 and str(link.tag) in self.failures:
            raise OSError
        self.heard[link.id].append(link.tag)

    @hookimpl
    async def click_recorded(
        self, link: Link, visit: Visit, choice: str, data: None, event: Event
    ) -> None:
        if event.attempt == 1 and visit.user_agent in self.failures:
            raise OSError
        self.heard[link.id].append(int(visit.user_agent))


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tape")
    with open_app(folder, plugins=[Tape], tolerant=True) as app:
        yield app, [app.new_link() for _ in range(4)]


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["tag", "visit", "rest"]), st.booleans()),
        max_size=25,
    )
)
def test_what_is_about_one_link_is_told_in_its_order(
    taped: Any, steps: list[tuple[int, str, bool]]
) -> None:
    app, links = taped
    Tape.heard.clear()
    # A tag that a link has already is no change.
    first, Tape.numbers = Tape.numbers, Tape.numbers + len(steps)
    Tape.failures = {str(number) for number, (_, _, fails) in enumerate(steps, first) if fails}
    done: dict[str, list[int]] = defaultdict(list)
    for number, (link, what, _) in enumerate(steps, first):
        if what == "rest":
            app.clock.advance(3)
            app.observe()
            continue
        done[links[link]].append(number)
        if what == "tag":
            app.call("set_tag", userid=app.userid, shorturl=links[link], tag=number)
        else:
            app.visit(links[link], user_agent=str(number))
            app.drain()
    for _ in range(len(steps) + 1):
        app.clock.advance(3600)
        app.observe()
    assert sorted(Tape.heard.values()) == sorted(done.values())


def test_a_job_of_the_testing_kit_moves_retries_on(shortd_app: StartApp) -> None:
    class Once(Plugin[None, None]):
        """Fails the first time."""

        name = "once"
        told: ClassVar[list[int]] = []

        @hookimpl
        async def link_created(self, link: Link, data: None, event: Event) -> None:
            self.told.append(event.attempt)
            if event.attempt == 1:
                raise OSError

    app = shortd_app(Once, tolerant=True)
    app.new_link()
    app.observe()
    app.clock.advance(5)
    app.observe()
    assert Once.told == [1, 2]
    assert app.visit(app.new_link(), user_agent=AGENTS["curl"]).status_code == 302


class Unsure(Plugin[None, None]):
    """Cannot say what it wants."""

    name = "unsure"

    def start(self) -> None:
        self.heard: list[str] = []

    def wants(self, hook: str, about: object) -> bool:
        raise RuntimeError("who knows")

    @hookimpl
    async def link_created(self, link: Link, data: None, event: Event) -> None:
        self.heard.append(link.code)


class Neither:
    def __bool__(self) -> bool:
        raise ValueError("neither yes nor no")


class Vague(Unsure):
    """Says nothing that can be understood."""

    def wants(self, hook: str, about: object) -> bool:
        answer: Any = Neither()
        return answer  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [Unsure, Vague])
def test_a_plugin_that_cannot_say_what_it_wants_hears_of_everything(
    shortd_app: StartApp, kind: type[Unsure]
) -> None:
    app = shortd_app(kind, tolerant=True)
    links = [app.new_link() for _ in range(8)]
    app.observe()
    assert sorted(app.plugin(kind).heard) == sorted(link.rpartition("/")[2] for link in links)
    assert "wants failed 5 times" in app.get("/-/health").json()["plugins"]["fault"]
