"""What visits may leave behind: how much of it, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd.clicks import Clicks
from shortd.store.check import faults
from shortd.store.schema import COUNTS, DAY_STATS, DEAD_LINKS, SIGHTINGS, VISITS
from shortd.testing import RunningApp, open_app
from shortd.visits.decisions import Visitor
from tests.conftest import GENEROUS
from tests.kept_visits import kept_visits
from tests.links.conftest import keeper
from tests.links.keeper import Keeper
from tests.server.wire import Wire
from tests.server_process import ServerProcess

__all__ = ["keeper"]

MIB = 1 << 20
MARKS = {
    "address": "198.51.100.77",
    "agent": "Mozilla/5.0 (X11; Linux x86_64) Peculiar/7.31",
    "referrer": "https://from.example/inbox/letter?session=TOPSECRET",
    "language": "tlh-Latn",
}
TRACES = [*MARKS.values(), "TOPSECRET", "/inbox", "Peculiar"]


def visit(app: RunningApp, link: str) -> None:
    answer = app.visit(
        link,
        address=MARKS["address"],
        user_agent=MARKS["agent"],
        referrer=MARKS["referrer"],
        language=MARKS["language"],
    )
    assert answer.status_code == 302


def clicks_of(app: RunningApp) -> Clicks:
    return app.services.clicks.clicks


def tidy(app: RunningApp) -> None:
    """What happens within a minute: two rounds, as what one ends goes in the next."""
    app.drain()
    for _ in range(2):
        app.run(app.services.clicks.drain.tidy())


def traces_in(folder: Path, traces: list[str] = TRACES) -> set[tuple[str, str]]:
    """Which of the texts stand in which files."""
    return {
        (file.relative_to(folder).as_posix(), trace)
        for file in folder.rglob("*")
        if file.is_file()
        for trace in traces
        if trace.encode() in file.read_bytes()
    }


def compact_copy(app: RunningApp, folder: Path) -> Path:
    folder.mkdir()
    app.services.store._environment.copy(str(folder), compact=True)
    return folder


# The journal


@pytest.fixture(params=[0, 1000])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningApp]:
    """An app that keeps so many visits of a link."""
    environ = {**GENEROUS, "SHORTD_CLICKS__VISITS_PER_LINK": str(request.param)}
    with open_app(tmp_path / "data", environ=environ) as app:
        yield app


def test_nothing_of_a_visitor_stays_in_the_journal(kept: RunningApp, tmp_path: Path) -> None:
    link = kept.new_link()
    for _ in range(20):
        visit(kept, link)
    data = kept.services.settings.data_dir
    assert traces_in(data / "journal", [MARKS["address"], "from.example"])
    assert not traces_in(data / "journal", ["TOPSECRET", "/inbox"]), "not even for a moment"
    tidy(kept)
    assert traces_in(data / "journal") == set()
    assert sum(file.stat().st_size for file in (data / "journal").iterdir()) == 0
    if not kept.services.settings.clicks.visits_per_link:
        assert traces_in(data) == set()
    # What is deleted is gone from a compact copy, and so from backups.
    kept.call("delete", userid=kept.userid, shorturl=link)
    kept.run(kept.services.upkeep.undertaker.bury())
    assert traces_in(compact_copy(kept, tmp_path / "copy")) == set()


def test_nor_after_a_stop_nor_after_a_crash_and_a_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with open_app(data, environ=GENEROUS) as app:
        visit(app, app.new_link())
    assert list((data / "journal").iterdir()) == []
    with open_app(data, environ=GENEROUS) as app:
        link = app.new_link()
        visit(app, link)
        crashed = tmp_path / "crashed"
        _copy(data, crashed)
        app.drain()
        drained = tmp_path / "drained"
        _copy(data, drained)
    for copy in (crashed, drained):
        assert traces_in(copy / "journal")
        with open_app(copy, environ=GENEROUS) as app:
            tidy(app)
            assert traces_in(copy / "journal") == set()
            # Its count is there, and once.
            with app.services.store.read() as txn:
                assert sorted(row.count for _, row in COUNTS.scan(txn)) == [1, 1]


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file() and file.name not in ("lock", "lock.mdb"):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())


HEADERS = [b"\xff" * 2000, "ä".encode() * 1000, "\U0001f600".encode() * 500, b"a" * 2000]
LASTING = "import shortd.clicks.drain\nshortd.clicks.drain.TIDY_SECONDS = 3600.0"
"""Has what is drained stay in the journal."""
MOST_BYTES = 1800
"""What a visit may take of the journal, whatever its headers hold."""


@pytest.mark.parametrize("lane", ["true", "false"])
def test_a_visit_takes_so_much_of_the_journal_at_most(tmp_path: Path, lane: str) -> None:
    environ = {**GENEROUS, "SHORTD_SERVER__FAST_LANE": lane}
    server = ServerProcess(tmp_path / "data", environ, prelude=LASTING)
    server.start()
    try:
        userid = server.call("temporary_account")["userid"]
        link = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
        code = link.rpartition("/")[2].encode()
        size = 0
        for header in HEADERS:
            names = (b"User-Agent", b"Accept-Language", b"Referer")
            values = (header, header, b"https://" + header)
            lines = b"".join(
                name + b": " + value + b"\r\n" for name, value in zip(names, values, strict=True)
            )
            with Wire(server.port) as wire:
                answer = wire.ask(b"GET /" + code + b" HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
            assert answer.status == 302
            # A click is there before its answer leaves.
            journal = tmp_path / "data" / "journal" / "0000000000000001.clicks"
            before, size = size, journal.stat().st_size
            assert 0 < size - before <= MOST_BYTES
    finally:
        server.kill()


def test_beyond_its_bound_clicks_keep_their_count_alone(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_CLICKS__JOURNAL_BYTES": str(MIB)}
    with open_app(tmp_path / "data", environ=environ) as app:
        link = app.new_link()
        code = link.rpartition("/")[2]
        clicks = clicks_of(app)
        number = 0
        while not clicks.bare:
            visitor = Visitor(app.clock.now(), user_agent="a" * 500, address="203.0.113.1")
            app.services.visits.visits.answer(0, code, visitor)
            clicks.flush()
            number += 1
            assert number < 4000
        assert number > 1500
        assert MIB * 0.9 < clicks.backlog_bytes < MIB * 1.5
        before = clicks.backlog_bytes
        for _ in range(100):
            visit(app, link)
        assert clicks.bare >= 100
        assert clicks.backlog_bytes - before < 100 * 80
        assert "shortd_clicks_bare_total" in app.get("/-/metrics").text
        count = app.call("get_entry", userid=app.userid, shorturl=link)["entry"]["count"]
        assert count == number + 100
        app.drain()
        assert app.call("get_entry", userid=app.userid, shorturl=link)["entry"]["count"] == count
        # Once it is drained, visits are whole again.
        visit(app, link)
        app.drain()
        with app.services.store.read() as txn:
            assert kept_visits(txn)[-1].address == MARKS["address"]


# Visitors who are known again


def sightings(app: RunningApp) -> int:
    with app.services.store.read() as txn:
        return SIGHTINGS.count(txn)


def rows_of_links(app: RunningApp) -> int:
    with app.services.store.read() as txn:
        return sum(t.count(txn) for t in (COUNTS, DAY_STATS, VISITS, SIGHTINGS, DEAD_LINKS))


def visited(keeper: Keeper, visitors: int) -> str:
    path: str = keeper.link(unique_minutes=60)
    for number in range(visitors):
        keeper.goes(path, f"agent {number}")
    keeper.app.drain()
    return path


def test_visitors_of_a_link_who_are_known_again_are_bounded(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_CLICKS__SIGHTINGS_PER_LINK": "5"}
    with open_app(tmp_path / "data", environ=environ) as app:
        keeper = Keeper(app)
        path = visited(keeper, 8)
        assert sightings(app) == 5
        for number in range(8):
            keeper.goes(path, f"agent {number}")
        app.drain()
        # The first five are known, the others count each time.
        assert (keeper.unique(path), keeper.count(path)) == (8 + 3, 16)
        other = visited(keeper, 5)
        assert sightings(app) == 10
        # Whoever's time is over makes room.
        app.clock.advance(3600)
        app.run(app.services.upkeep.sweeper.sweep())
        assert sightings(app) == 0
        keeper.goes(other, "somebody else")
        app.drain()
        assert sightings(app) == 1


def test_who_fetches_a_file_is_in_that_bound_unless_his_click_is_used_up(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_CLICKS__SIGHTINGS_PER_LINK": "5"}
    with open_app(tmp_path / "data", environ=environ) as app:
        for limit, expected in ((0, 5), (100, 5 + 8)):
            file = app.new_file(expiration_count=limit)
            for number in range(8):
                app.visit(file, address=f"198.51.100.{number}")
            app.drain()
            assert sightings(app) == expected


def by_v2(keeper: Keeper, path: str) -> None:
    keeper.call("delete", path)


def by_replacing(keeper: Keeper, path: str) -> None:
    keeper.app.call("url", userid=keeper.userid, url="https://other.example/", code=path[1:])


def by_ending_uniqueness(keeper: Keeper, path: str) -> None:
    keeper.change(path, unique_minutes=0)


def with_its_account(keeper: Keeper, path: str) -> None:
    app = keeper.app
    administration = app.services.upkeep.administration
    app.run(administration.end(keeper.userid, app.clock.now()))


ENDS: list[Callable[[Keeper, str], Any]] = [
    by_v2,
    by_replacing,
    by_ending_uniqueness,
    with_its_account,
]


@pytest.mark.parametrize("end", ENDS)
def test_they_are_forgotten_soon_after_the_end(keeper: Keeper, end: Any) -> None:
    app = keeper.app
    path = visited(keeper, 700)
    assert sightings(app) == 700
    end(keeper, path)
    # As happens every two seconds.
    app.run(app.services.upkeep.undertaker.bury())
    assert sightings(app) == 0
    with app.services.store.read() as txn:
        assert DEAD_LINKS.count(txn) == 0
        assert list(faults(txn)) == []
    if end is not by_ending_uniqueness:
        assert rows_of_links(app) == 0


def test_what_is_not_wholly_gone_yet_is_no_fault(keeper: Keeper) -> None:
    app = keeper.app
    path = visited(keeper, 300)
    keeper.call("delete", path)
    with app.services.store.read() as txn:
        assert DEAD_LINKS.count(txn) == 1
        assert list(faults(txn)) == []
