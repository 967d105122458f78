"""A clock that is wrong by days removes nothing, however it came to be so and however it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from shortd.control.commands import run
from shortd.store.schema import TABLES
from shortd.testing import FakeClock, RunningApp, open_app
from tests.api.v1.people import client
from tests.api.v2.people import Person
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

HOUR, DAY, YEAR = 3600, 86_400, 366 * 86_400
PASSWORD = "ab" * 32
MOVING = ("meta", "positions", "balances")
"""Tables that every start and every call writes to."""

OTHERS = {"journal", "clicks", "storage", "files"}
"""Parts of a server's health that have nothing to do with the clock."""


class Home:
    """A data directory with something of everything that ends by its time."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.folder = folder
        self.clock = clock

    def open(self, folder: Path | None = None) -> Any:
        return open_app(folder or self.folder, clock=self.clock, environ=GENEROUS)

    def furnish(self) -> None:
        with self.open() as app:
            self.link = app.new_link(expiration_count=100)
            self.file = app.new_file(b"Hello")
            self.guest = app.userid
            self.login = app.call(
                "signup", username="eve", email="eve@example.org", password=PASSWORD
            )
            ann, ben = client(app, "ann"), client(app, "ben")
            ann.ask("entity/team/member/add", teamId=ann.found().id, member="ben")
            made = ben.link()
            unique = ben.short_url(made)
            ben.ask(
                "entity/link/redirect", linkId=f"{made.id:024x}", clickType=1, uniqueTime=10_000
            )
            app.call("forgot_password", username_email="eve")
            app.call(
                "file_part_initialize", userid=self.guest, filename="film", filesize=10_000_000
            )
            for number in range(40):
                app.visit(self.link, address=f"198.51.100.{number}")
                app.visit(unique, address=f"198.51.100.{number}")
            app.drain()
            self.rows = rows_in(app)

    def is_whole(self, app: RunningApp) -> bool:
        """Whether all is there still, and all of it works."""
        assert app.visit(self.link).status_code == 302
        assert app.visit(self.file).status_code == 302
        app.call("get_account_info", userid=self.login["userid"], token=self.login["token"])
        rows = rows_in(app)
        assert rows["outbox"] == [], "the mail is under way as soon as the time is right"
        return rows == {**self.rows, "outbox": []}


def rows_in(app: RunningApp) -> dict[str, list[Any]]:
    """The keys of all tables."""
    with app.services.store.read() as txn:
        return {
            table.name: [key for key, _ in table.scan(txn)]
            for table in TABLES
            if table.name not in MOVING
        }


def tidy_up(app: RunningApp) -> None:
    """All that the server does by itself."""
    app.sweep()
    app.deliver()
    undertaker = app.services.upkeep.undertaker
    for work in (undertaker.end_uploads, undertaker.find_orphans, undertaker.bury):
        app.run(work())


def fault(app: RunningApp) -> str | None:
    report = app.get("/-/health").json()
    said: str | None = report["clock"]["fault"]
    # By a clock that is off, mails wait for months, too.
    others = [part["fault"] for name, part in report.items() if name in OTHERS]
    assert not any(others)
    assert report["status"] == ("degraded" if said or report["mail"]["fault"] else "ok")
    return said


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "data", FakeClock())
    home.furnish()
    # Nobody is to be told by an empty house.
    empty = [name for name, keys in home.rows.items() if not keys]
    assert not {"tokens", "codes", "uploads", "sightings", "invitations", "grants"} & set(empty)
    yield home


@pytest.mark.parametrize("days", [4, 40, 3 * 366, 60 * 366, -40, -50 * 366])
def test_a_start_with_a_wrong_clock_removes_nothing(home: Home, tmp_path: Path, days: int) -> None:
    structlog.reset_defaults()
    home.clock.jump(days * DAY)
    with capture_logs() as lines, home.open() as app:
        for _ in range(3):
            tidy_up(app)
            home.clock.advance(1)
        said = fault(app)
        assert said is not None and f"{abs(days)} days" in said
        assert rows_in(app) == home.rows
        # As kill -9 leaves it.
        shutil.copytree(home.folder, tmp_path / "killed")
    assert [line["event"] for line in lines].count("clock_not_believed") == 1
    home.clock.jump(-days * DAY)
    for folder in (home.folder, tmp_path / "killed"):
        with home.open(folder) as app:
            tidy_up(app)
            assert fault(app) is None
            assert home.is_whole(app)


def test_a_clock_that_jumps_while_the_server_runs(home: Home) -> None:
    with home.open() as app:
        for seconds in (3 * YEAR, -3 * YEAR, 5 * DAY, -5 * DAY, -YEAR, YEAR):
            home.clock.jump(seconds)
            tidy_up(app)
            home.clock.advance(60)
        assert fault(app) is None
        assert home.is_whole(app)


def test_small_steps_and_a_night_without_the_server_are_believed(home: Home) -> None:
    home.clock.jump(2 * DAY)
    with home.open() as app:
        tidy_up(app)
        assert fault(app) is None
        home.clock.jump(-HOUR)
        assert fault(app) is None
    assert home.rows["codes"] and not rows_after(home)["codes"]


def test_a_server_that_runs_for_months_needs_no_proof(home: Home) -> None:
    with home.open() as app:
        for _ in range(31 * 12):
            home.clock.advance(2 * HOUR)
            assert fault(app) is None
        tidy_up(app)
        assert (home.guest,) not in rows_in(app)["accounts"]


def test_a_machine_that_sleeps_for_weeks_needs_none_either(home: Home) -> None:
    with home.open() as app:
        home.clock.advance(31 * DAY)
        tidy_up(app)
        assert fault(app) is None
        assert (home.guest,) not in rows_in(app)["accounts"]


def test_a_time_that_goes_on_evenly_proves_itself(home: Home) -> None:
    """Nobody visited for two months."""
    home.clock.jump(60 * DAY)
    with home.open() as app:
        for _ in range(11):
            home.clock.advance(HOUR)
            tidy_up(app)
        assert rows_in(app) == home.rows
        home.clock.advance(HOUR + 1)
        tidy_up(app)
        assert fault(app) is None
        assert (home.guest,) not in rows_in(app)["accounts"]
    with home.open() as app:
        assert fault(app) is None, "and need not do so again"


def test_a_time_that_is_set_again_has_to_prove_itself_anew(home: Home) -> None:
    home.clock.jump(60 * DAY)
    with home.open() as app:
        for _ in range(30):
            home.clock.advance(HOUR)
            home.clock.jump(DAY)
            tidy_up(app)
        assert fault(app) is not None
        assert rows_in(app) == home.rows


def test_each_start_has_to_prove_it_anew(home: Home) -> None:
    """A server that somebody restarts each hour knows less of the time than one that runs."""
    home.clock.jump(3 * YEAR)
    for _ in range(14):
        with home.open() as app:
            home.clock.advance(HOUR)
            tidy_up(app)
            assert rows_in(app) == home.rows


def test_the_operator_may_say_that_it_is_right(home: Home) -> None:
    home.clock.jump(60 * DAY)
    with home.open() as app:
        tidy_up(app)
        assert rows_in(app) == home.rows
        (told,) = app.run(run(app.services, "clock believe", {}))[0]
        assert told.startswith("It is 2024-01-13")
        assert fault(app) is None
        tidy_up(app)
        assert (home.guest,) not in rows_in(app)["accounts"]
    with home.open() as app:
        assert fault(app) is None


def rows_after(home: Home) -> dict[str, list[Any]]:
    with home.open() as app:
        tidy_up(app)
        return rows_in(app)


def test_and_may_say_so_while_no_server_runs(home: Home) -> None:
    """To this machine's clock, the house was left years ago."""
    done = subprocess.run(
        [sys.executable, "-m", "shortd", "clock", "believe", "--data", str(home.folder)],
        env={**os.environ, "SHORTD_CONFIG": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It is 20")
    home.clock.jump(time.time() - home.clock.now() / 10**6)
    with home.open() as app:
        assert fault(app) is None


# What was made meanwhile


@pytest.mark.parametrize("seconds", [300, HOUR, 2 * DAY, 40 * DAY, 3 * YEAR, 60 * YEAR])
def test_links_made_while_it_ran_ahead_do_not_stand_above_later_ones(
    home: Home, seconds: float
) -> None:
    with home.open() as app:
        eve = Person(app, home.login["userid"], home.login["token"])
        early = [eve.shorten()["shorturl"] for _ in range(2)]
        home.clock.jump(seconds)
        # Her login is over by that clock.
        login = app.call("login", username_email="eve", password=PASSWORD)
        late = Person(app, login["userid"], login["token"])
        wrong = [late.shorten()["shorturl"] for _ in range(3)]
        # As happens every two seconds.
        app.run(app.services.timeline.save())
        home.clock.advance(60)
        home.clock.jump(-seconds)
        tidy_up(app)
        home.clock.advance(60)
        later = [eve.shorten()["shorturl"] for _ in range(2)]
        home.clock.advance(1)
        now = home.clock.now()
        utimes = {entry["shorturl"]: entry["utime"] for entry in eve.entries(count=100)}
        assert all(utimes[made] <= now for made in early + later)
        if seconds > 3 * DAY:
            in_order = [utimes[made] for made in early + wrong + later]
            assert in_order == sorted(in_order)
            assert in_order[-1] <= now


def test_what_a_new_directory_was_told_by_a_wrong_clock(tmp_path: Path) -> None:
    """Its first start has nothing to compare with: the time is known to be wrong once another has
    proven itself."""
    home = Home(tmp_path / "new", FakeClock())
    home.clock.jump(3 * YEAR)
    with home.open() as app:
        link = app.new_link()
        userid = app.userid
    home.clock.jump(-3 * YEAR)
    with home.open() as app:
        assert fault(app) is not None
        for _ in range(13):
            home.clock.advance(HOUR)
            tidy_up(app)
        assert fault(app) is None
        entry = app.call("get_entry", userid=userid, shorturl=link)["entry"]
        assert entry["utime"] <= home.clock.now()


def test_mail_goes_on_behind_a_clock_that_ran_ahead(home: Home) -> None:
    home.clock.jump(3 * YEAR)
    with home.open() as app:
        for _ in range(5):
            app.call("forgot_password", username_email="eve")
            home.clock.advance(1)
    home.clock.jump(-3 * YEAR)
    home.clock.advance(DAY)
    with home.open() as app:
        app.call("forgot_password", username_email="eve")
        app.deliver()
        assert app.services.mail.delivery.outcomes["delivered"] == 1


# A real process


def ahead(seconds: int) -> str:
    return (
        "import time\nreal = time.time_ns\n"
        f"time.time_ns = lambda: real() + {seconds} * 1_000_000_000\n"
    )


def test_a_server_that_is_killed_while_its_clock_runs_ahead(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data, GENEROUS)
    server.start()
    userid = server.call("temporary_account")["userid"]
    link = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    server.kill()
    wrong = ServerProcess(data, GENEROUS, prelude=ahead(3 * YEAR))
    wrong.start()
    wrong.kill()
    assert '"clock_not_believed"' in wrong.log
    server = ServerProcess(data, GENEROUS)
    server.start()
    assert server.call("get_entry", userid=userid, shorturl=_here(server, link))["entry"]
    assert server.stop() == 0


def _here(server: ServerProcess, link: str) -> str:
    return server.url + link[link.rindex("/") :]
