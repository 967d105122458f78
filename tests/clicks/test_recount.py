"""`shortd stats verify` and `rebuild`: what they find, put right, and leave alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from shortd.clicks import JOURNAL, history
from shortd.clock import DAY, SECOND
from shortd.commands.cli import main
from shortd.journal import Journal
from shortd.models.clicks import QR_LOAD, VISIT, Click, DayStats
from shortd.store import Store
from shortd.store.schema import COUNTS, POSITIONS
from shortd.store.txn import WriteTxn
from shortd.testing import open_app
from tests.clicks.population import KINDS, LANGUAGES, SOURCES
from tests.store.things import write

TODAY = 19_675
"""2023-11-14, when the clock of tests begins."""
START = 1_700_000_000 * SECOND


def fill(data_dir: Path, *, kept: int = 1000) -> int:
    """Three days of clicks on one link, of all kinds; its id."""
    environ = {"SHORTD_CLICKS__VISITS_PER_LINK": str(kept)}
    with open_app(data_dir, environ=environ) as app:
        userid = app.call("temporary_account")["userid"]
        link_id: int = app.call("url", userid=userid, url="https://example.com/")["entry"]["id"]
        for number, kind in enumerate(KINDS * 3):
            click = Click(
                link_id,
                START + number // len(KINDS) * DAY,
                VISIT,
                "192.168.1.1",
                kind.user_agent,
                SOURCES[number % len(SOURCES)][0],
                LANGUAGES[number % len(LANGUAGES)][0],
                is_repeat=number % 7 == 6,
            )
            app.services.clicks.clicks.record(click)
            app.services.clicks.clicks.record(Click(link_id, click.utime, QR_LOAD))
            if number % 10 == 0:
                app.drain()
    return link_id


def days(data_dir: Path, link_id: int) -> dict[int, DayStats]:
    store = Store(data_dir)
    try:
        with store.read() as txn:
            return dict(history.days(txn, link_id))
    finally:
        store.close()


def change(data_dir: Path, function: Callable[[WriteTxn], object]) -> None:
    store = Store(data_dir)
    write(store, function)
    store.close()


def stats(command: str, data_dir: Path) -> Result:
    return CliRunner().invoke(main, ["stats", command, "--data", str(data_dir)])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_what_was_counted_stands_up(data_dir: Path) -> None:
    fill(data_dir)
    outcome = stats("verify", data_dir)
    assert (outcome.exit_code, outcome.stdout) == (
        0,
        "1 links; days: 3 same, 0 different, 0 unknown\n",
    )


def test_an_empty_database_stands_up(data_dir: Path) -> None:
    Store(data_dir).close()
    outcome = stats("verify", data_dir)
    assert (outcome.exit_code, outcome.stdout) == (
        0,
        "0 links; days: 0 same, 0 different, 0 unknown\n",
    )


def test_days_are_found_and_put_right(data_dir: Path) -> None:
    link_id = fill(data_dir)
    before = days(data_dir, link_id)

    def spoil(txn: WriteTxn) -> None:
        first = before[TODAY]
        wrong = msgspec.structs.replace(first, dimensions={**first.dimensions, "bot": {"x": 1}})
        history.put_day(txn, link_id, TODAY, wrong)
        history.put_day(txn, link_id, TODAY + 1, None)
        more = msgspec.structs.replace(before[TODAY + 2], total=99)
        history.put_day(txn, link_id, TODAY + 2, more)
        history.put_day(txn, link_id, TODAY + 9, DayStats(5, 0))

    change(data_dir, spoil)
    spoilt = days(data_dir, link_id)
    outcome = stats("verify", data_dir)
    assert outcome.exit_code == 1
    lines = outcome.stdout.splitlines()
    assert lines[0] == f"link {link_id}: 2023-11-14: bot"
    assert lines[1].startswith(f"link {link_id}: 2023-11-15: total 0, visits say ")
    assert lines[2].startswith(f"link {link_id}: 2023-11-16: total 99, visits say ")
    assert lines[3] == f"link {link_id}: 2023-11-23: total 5, visits say 0"
    assert lines[-1] == "1 links; days: 0 same, 4 different, 0 unknown"
    assert days(data_dir, link_id) == spoilt, "to look changes nothing"

    outcome = stats("rebuild", data_dir)
    assert outcome.exit_code == 0
    assert outcome.stdout.endswith("1 links; days: 0 same, 4 rewritten, 0 unknown\n")
    # The loads of the image went with the row that was lost.
    lost = msgspec.structs.replace(before[TODAY + 1], qr_loads=0)
    assert days(data_dir, link_id) == {**before, TODAY + 1: lost}
    assert stats("verify", data_dir).exit_code == 0


def test_nothing_is_said_of_days_whose_visits_are_gone(data_dir: Path) -> None:
    # So many that the last day is there, and half of the one before.
    link_id = fill(data_dir, kept=len(KINDS) * 3 // 2)
    before = days(data_dir, link_id)
    outcome = stats("verify", data_dir)
    assert outcome.stdout == "1 links; days: 1 same, 0 different, 2 unknown\n"

    def spoil(txn: WriteTxn) -> None:
        for day, row in before.items():
            wrong = {**row.dimensions, "country": {"XX": row.total}}
            changed = msgspec.structs.replace(row, dimensions=wrong)
            history.put_day(txn, link_id, day, changed)

    change(data_dir, spoil)
    outcome = stats("rebuild", data_dir)
    assert outcome.stdout.splitlines() == [
        f"link {link_id}: 2023-11-16: country",
        "1 links; days: 0 same, 1 rewritten, 2 unknown",
    ]
    after = days(data_dir, link_id)
    assert after[TODAY + 2] == before[TODAY + 2]
    assert [after[day].dimensions["country"] for day in (TODAY, TODAY + 1)] == [
        {"XX": before[day].total} for day in (TODAY, TODAY + 1)
    ]


def test_a_link_that_was_counted_differently_is_told(data_dir: Path) -> None:
    link_id = fill(data_dir, kept=0)
    total = sum(row.total for row in days(data_dir, link_id).values())

    def spoil(txn: WriteTxn) -> None:
        counts = COUNTS.get(txn, (link_id,))
        assert counts is not None
        COUNTS.put(txn, (link_id,), msgspec.structs.replace(counts, unique=counts.unique + 1))

    change(data_dir, spoil)
    outcome = stats("verify", data_dir)
    assert outcome.exit_code == 1
    assert outcome.stdout.splitlines() == [
        f"link {link_id}: {total} clicks in days, {total + 1} counted",
        "1 links; days: 0 same, 0 different, 3 unknown",
    ]


def test_clicks_that_wait_in_the_journal_are_in_neither(data_dir: Path) -> None:
    link_id = fill(data_dir)
    before = days(data_dir, link_id)
    store = Store(data_dir)
    with store.read() as txn:
        drained = POSITIONS.get(txn, JOURNAL)
    store.close()
    assert drained is not None
    journal = Journal(data_dir / "journal", after=drained)
    assert journal.append(msgspec.msgpack.encode(Click(link_id, START, VISIT)))
    assert journal.flush()
    journal.close()
    assert stats("verify", data_dir).exit_code == 0
    assert stats("rebuild", data_dir).stdout.endswith("days: 3 same, 0 rewritten, 0 unknown\n")
    assert days(data_dir, link_id) == before
    with open_app(data_dir) as app:
        app.drain()
    assert days(data_dir, link_id)[TODAY].total == before[TODAY].total + 1


def test_a_running_server_is_left_alone(data_dir: Path) -> None:
    with open_app(data_dir):
        for command in ("verify", "rebuild"):
            outcome = stats(command, data_dir)
            assert outcome.exit_code == 1
            assert len(outcome.stderr.splitlines()) == 1
