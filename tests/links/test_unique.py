"""Unique clicks: who counts again and when, and limits that count them exactly."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from shortd.errors import ShortdError
from shortd.models.clicks import Sighting
from shortd.models.links import Link, RareTerms
from shortd.plugin.types import Visit
from shortd.store.schema import SIGHTINGS, SIGHTINGS_BY_END
from shortd.testing import FakeClock, RunningApp, open_app
from tests.conftest import GENEROUS
from tests.links.keeper import TARGET, Keeper

MINUTES = 60.0


def sightings(app: RunningApp) -> list[Sighting]:
    with app.services.store.read() as txn:
        rows = [row for _, row in SIGHTINGS.scan(txn)]
        assert len(rows) == len(list(SIGHTINGS_BY_END.keys(txn)))
    return rows


@pytest.mark.parametrize("drained", [False, True])
def test_a_visitor_counts_once_in_a_window(keeper: Keeper, drained: bool) -> None:
    path = keeper.link(unique_minutes=15)
    expected = []
    for minute in (0, 1, 14.9, 15, 20, 29.9, 30.1):
        keeper.app.clock.utime = 1_700_000_000_000_000 + round(minute * 60_000_000)
        keeper.goes(path)
        if drained:
            keeper.app.drain()
        expected.append(keeper.unique(path))
    # The window begins with the click that counted, not with the last one.
    assert expected == [1, 1, 1, 2, 2, 2, 3]
    assert keeper.count(path) == 7


def test_a_visitor_is_an_address_with_an_agent(keeper: Keeper) -> None:
    path = keeper.link(unique_minutes=15)
    for address in ("203.0.113.1", "203.0.113.2"):
        for agent in ("one", "two"):
            for _ in range(3):
                keeper.goes(path, agent, address=address)
    assert (keeper.unique(path), keeper.count(path)) == (4, 12)
    other = keeper.link(unique_minutes=15)
    keeper.goes(other, "one", address="203.0.113.1")
    assert keeper.unique(other) == 1


def test_without_a_window_every_click_is_unique(keeper: Keeper) -> None:
    path = keeper.link(title="plain")
    for _ in range(3):
        keeper.goes(path)
    assert keeper.unique(path) == keeper.count(path) == 3
    keeper.app.drain()
    assert keeper.unique(path) == 3
    assert sightings(keeper.app) == []


def test_a_unique_limit_ends_the_link_for_everyone(keeper: Keeper) -> None:
    path = keeper.link(expiration_count=2, counts_unique=True)
    assert [keeper.goes(path, agent) for agent in ("one", "one", "one")] == [TARGET] * 3
    assert keeper.goes(path, "two") == TARGET
    assert [keeper.goes(path, agent) for agent in ("one", "two", "three")] == [410] * 3
    assert (keeper.unique(path), keeper.count(path)) == (2, 4)


def test_a_unique_limit_without_a_window_has_a_day(keeper: Keeper) -> None:
    path = keeper.link(expiration_count=2, counts_unique=True)
    keeper.goes(path)
    keeper.app.clock.advance(24 * 60 * MINUTES - 1)
    assert keeper.goes(path) == TARGET
    assert keeper.unique(path) == 1
    keeper.app.clock.advance(1)
    assert keeper.goes(path) == TARGET
    assert keeper.goes(path) == 410


def test_looks_use_nothing_up(keeper: Keeper) -> None:
    path = keeper.link("https://secret.example/", expiration_count=1, counts_unique=True)
    for options in ({"method": "HEAD"}, {"headers": {"purpose": "prefetch"}}):
        assert keeper.goes(path, **options) == 200
    assert keeper.goes(path, "WhatsApp/2") == 200
    assert "secret.example" not in keeper.visit(path + "+").text
    keeper.visit(path + ".svg")
    assert keeper.unique(path) == 0
    assert keeper.goes(path) == "https://secret.example/"


def test_plugins_and_passwords_leave_it_exact(keeper: Keeper) -> None:
    path = keeper.link(unique_minutes=15)
    split = {"variants": [{"url": "https://b.example/", "weight": 50}]}
    keeper.call("set_plugin", path, plugin="ab", data=split)
    for number in range(20):
        for _ in range(2):
            keeper.goes(path, f"agent {number}")
    assert (keeper.unique(path), keeper.count(path)) == (20, 40)


def test_a_clock_that_was_set_back_forgets_nobody_who_just_came(keeper: Keeper) -> None:
    path = keeper.link(unique_minutes=15)
    keeper.goes(path)
    keeper.app.clock.advance(-10)
    keeper.goes(path)
    assert keeper.unique(path) == 1
    # An hour back, though, he would be turned away for an hour too long.
    keeper.app.clock.advance(-3600)
    keeper.goes(path)
    assert keeper.unique(path) == 2


@pytest.mark.parametrize("mode", ["full", "truncated", "none"])
def test_a_restart_forgets_nobody(tmp_path: Path, mode: str) -> None:
    clock = FakeClock()
    environ = {**GENEROUS, "SHORTD_CLICKS__IP": mode}
    addresses = ("203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2")
    with open_app(tmp_path, environ=environ, clock=clock) as app:
        keeper = Keeper(app)
        path = keeper.link(unique_minutes=15)
        for address in addresses:
            keeper.goes(path, address=address)
        assert keeper.unique(path) == 4
        userid = keeper.userid
    with open_app(tmp_path, environ=environ, clock=clock) as app:
        keeper = Keeper(app)
        keeper.userid = userid
        for address in addresses:
            keeper.goes(path, address=address)
        assert (keeper.unique(path), keeper.count(path)) == (4, 8)
        stored = b"".join(file.read_bytes() for file in (tmp_path / "db").iterdir())
        # The agent is kept with the visit; of addresses only what the setting allows.
        for address in addresses:
            assert (ip_address(address).packed in stored) == (mode == "full")


def test_visitors_are_forgotten_when_their_time_is_over(keeper: Keeper) -> None:
    short, long = keeper.link(unique_minutes=15), keeper.link(unique_minutes=60)
    for number in range(1500):
        keeper.goes(short, f"agent {number}")
    keeper.goes(long)
    keeper.app.drain()
    assert len(sightings(keeper.app)) == 1501
    keeper.app.sweep()
    assert len(sightings(keeper.app)) == 1501
    keeper.app.clock.advance(15 * MINUTES)
    keeper.app.sweep()
    [left] = sightings(keeper.app)
    assert left.link_id == keeper.row(long).id
    keeper.call("delete", long)
    keeper.app.clock.advance(45 * MINUTES)
    keeper.app.sweep()
    assert sightings(keeper.app) == []


def test_a_returning_visitor_keeps_one_row(keeper: Keeper) -> None:
    path = keeper.link(unique_minutes=15)
    for _ in range(4):
        keeper.goes(path)
        keeper.app.drain()
        keeper.app.clock.advance(15 * MINUTES)
    [row] = sightings(keeper.app)
    assert row.utime == keeper.app.clock.now() - round(15 * MINUTES * 1e6)


def test_a_changed_window_holds_at_once(keeper: Keeper) -> None:
    path = keeper.link(unique_minutes=60)
    keeper.goes(path)
    keeper.app.clock.advance(20 * MINUTES)
    keeper.goes(path)
    assert keeper.unique(path) == 1
    keeper.change(path, unique_minutes=15)
    keeper.goes(path)
    assert keeper.unique(path) == 2
    keeper.change(path, unique_minutes=0)
    keeper.goes(path)
    assert keeper.unique(path) == 3


def test_memory_for_visitors_who_are_not_drained_is_bounded(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.clicks.waiting.SIGHTINGS_KEPT", 2)
    path = keeper.link(unique_minutes=15)
    for _ in range(2):
        for agent in ("one", "two", "three"):
            keeper.goes(path, agent)
    # The third is not remembered yet: rather twice than never.
    assert keeper.unique(path) == 4
    keeper.app.drain()
    for agent in ("one", "two", "three"):
        keeper.goes(path, agent)
    assert keeper.unique(path) == 4


def test_names_of_visitors_differ_from_server_to_server(tmp_path: Path) -> None:
    link = Link(1, "owner", 0, "code", TARGET, 0, rare=RareTerms(unique_minutes=1))
    visit = Visit(0, address="203.0.113.1", user_agent="agent")
    names = set()
    for folder in ("one", "two"):
        with open_app(tmp_path / folder) as app:
            for one in (link, Link(2, "owner", 0, "other", TARGET, 0, rare=link.rare)):
                _, sighting = app.services.visits.visits._sightings.of(one, visit)
                assert sighting is not None
                names.add(sighting.visitor)
    assert len(names) == 4


@pytest.mark.parametrize("minutes", [-1, 525_601])
def test_windows_are_bounded(keeper: Keeper, minutes: int) -> None:
    path = keeper.link()
    with pytest.raises(ShortdError) as refusal:
        keeper.change(path, unique_minutes=minutes)
    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "unique_minutes")
