"""Commands that only look write nothing at all, whatever they find."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from shortd.store import Store
from shortd.store.schema import META, SCHEMA_VERSION
from shortd.testing import open_app
from tests.api.v2.people import temporary
from tests.commands.shell import Shell, snapshot
from tests.store.things import write

DATA = Path("shortd-data")
LOOKS = [
    ("user", "list"),
    ("team", "list"),
    ("team", "members", "shop"),
    ("domain", "list"),
    ("domain", "list", "--team", "ann"),
    ("campaign", "list", "shop"),
    ("tracker", "list", "ann"),
    ("user", "show", "ann"),
    ("user", "sessions", "ann"),
    ("user", "keys", "ann"),
    ("link", "list"),
    ("link", "list", "--owner", "ann"),
    ("link", "search", "example"),
    ("link", "blocked"),
    ("status",),
    ("mail", "list"),
    ("audit",),
    ("doctor",),
    ("stats", "verify"),
    ("config", "check"),
    ("config", "show"),
    ("plugins",),
]


@pytest.fixture
def lived_in(shell: Shell) -> Shell:
    """Data with something of most kinds, and a click that a killed server has left uncounted."""
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    shell.did("team", "add", "ann", "Shop")
    shell.did("domain", "add", "go.example", "shop")
    shell.did("mail", "test", "ann@nowhere.example")
    with open_app(DATA) as app:
        url = app.call("url", userid=temporary(app).userid, url="https://example.com/")
        path = url["entry"]["shorturl"].removeprefix("http://127.0.0.1:8080")
        assert app.get(path).status_code == 302
        app.services.clicks.clicks.flush()
        shutil.copytree(DATA / "journal", "journal")
    shutil.rmtree(DATA / "journal")
    Path("journal").rename(DATA / "journal")
    return shell


def test_nothing_is_written(lived_in: Shell) -> None:
    before = snapshot(Path())
    for command in LOOKS:
        assert lived_in.did(*command), command
        assert snapshot(Path()) == before, command


def test_a_place_where_nobody_may_write_will_do(
    lived_in: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup on a disk that is mounted to be read."""
    known = os.open

    def refuse(path: str | Path, flags: int, *mode: int, **options: int) -> int:
        inside = DATA.absolute() in Path(os.fsdecode(path)).absolute().parents
        assert not inside or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), path
        return known(path, flags, *mode, **options)

    (DATA / "lock").unlink()
    monkeypatch.setattr(os, "open", refuse)
    for command in LOOKS:
        assert lived_in.did(*command), command
    monkeypatch.undo()
    assert not (DATA / "lock").exists()


def test_an_older_database_is_read_and_not_migrated(lived_in: Shell) -> None:
    make_older(DATA)
    before = snapshot(DATA)
    for command in LOOKS:
        if command[0] in ("config", "plugins"):
            continue
        shown = lived_in.did(*command)
        assert snapshot(DATA) == before, command
        if command != ("doctor",):
            continue
        schemas = f"Schema {SCHEMA_VERSION - 1}: the next start of the server makes it"
        assert shown.startswith(f"{schemas} {SCHEMA_VERSION}, after a copy.")
        assert shown.endswith("Everything stored agrees with itself.\n")


def test_what_acts_does_not_migrate_either(lived_in: Shell) -> None:
    """Or an upgrade would happen while somebody asks for an API key."""
    make_older(DATA)
    Path("links.csv").write_text("url\nhttps://example.org/\n")
    before = snapshot(DATA)
    for command in (
        ("user", "lock", "ann"),
        ("stats", "rebuild"),
        ("import", "csv", "links.csv", "--account", "ann"),
    ):
        refusal = lived_in.refused(*command)
        assert f"an older shortd (schema {SCHEMA_VERSION - 1}" in refusal
        assert "start the server" in refusal
    after = snapshot(DATA)
    for moving in (str(DATA / "lock"), str(DATA / "db" / "lock.mdb")):
        before.pop(moving), after.pop(moving)
    assert after == before


def test_a_newer_database_is_refused(lived_in: Shell) -> None:
    store = Store(DATA)
    write(store, lambda txn: META.put(txn, ("schema_version",), SCHEMA_VERSION + 1))
    store.close()
    before = snapshot(DATA)
    for command in (("user", "list"), ("doctor",)):
        assert "written by a newer shortd" in lived_in.refused(*command)
    assert "written by a newer shortd" in lived_in.refused("config", "check", status=2)
    assert snapshot(DATA) == before


def test_what_is_no_database_is_told(shell: Shell) -> None:
    (DATA / "db" / "data.mdb").write_bytes(b"not a database" * 1000)
    for command in (("user", "list"), ("doctor",), ("stats", "verify")):
        assert f"cannot read the database in {DATA.absolute()}" in shell.refused(*command)


def test_two_may_look_at_once_and_nobody_may_act_meanwhile(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shortd.control import asking

    monkeypatch.setattr(asking, "START_SECONDS", 0.3)
    with (DATA / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert shell.did("user", "list").startswith("USERID")
        assert shell.did("doctor")
        refusal = shell.refused("user", "add", "ann@nowhere.example")
        assert f"{DATA.absolute()} is in use by another shortd" in refusal
        assert "try again" in refusal
    shell.did("user", "add", "ann@nowhere.example")


def test_clicks_that_a_killed_server_has_left_are_counted_by_the_next(lived_in: Shell) -> None:
    """Under its own settings, and by no command."""
    lived_in.did("user", "lock", "ann", SHORTD_CLICKS__VISITS_PER_LINK="0")
    lived_in.did("user", "unlock", "ann")
    with open_app(DATA) as app:
        app.drain()
        from shortd.store.schema import COUNTS

        with app.services.store.read() as txn:
            assert [counts.count for _, counts in COUNTS.scan(txn)] == [1]


def make_older(directory: Path) -> None:
    """What a database looked like before the newest schema, as far as these data go."""
    store = Store(directory)
    write(store, lambda txn: META.put(txn, ("schema_version",), SCHEMA_VERSION - 1))
    store.close()


def test_a_report_never_takes_the_place_of_its_source(shell: Shell) -> None:
    """Sources may be all that is left of another server."""
    source = Path("links.csv")
    source.write_text("url\nhttps://example.org/\n")
    Path("answers").mkdir()
    Path("link.csv").symlink_to(source)
    Path("twin.csv").hardlink_to(source)
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    data = DATA / "db" / "data.mdb"
    kept = data.read_bytes()
    for where, report in (
        *(("links.csv", other) for other in ("links.csv", "./links.csv", "link.csv", "twin.csv")),
        *(("link.csv", "links.csv"), ("links.csv", "links.csv-wal"), ("answers", "answers/new")),
        ("links.csv", str(data)),
    ):
        command = ("import", "csv", where, "--account", "ann", "--report", report)
        assert shell.run(*command).exit_code == 2, (where, report)
    assert source.read_text() == "url\nhttps://example.org/\n"
    assert data.read_bytes() == kept
    assert not any(Path("answers").iterdir())
    shell.did("import", "csv", "links.csv", "--account", "ann", "--report", "links.csv.report")
