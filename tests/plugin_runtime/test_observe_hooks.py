"""Observe hooks: each by name, on every way by which such a thing happens, after it is on disk."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shortd.clock import DAY, SECOND
from shortd.links.undoing import DELETED_SECONDS
from shortd.plugin_runtime import listeners
from tests.plugin_runtime.conftest import PluginApp, Start

WATCH = """
class Watch(Plugin[None, None]):
    name = "watch"

    def start(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    @hookimpl
    def click_recorded(self, link: Link, visit: Visit, choice: str) -> None:
        self.heard.append(("click_recorded", link, visit, choice))

    @hookimpl
    def link_created(self, link: Link) -> None:
        self.heard.append(("link_created", link))

    @hookimpl
    def link_changed(self, link: Link, before: Link) -> None:
        self.heard.append(("link_changed", link, before))

    @hookimpl
    def link_deleted(self, link: Link) -> None:
        self.heard.append(("link_deleted", link))

    @hookimpl
    def file_stored(self, file: File) -> None:
        self.heard.append(("file_stored", file))

    @hookimpl
    def account_created(self, account: Account) -> None:
        self.heard.append(("account_created", account))
"""


class Watcher:
    """What the plugin has heard since it was last asked."""

    def __init__(self, plugins: PluginApp) -> None:
        self.plugins = plugins
        self.app = plugins.app
        self.which = plugins.which()
        self._list: list[tuple[Any, ...]] = plugins.plugin("watch").heard  # type: ignore[attr-defined]
        self.heard()

    def heard(self) -> list[tuple[Any, ...]]:
        self.app.observe()
        heard = list(self._list)
        self._list.clear()
        return heard

    def names(self) -> list[str]:
        return [event[0] for event in self.heard()]


@pytest.fixture
def watcher(start: Start) -> Watcher:
    return Watcher(start(watch=WATCH))


def test_click_recorded(watcher: Watcher) -> None:
    watcher.plugins.visit(
        watcher.plugins.shorturl + "?qr", user_agent="x", referer="https://r.example"
    )
    [(_, link, visit, choice)] = watcher.heard()
    assert link.short_url == watcher.plugins.shorturl
    assert (visit.user_agent, visit.referrer, visit.is_qr) == ("x", "https://r.example", True)
    assert (visit.address, choice) == ("127.0.0.1", "")
    watcher.plugins.visit(method="HEAD")
    watcher.plugins.visit(sec_purpose="prefetch")
    watcher.app.get(watcher.plugins.shorturl + ".svg")
    watcher.app.get(watcher.plugins.shorturl + "+")
    assert watcher.heard() == []


def test_click_recorded_names_the_choice(watcher: Watcher) -> None:
    variants = [{"url": "https://b.example/", "weight": 100}]
    watcher.plugins.set("ab", {"variants": variants})
    watcher.heard()
    watcher.plugins.visit()
    [(_, _, _, choice)] = watcher.heard()
    assert choice == "ab:1"


def test_link_created_by_a_call(watcher: Watcher) -> None:
    shorturl = watcher.plugins.make(tag=5, expiration_count=3, expiration_utime=7)
    [(name, link)] = watcher.heard()
    assert name == "link_created"
    assert (link.short_url, link.url, link.tag) == (shorturl, "https://main.example/", 5)
    assert (link.owner, link.utime) == (watcher.plugins.userid, watcher.app.clock.now() + 1)
    assert (link.expiration_count, link.expiration_utime, link.enabled) == (3, 7, True)
    urls = [f"https://{number}.example/" for number in range(20)]
    watcher.app.call("urls", userid=watcher.plugins.userid, urls=urls)
    assert [event[1].url for event in watcher.heard()] == urls


def test_a_refused_call_tells_nothing(watcher: Watcher) -> None:
    inputs = {"userid": watcher.plugins.userid, "urls": ["https://a.example/", "nonsense"]}
    watcher.app.refused("urls", **inputs)
    assert watcher.heard() == []


@pytest.mark.parametrize(
    ("call", "change"),
    [
        ("set_tag", {"tag": 5}),
        ("set_enabled", {"enabled": False}),
        ("set_expiration_count", {"expiration_count": 5}),
    ],
)
def test_link_changed_by_a_call(watcher: Watcher, call: str, change: dict[str, Any]) -> None:
    watcher.app.call(call, **watcher.which, **change)
    [(name, link, before)] = watcher.heard()
    [(field, value)] = change.items()
    assert (name, getattr(link, field)) == ("link_changed", value)
    assert getattr(before, field) != value
    watcher.app.call(call, **watcher.which, **change)
    assert watcher.heard() == [], "nothing changed the second time"


def test_link_changed_by_plugin_data(watcher: Watcher) -> None:
    watcher.plugins.set("mobile", {"ios": "https://ios.example/"})
    assert watcher.names() == ["link_changed"]


def test_link_changed_by_a_move(watcher: Watcher) -> None:
    old = watcher.plugins.shorturl
    new = old[:-6] + "movedhere"
    userid = watcher.plugins.userid
    watcher.app.call("change_shorturl", userid=userid, shorturl_old=old, shorturl_new=new)
    [(name, link, before)] = watcher.heard()
    assert (name, link.short_url, before.short_url) == ("link_changed", new, old)
    assert link.id == before.id


def test_link_deleted_by_a_call(watcher: Watcher) -> None:
    watcher.app.call("delete", **watcher.which)
    [(name, link)] = watcher.heard()
    assert (name, link.short_url) == ("link_deleted", watcher.plugins.shorturl)


def test_link_deleted_by_a_new_one_on_its_code(watcher: Watcher) -> None:
    watcher.plugins.make(code="takeover")
    [(_, first)] = watcher.heard()
    watcher.plugins.make(url="https://new.example/", code="takeover")
    heard = watcher.heard()
    assert [event[0] for event in heard] == ["link_deleted", "link_created"]
    assert heard[0][1] == first
    assert heard[1][1].url == "https://new.example/"


def test_link_deleted_with_its_account(watcher: Watcher) -> None:
    watcher.plugins.make()
    watcher.heard()
    watcher.app.clock.advance(40 * DAY / SECOND)
    watcher.app.sweep()
    assert watcher.names() == ["link_deleted", "link_deleted"]


def test_file_stored(watcher: Watcher) -> None:
    shorturl = watcher.plugins.store_file(filetype="text/plain")
    created, (name, file) = watcher.heard()
    assert (created[0], name) == ("link_created", "file_stored")
    assert file.link == created[1]
    assert (file.link.short_url, file.link.is_file) == (shorturl, True)
    assert (file.owner, file.filename, file.filesize) == (watcher.plugins.userid, "note.txt", 5)
    assert (file.filetype, file.encrypted) == ("text/plain", False)
    watcher.app.call("set_tag", userid=watcher.plugins.userid, shorturl=shorturl, tag=1)
    assert watcher.names() == ["link_changed"]
    watcher.app.call("delete", userid=watcher.plugins.userid, shorturl=shorturl)
    assert watcher.names() == ["link_deleted"]


def test_account_created(watcher: Watcher) -> None:
    userid = watcher.app.call("temporary_account")["userid"]
    [(name, account)] = watcher.heard()
    assert (name, account.userid, account.type) == ("account_created", userid, "temporary")
    person = {"email": "me@example.com", "username": "Me", "password": "ab" * 32}
    watcher.app.call("signup", **person, userid=userid)
    [(name, account)] = watcher.heard()
    assert (name, account.userid, account.type) == ("account_created", userid, "registered")
    assert (account.email, account.username) == ("me@example.com", "Me")
    assert "ab" * 32 not in repr(account)
    watcher.app.call("login", username_email="me", password="ab" * 32)
    assert watcher.heard() == []


def test_observers_are_told_in_the_order_of_what_happened(watcher: Watcher) -> None:
    codes = [f"number{number}" for number in range(5)]
    for code in codes:
        watcher.app.call("delete", **watcher.plugins.which(watcher.plugins.make(code=code)))
    assert [(name, link.code) for name, link in watcher.heard()] == [
        (name, code) for code in codes for name in ("link_created", "link_deleted")
    ]


def test_an_observer_that_raises_is_counted_and_the_others_hear(start: Start) -> None:
    broken = """
    class Broken(Plugin[None, None]):
        name = "broken"

        @hookimpl
        def link_created(self, link: Link) -> None:
            raise RuntimeError("no")
    """
    watcher = Watcher(start(watch=WATCH, broken=broken))
    watcher.plugins.make()
    assert watcher.names() == ["link_created"]
    # The first link was made before anybody watched.
    assert watcher.plugins.state("broken")["failures"] == 2


def test_a_slow_observer_delays_nobody_and_what_does_not_fit_is_counted(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "MOST_EVENTS", 3)
    plugins = start(watch=WATCH)
    plugins.app.observe()
    watch: Any = plugins.plugin("watch")
    entered, may_go = threading.Event(), threading.Event()

    class Slow(list[Any]):
        def append(self, event: Any) -> None:
            entered.set()
            assert may_go.wait(60)
            super().append(event)

    watch.heard = Slow()
    plugins.visit()
    assert not plugins.app.run(plugins.app.services.plugin_runtime.events.settle(0.1))
    assert entered.wait(60)
    for _ in range(10):
        plugins.visit()
    assert plugins.app.get("/-/health").json()["plugins"]["events"]["dropped"] == 7
    assert "shortd_plugin_events_dropped_total 7.0" in plugins.app.get("/-/metrics").text
    may_go.set()
    plugins.app.observe()
    assert len(watch.heard) == 4


def test_clicks_leave_room_for_what_else_happens(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = start(watch=WATCH)
    plugins.visit()
    plugins.app.observe()
    watch: Any = plugins.plugin("watch")
    entered, may_go = threading.Event(), threading.Event()

    class Slow(list[Any]):
        def append(self, event: Any) -> None:
            entered.set()
            assert may_go.wait(60)
            super().append(event)

    watch.heard = Slow()
    monkeypatch.setattr(listeners, "MOST_EVENTS", 8)
    plugins.visit()
    assert not plugins.app.run(plugins.app.services.plugin_runtime.events.settle(0.1))
    assert entered.wait(60)
    for _ in range(20):
        plugins.visit()
    plugins.make()
    may_go.set()
    plugins.app.observe()
    assert [event[0] for event in watch.heard].count("link_created") == 1
    assert [event[0] for event in watch.heard].count("click_recorded") == 7


def test_what_was_acknowledged_is_heard_of_before_the_server_stops(start: Start) -> None:
    plugins = start(watch=WATCH)
    watch: Any = plugins.plugin("watch")
    plugins.visit()
    start()
    assert [event[0] for event in watch.heard][-1] == "click_recorded"


def test_without_observers_there_is_no_thread_and_no_event(start: Start) -> None:
    # Those of tests before may not have ended yet.
    before = {*threading.enumerate()}
    plugins = start()
    plugins.visit()
    assert plugins.app.services.plugin_runtime.events.waiting == 0
    begun = {*threading.enumerate()} - before
    assert not [one for one in begun if one.name.startswith("shortd-plugin-")]


def test_a_deletion_is_heard_of_at_once_and_its_undo_as_a_new_link(watcher: Watcher) -> None:
    app, short_url = watcher.app, watcher.plugins.shorturl
    links, now = app.services.links, app.clock.now()
    account = app.services.accounts.logins.authenticate(watcher.which["userid"], None, now)
    address = links.links.address(short_url)
    assert address is not None
    link_id = links.links.get(account, address).id
    outcome = app.run(links.bulk.delete(account, [link_id], now))
    [(event, link)] = watcher.heard()
    assert (event, link.short_url) == ("link_deleted", short_url)
    app.run(links.undoing.undo(account, outcome.act, now))
    [(event, link)] = watcher.heard()
    assert (event, link.short_url) == ("link_created", short_url)
    app.run(links.bulk.delete(account, [link_id], now))
    assert watcher.names() == ["link_deleted"]
    app.clock.advance(DELETED_SECONDS)
    app.run(links.undoing.purge(app.clock.now()))
    assert watcher.names() == []
