"""The sweeper takes what time has ended, all of it, and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from shortd.clicks import history
from shortd.clock import DAY, SECOND
from shortd.ids import token_digest
from shortd.models.accounts import Account, AccountType, Token
from shortd.models.common import ACCOUNT_NEVER
from shortd.store.check import faults
from shortd.store.portions import ROWS_PER_WRITE
from shortd.store.schema import (
    ACCOUNTS,
    BALANCES,
    COUNTS,
    DAY_STATS,
    LINKS,
    STRINGS,
    TOKENS,
    VISITS,
    VISITS_DUE,
)
from shortd.store.table import Table
from shortd.store.txn import WriteTxn
from shortd.store.visit_packs import NEWEST_VISITS
from shortd.testing import RunningApp
from shortd.upkeep.sweeper import SWEEP_SECONDS
from tests.kept_visits import kept_visits

PASSWORD = "ab" * 32


def keys(app: RunningApp, table: Table[Any, Any]) -> list[Any]:
    with app.services.store.read() as txn:
        return [key for key, _ in table.scan(txn)]


def owners(app: RunningApp) -> set[str]:
    with app.services.store.read() as txn:
        return {link.owner for _, link in LINKS.scan(txn)}


def write(app: RunningApp, function: Any) -> None:
    app.run(app.services.store.write(function))


def guest(app: RunningApp, links: int = 1) -> str:
    """A temporary account with links that were visited, all drained and saved."""
    userid: str = app.call("temporary_account")["userid"]
    urls = [f"https://example.com/{number}" for number in range(links)]
    for start in range(0, links, 1000):
        app.call("urls", userid=userid, urls=urls[start : start + 1000])
    entries = app.call("get_entries", userid=userid, count=3)["entries"]
    for entry in entries:
        # So many, and so different ones, that days and visits get rows of their own.
        for number in range(NEWEST_VISITS + 1):
            app.get(
                entry["shorturl"], headers={"accept-language": "abcdefghijklmn"[number % 14] * 2}
            )
    app.drain()
    app.run(app.services.limits.budgets.save())
    return userid


def sound(app: RunningApp) -> bool:
    with app.services.store.read() as txn:
        return list(faults(txn)) == []


def test_a_temporary_account_goes_with_everything_that_was_its(app: RunningApp) -> None:
    ended = guest(app)
    app.clock.advance(1)
    staying = guest(app)
    app.clock.advance(30 * 86_400 - 2)
    app.sweep()
    assert set(keys(app, ACCOUNTS)) == {(ended,), (staying,)}
    app.clock.advance(1)
    app.sweep()
    assert keys(app, ACCOUNTS) == [(staying,)]
    assert owners(app) == {staying}
    for table in (LINKS, COUNTS, DAY_STATS, VISITS, VISITS_DUE):
        assert len(keys(app, table)) == 1, table.name
    assert len(visits(app)) == NEWEST_VISITS + 1
    assert not [key for (key,) in keys(app, BALANCES) if ended in key]
    assert sound(app)


@pytest.mark.parametrize("links", [ROWS_PER_WRITE - 1, ROWS_PER_WRITE, 2 * ROWS_PER_WRITE + 1])
def test_an_account_of_many_links_goes_in_several_steps(app: RunningApp, links: int) -> None:
    guest(app, links)
    app.clock.advance(31 * 86_400)
    app.sweep()
    for table in (ACCOUNTS, LINKS, COUNTS, DAY_STATS, VISITS, VISITS_DUE, STRINGS):
        assert keys(app, table) == [], table.name
    assert sound(app)


def test_the_links_of_an_ended_account_are_gone_before_the_sweep(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
    assert app.get(entry["shorturl"]).status_code == 302
    app.clock.advance(30 * 86_400)
    assert app.get(entry["shorturl"]).status_code == 404
    app.sweep()
    assert app.get(entry["shorturl"]).status_code == 404


def test_an_account_that_signs_up_stays_with_its_links(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
    app.call("signup", userid=userid, email="a@example.com", password=PASSWORD)
    app.clock.advance(31 * 86_400)
    app.sweep()
    assert keys(app, ACCOUNTS) == [(userid,)]
    assert app.get(entry["shorturl"]).status_code == 302


def test_one_that_signs_up_while_the_sweep_comes_to_it_stays(app: RunningApp) -> None:
    """The sweep found it ended; by the time of its write it is not."""
    userid = app.call("temporary_account")["userid"]
    app.clock.advance(31 * 86_400)
    registered = Account(userid, AccountType.REGISTERED, 0, ACCOUNT_NEVER, "a@example.com")

    async def race() -> None:
        sweep = asyncio.create_task(app.services.upkeep.sweeper.sweep())
        original = app.services.store.write

        async def convert_first(function: Any, *options: Any) -> Any:
            app.services.store.write = original  # type: ignore[method-assign]
            await original(lambda txn: ACCOUNTS.put(txn, (userid,), registered))
            return await original(function, *options)

        with patch.object(app.services.store, "write", convert_first):
            await sweep

    app.run(race())
    assert keys(app, ACCOUNTS) == [(userid,)]


def test_clicks_that_come_to_be_drained_after_the_sweep_are_dropped(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
    app.get(entry["shorturl"])
    app.clock.advance(31 * 86_400)
    app.sweep()
    app.drain()
    assert keys(app, COUNTS) == []
    assert sound(app)


def test_ended_logins_go(app: RunningApp) -> None:
    first = app.call("signup", email="a@example.com", password=PASSWORD)
    app.clock.advance(86_400)
    second = app.call("login", username_email="a@example.com", password=PASSWORD)
    userid = first["userid"]
    app.clock.advance(29 * 86_400 - 1)
    app.sweep()
    assert len(keys(app, TOKENS)) == 2
    app.clock.advance(1)
    app.sweep()
    assert keys(app, TOKENS) == [(userid, token_digest(second["token"]))]


def test_any_number_of_logins_is_looked_through(app: RunningApp) -> None:
    now = app.clock.now()

    def put(txn: WriteTxn) -> None:
        for number in range(2 * ROWS_PER_WRITE + 1):
            expiration = now if number % 2 else now + SECOND
            key = (f"user{number % 3}", token_digest(str(number)))
            TOKENS.put(txn, key, Token(key[0], 0, expiration))

    write(app, put)
    app.sweep()
    assert len(keys(app, TOKENS)) == ROWS_PER_WRITE + 1
    app.clock.advance(1)
    app.sweep()
    assert keys(app, TOKENS) == []


def visits(app: RunningApp) -> list[int]:
    with app.services.store.read() as txn:
        return [visit.utime for visit in kept_visits(txn)]


def test_visits_are_kept_for_as_long_as_configured(app: RunningApp) -> None:
    app.call("signup", email="a@example.com", password=PASSWORD)
    login = app.call("login", username_email="a@example.com", password=PASSWORD)
    entry = app.call(
        "url", userid=login["userid"], token=login["token"], url="https://example.com/"
    )["entry"]
    times = []
    for _ in range(4):
        times.append(app.clock.now())
        app.get(entry["shorturl"])
        app.clock.advance(86_400)
    app.drain()
    app.sweep()
    assert visits(app) == times
    app.clock.utime = times[1] + 90 * DAY
    app.sweep()
    assert visits(app) == times[1:]
    app.clock.utime += 1
    app.sweep()
    assert visits(app) == times[2:]
    # New ones follow in their place, and the counts never forget.
    app.get(entry["shorturl"])
    app.drain()
    assert len(visits(app)) == 3
    app.clock.advance(100 * 86_400)
    app.sweep()
    assert visits(app) == []
    with app.services.store.read() as txn:
        [((link_id,), counts)] = COUNTS.scan(txn)
        assert (counts.count, counts.visits, counts.visit_serial) == (5, 0, 5)
        assert sum(stats.total for _, stats in history.days(txn, link_id)) == 5
    app.get(entry["shorturl"])
    app.drain()
    assert len(visits(app)) == 1


@contextmanager
def read_rows(*tables: Table[Any, Any]) -> Iterator[Counter[str]]:
    """How many rows of these tables are read, by their names."""
    read: Counter[str] = Counter()
    with ExitStack() as undo:
        for table in tables:

            def counted(
                raw: Any, name: str = table.name, decode: Callable[[Any], Any] = table.decode
            ) -> Any:
                read[name] += 1
                return decode(raw)

            undo.enter_context(patch.object(table, "decode", counted))
        yield read


def test_what_is_not_due_is_not_read(app: RunningApp) -> None:
    """However much there is of it."""
    guest(app, 300)
    with app.services.store.read() as txn:
        codes = [link.code for _, link in LINKS.scan(txn)]
    for code in codes:
        app.get(f"/{code}")
    app.drain()
    now = app.clock.now()

    def put(txn: WriteTxn) -> None:
        for number in range(300):
            key = (f"user{number}", token_digest(str(number)))
            TOKENS.put(txn, key, Token(key[0], 0, now + DAY * (1 + number)))

    write(app, put)
    app.clock.advance(20 * 86_400)
    with read_rows(COUNTS, VISITS, TOKENS) as read:
        app.sweep()
    # Nothing but the logins that have ended by then.
    assert read == {"tokens": 20}
    assert len(keys(app, VISITS_DUE)) == 300
    assert len(keys(app, TOKENS)) == 280


def test_old_visits_are_read_and_no_others(app: RunningApp) -> None:
    app.call("signup", email="a@example.com", password=PASSWORD)
    login = app.call("login", username_email="a@example.com", password=PASSWORD)
    who = {"userid": login["userid"], "token": login["token"]}
    shorturls = []
    for number in range(30):
        entry = app.call("url", **who, url=f"https://example.com/{number}")["entry"]
        shorturls.append(entry["shorturl"])
        app.get(entry["shorturl"])
        app.drain()
        app.clock.advance(86_400 if number < 29 else 0)
    app.clock.utime += 60 * DAY
    app.sweep()
    assert len(visits(app)) == 30
    # One that comes later does not hide that the first is due.
    app.get(shorturls[0])
    app.drain()
    app.clock.utime += 4 * DAY
    with read_rows(COUNTS) as read:
        app.sweep()
    assert len(visits(app)) == 30 + 1 - 3
    assert read["counts"] < 20
    assert len(keys(app, VISITS_DUE)) == 28
    assert sound(app)


def test_any_number_of_visits_goes(app: RunningApp) -> None:
    app.call("signup", email="a@example.com", password=PASSWORD)
    login = app.call("login", username_email="a@example.com", password=PASSWORD)
    entry = app.call(
        "url", userid=login["userid"], token=login["token"], url="https://example.com/"
    )["entry"]
    with patch("shortd.store.portions.ROWS_PER_WRITE", 3):
        for number in (2, 3, 4, 6, 7):
            for _ in range(number):
                app.get(entry["shorturl"])
            app.drain()
            app.clock.advance(91 * 86_400)
            app.sweep()
            assert visits(app) == []


def run_until(app: RunningApp, enough: asyncio.Event) -> None:
    """Lets round follow round."""

    async def work() -> None:
        background = asyncio.create_task(app.services.upkeep.sweeper.run())
        await asyncio.wait_for(enough.wait(), 60)
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)

    with patch("shortd.upkeep.sweeper.SWEEP_SECONDS", 0):
        app.run(work())


def test_a_sweep_that_fails_is_followed_by_the_next(app: RunningApp) -> None:
    rounds = asyncio.Event()
    calls = []

    async def sweep() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the disk is gone")
        rounds.set()

    with patch.object(app.services.upkeep.sweeper, "sweep", sweep):
        run_until(app, rounds)
    assert len(calls) >= 2


def test_visits_whose_sweep_fails_do_not_wait_six_hours(app: RunningApp) -> None:
    """Nor do they wait for the other sweeps to succeed."""
    sweeps: list[str] = []
    enough = asyncio.Event()

    async def sweep() -> None:
        sweeps.append("all")
        if len(sweeps) > 6:
            enough.set()
        raise OSError("the disk is gone")

    async def sweep_visits() -> None:
        sweeps.append("visits")
        if sweeps.count("visits") < 3:
            raise OSError("the disk is gone")

    sweeper = app.services.upkeep.sweeper
    with patch.multiple(sweeper, sweep=sweep, sweep_visits=sweep_visits):
        run_until(app, enough)
    assert sweeps[:7] == [*3 * ["all", "visits"], "all"]


def test_visits_are_swept_every_six_hours(app: RunningApp) -> None:
    six_hours = 6 * 3600 // SWEEP_SECONDS
    expected = 2 * ["all", "visits", *(six_hours - 1) * ["all"]]
    sweeps: list[str] = []
    enough = asyncio.Event()

    async def sweep() -> None:
        sweeps.append("all")
        if len(sweeps) > len(expected):
            enough.set()

    async def sweep_visits() -> None:
        sweeps.append("visits")

    sweeper = app.services.upkeep.sweeper
    with patch.multiple(sweeper, sweep=sweep, sweep_visits=sweep_visits):
        run_until(app, enough)
    assert sweeps[: len(expected)] == expected
