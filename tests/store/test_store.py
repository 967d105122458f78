"""The data directory: whose it is, which schema it has, and how it gets a newer one."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

import lmdb
import pytest

import shortd.store
from shortd.models.teams import Host
from shortd.store import SchemaTooNew, Store, StoreError, migrations
from shortd.store.data_directory import DataDirectoryInUse
from shortd.store.schema import HOSTS, META, SCHEMA_VERSION
from shortd.store.txn import WriteTxn
from tests.store.things import write

VERSION = ("schema_version",)


def version(store: Store) -> int | None:
    with store.read() as txn:
        return META.get(txn, VERSION)


def put_host(txn: WriteTxn, row: Host) -> None:
    HOSTS.put(txn, ("s.example",), row)


def hosts(store: Store) -> dict[str, Host]:
    with store.read() as txn:
        return {name: row for (name,), row in HOSTS.scan(txn)}


def test_a_new_directory_gets_this_schema(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "data")
    assert version(store) == SCHEMA_VERSION
    store.close()
    assert sorted(path.name for path in (tmp_path / "new" / "data").iterdir()) == ["db", "lock"]


def test_only_the_owner_may_look_and_he_may(tmp_path: Path) -> None:
    """A folder that lacks its x bit opens for root alone, which tests often are."""
    store = Store(tmp_path / "data")
    store.close()
    for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, lambda txn: HOSTS.put(txn, ("s.example",), Host(3, "https://s.example")))
    store.close()
    store = Store(tmp_path)
    assert hosts(store) == {"s.example": Host(3, "https://s.example")}
    store.close()


def test_a_single_row_is_read_as_in_a_transaction(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(HOSTS, ("s.example",)) is None
    for number in (3, 4):
        row = Host(number, "https://s.example")
        write(store, partial(put_host, row=row))
        assert store.get(HOSTS, ("s.example",)) == hosts(store)["s.example"] == row
    with pytest.raises(ValueError, match="NUL"):
        store.get(HOSTS, ("s\0",))
    # Nothing is left open: there is room for as many readers as before.
    for _ in range(1000):
        store.get(HOSTS, ("s.example",))
    store.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(DataDirectoryInUse, match=rf"in use .*\(process {os.getpid()}\)"):
        Store(tmp_path)
    write(store, lambda txn: HOSTS.put(txn, ("still",), Host(0, "https://still")))
    store.close()
    store = Store(tmp_path)
    assert list(hosts(store)) == ["still"]
    store.close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, lambda txn: META.put(txn, VERSION, SCHEMA_VERSION + 1))
    store.close()
    for _ in range(2):  # the second refusal shows that the first let go of everything
        with pytest.raises(SchemaTooNew, match=f"schema {SCHEMA_VERSION + 1}"):
            Store(tmp_path)
    assert not list(tmp_path.glob("db-before-*"))


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "data.mdb").write_bytes(b"not a database" * 1000)
    for _ in range(2):
        with pytest.raises(StoreError) as fault:
            Store(tmp_path)
        assert "cannot open the database" in str(fault.value)
        assert "\n" not in str(fault.value)
        assert not isinstance(fault.value, DataDirectoryInUse)


@pytest.mark.parametrize("served", [True, False], ids=["served", "never served"])
def test_a_database_that_was_emptied_is_not_begun_anew(tmp_path: Path, *, served: bool) -> None:
    Store(tmp_path).close()
    if served:
        (tmp_path / "journal").mkdir()
    database = tmp_path / "db" / "data.mdb"
    os.truncate(database, 0)
    if served:
        with pytest.raises(StoreError, match="is empty, though"):
            Store(tmp_path)
        assert database.stat().st_size == 0
        database.unlink()
    # What a first start that was killed has left is gone on with.
    store = Store(tmp_path)
    assert version(store) == SCHEMA_VERSION
    store.close()


class StepFailed(Exception):
    pass


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data directory of the present schema, which the tests then call an old one."""
    store = Store(tmp_path)
    write(store, lambda txn: HOSTS.put(txn, ("s.example",), Host(0, "http://s.example")))
    store.close()
    return tmp_path


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Makes the program two versions newer; returns which steps ran."""
    ran: list[int] = []

    def rename(txn: WriteTxn) -> None:
        ran.append(1)
        HOSTS.put(txn, ("s.example",), Host(0, "https://s.example"))

    def add(txn: WriteTxn) -> None:
        ran.append(2)
        row = HOSTS.get(txn, ("s.example",))
        assert row == Host(0, "https://s.example"), "the steps run in order, in one transaction"
        HOSTS.put(txn, ("t.example",), Host(1, "https://t.example"))

    monkeypatch.setattr(shortd.store, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setitem(migrations.STEPS, SCHEMA_VERSION, rename)
    monkeypatch.setitem(migrations.STEPS, SCHEMA_VERSION + 1, add)
    return ran


def backed_up(directory: Path) -> dict[str, bytes]:
    """The rows of `hosts` in the backup, still encoded."""
    with (
        lmdb.open(str(directory / f"db-before-schema-{SCHEMA_VERSION + 2}"), max_dbs=64) as backup,
        backup.begin(db=backup.open_db(b"hosts", create=False)) as txn,
    ):
        return {bytes(key).decode(): bytes(value) for key, value in txn.cursor()}


def test_an_older_database_is_migrated_after_a_backup(old: Path, upgrade: list[int]) -> None:
    store = Store(old)
    assert version(store) == SCHEMA_VERSION + 2
    assert upgrade == [1, 2]
    migrated = {
        "s.example": Host(0, "https://s.example"),
        "t.example": Host(1, "https://t.example"),
    }
    assert hosts(store) == migrated
    store.close()
    assert list(backed_up(old)) == ["s.example"]
    assert b"http://s.example" in backed_up(old)["s.example"]

    store = Store(old)
    assert upgrade == [1, 2], "a migrated database is not migrated again"
    assert hosts(store) == migrated
    store.close()


def test_a_backup_can_be_put_back(old: Path, upgrade: list[int]) -> None:
    Store(old).close()
    (old / f"db-before-schema-{SCHEMA_VERSION + 2}").rename(old / "kept")
    (old / "db" / "data.mdb").unlink()
    (old / "db" / "lock.mdb").unlink()
    (old / "kept" / "data.mdb").rename(old / "db" / "data.mdb")
    Store(old).close()
    assert upgrade == [1, 2, 1, 2]


def test_a_migration_that_fails_changes_nothing(
    old: Path, upgrade: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(txn: WriteTxn) -> None:
        HOSTS.delete(txn, ("s.example",))
        raise StepFailed

    whole = migrations.STEPS[SCHEMA_VERSION + 1]
    monkeypatch.setitem(migrations.STEPS, SCHEMA_VERSION + 1, fail)
    for _ in range(2):
        with pytest.raises(StepFailed):
            Store(old)
    monkeypatch.setattr(shortd.store, "SCHEMA_VERSION", SCHEMA_VERSION)
    store = Store(old)
    assert version(store) == SCHEMA_VERSION
    assert hosts(store) == {"s.example": Host(0, "http://s.example")}
    store.close()

    # The backups of the failed tries are in nobody's way.
    monkeypatch.setattr(shortd.store, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setitem(migrations.STEPS, SCHEMA_VERSION + 1, whole)
    store = Store(old)
    assert version(store) == SCHEMA_VERSION + 2
    assert list(hosts(store)) == ["s.example", "t.example"]
    store.close()
    assert b"http://s.example" in backed_up(old)["s.example"]


def test_there_is_a_step_from_every_older_schema() -> None:
    assert sorted(migrations.STEPS) == list(range(1, SCHEMA_VERSION))
