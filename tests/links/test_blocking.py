"""Blocking a destination: the list, and switching off what leads there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shortd.errors import ShortdError
from shortd.hosts import blocked as blocked_module
from shortd.hosts.blocked import REASON_CHARACTERS, BlockedDestinations
from shortd.links.blocking import Round
from shortd.models.blocking import BlockedPattern
from shortd.store.check import faults
from shortd.store.schema import BLOCKED_PATTERNS, LINKS
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.links.keeper import Keeper

BAD, GOOD = "https://x.bad.example/", "https://good.example/"


def block(app: RunningApp, pattern: str = "bad.example", reason: str = "") -> BlockedPattern:
    return app.run(app.services.blocked.add(pattern, reason, app.clock.now()))


def switch_off(app: RunningApp, pattern: str = "bad.example") -> Round:
    return app.run(app.services.links.blocking.switch_off(pattern))


def test_the_list_tells_what_blocks_a_destination(app: RunningApp, tmp_path: Path) -> None:
    blocked = app.services.blocked
    assert blocked.find(BAD) is None
    first = block(app, "BAD.example.", "  Phishing,\n seen twice ")
    app.clock.advance(1)
    second = block(app, "=x.bad.example")
    assert blocked.find(BAD) == second
    assert blocked.find("https://y.bad.example/") == first
    assert first.reason == "Phishing, seen twice"
    assert [row.text for row in blocked.all()] == ["=x.bad.example", "bad.example"]
    app.clock.advance(1)
    again = block(app, "bad.example", "Another reason")
    assert (again.create_utime, again.reason) == (first.create_utime, "Another reason")
    assert len(blocked) == 2
    with open_app(tmp_path / "other") as other:
        assert other.services.blocked.find(BAD) is None


def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        block(app)
        block(app, "/casino/")
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        assert app.refused("url", userid=app.userid, url=BAD)["code"] == "destination_blocked"
        assert app.refused("url", userid=app.userid, url=f"{GOOD}casino")["code"] == (
            "destination_blocked"
        )
        with app.services.store.read() as txn:
            assert list(faults(txn)) == []


def test_all_of_it_is_bounded(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked_module, "MOST_PATTERNS", 4)
    monkeypatch.setattr(blocked_module, "MOST_EXPRESSIONS", 2)
    monkeypatch.setattr(blocked_module, "MOST_STEPS_TOGETHER", 300)

    def refused(pattern: str, reason: str = "") -> str:
        with pytest.raises(ShortdError) as caught:
            block(app, pattern, reason)
        assert caught.value.code == "invalid_field"
        return str(caught.value)

    assert refused("a.example", "x" * (REASON_CHARACTERS + 1)) == "At most 200 characters."
    block(app, "/a{200}/")
    assert "too large with this one" in refused("/b{200}/")
    block(app, "/b/")
    assert "At most 2 expressions" in refused("/c/")
    block(app, "/b/", "the same is no further one")
    for host in ("a.example", "b.example"):
        block(app, host)
    assert "At most 4 patterns" in refused("c.example")
    block(app, "a.example", "the same is no further one")


def test_a_round_switches_off_what_leads_there(app: RunningApp) -> None:
    keeper = Keeper(app)
    by_url = keeper.link(BAD)
    by_date = keeper.link(GOOD, date_fallback=BAD)
    by_count = keeper.link(GOOD, count_fallback=BAD)
    split = keeper.link(GOOD)
    keeper.call("set_plugin", split, plugin="ab", data={"variants": [{"url": BAD, "weight": 10}]})
    phones = keeper.link(GOOD)
    keeper.call("set_plugin", phones, plugin="mobile", data={"ios": "https://BAD.example"})
    off = keeper.link(BAD, enabled=False)
    # A file's name is no address, whatever it looks like.
    file = app.new_file(filename="https:__bad.example").rpartition("/")[2]
    kept = [keeper.link(GOOD), keeper.link("https://notbad.example/"), f"/{file}"]
    block(app)
    assert keeper.goes(by_url) == BAD, "unless somebody asks for it, what is there stays"
    done = switch_off(app)
    assert (done.is_over, done.failed) == (True, False)
    assert (done.read, done.total, done.off) == (9, 9, 5)
    for path in (by_url, by_date, by_count, split, phones, off):
        assert keeper.goes(path) == 404
        error = app.refused(
            "set_enabled", userid=keeper.userid, shorturl=keeper.short_url(path), enabled=True
        )
        assert error["code"] == "destination_blocked"
    assert all(keeper.goes(path) != 404 for path in kept)
    assert switch_off(app).off == 0
    with app.services.store.read() as txn:
        assert list(faults(txn)) == []
    # What leads elsewhere now may be on again; so may everything once nothing is blocked.
    keeper.change(by_url, destination=GOOD, enabled=True)
    assert keeper.goes(by_url) == GOOD
    app.run(app.services.blocked.remove("bad.example"))
    keeper.call("set_enabled", off, enabled=True)
    assert keeper.goes(off) == BAD


def test_many_links_are_read_in_stretches(app: RunningApp) -> None:
    keeper = Keeper(app)
    urls = [f"{BAD if number % 3 == 0 else GOOD}{number}" for number in range(400)]
    app.call("urls", userid=keeper.userid, urls=urls)
    reads: list[int] = []
    block(app)

    async def meanwhile() -> Any:
        begun = app.services.links.blocking.start("bad.example")
        assert app.services.links.blocking.start("bad.example") is begun, "one at a time"
        while not begun.is_over:
            reads.append(begun.read)
            await asyncio.sleep(0)
        return begun

    begun = app.run(meanwhile())
    assert (begun.off, begun.read, begun.failed) == (134, 400, False)
    assert len(set(reads)) > 4, "others have had their turn in between"
    assert app.services.links.blocking.rounds == (begun,)
    with app.services.store.read() as txn:
        enabled = [link.enabled for _, link in LINKS.scan(txn)]
    assert enabled.count(False) == 134


def test_what_cannot_be_read_any_more_leaves_the_rest(app: RunningApp) -> None:
    """A pattern of a newer version, say."""
    store = app.services.store
    row = BlockedPattern("/(?=new)/", 1)
    table = BLOCKED_PATTERNS

    def put(txn: Any) -> None:
        table.put(txn, (row.text,), row)
        table.put(txn, ("bad.example",), msgspec.structs.replace(row, text="bad.example"))

    app.run(store.write(put))
    assert len(BlockedDestinations(store)) == 1
    assert app.refused("url", userid=app.userid, url=BAD)["code"] == "destination_blocked"
