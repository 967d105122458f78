"""Copies of a database: whole or not there, and none is begun without room for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest
from structlog.testing import capture_logs

from shortd.models.accounts import Account, AccountType
from shortd.store import VERSION_KEY, Store, StoreError, copies, migrations
from shortd.store.copies import compact, forget_old_schemas, keep_copy
from shortd.store.data_directory import DataDirectoryInUse
from shortd.store.schema import ACCOUNTS, META, SCHEMA_VERSION
from shortd.store.txn import WriteTxn
from tests.store.things import write

DAY_SECONDS = 86_400
COPY = f"db-before-schema-{SCHEMA_VERSION}"


def account(number: int) -> Account:
    return Account(f"{number:032}", AccountType.REGISTERED, 0, email=f"{number}@{'x' * 200}")


def fill(txn: WriteTxn) -> None:
    for number in range(2000):
        row = account(number)
        ACCOUNTS.put(txn, (row.userid,), row)


def empty(txn: WriteTxn) -> None:
    for number in range(1, 2000):
        ACCOUNTS.delete(txn, (account(number).userid,))


def make(directory: Path, *functions: Callable[[WriteTxn], object]) -> None:
    store = Store(directory, reserve_bytes=1 << 20)
    for function in functions:
        write(store, function)
    store.close()


def accounts(directory: Path) -> list[Account]:
    store = Store(directory, make=False)
    try:
        with store.read() as txn:
            return [row for _, row in ACCOUNTS.scan(txn)]
    finally:
        store.close()


def content(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in files
        if path.name not in ("lock", "lock.mdb")
    }


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves a MiB on the disk."""

    def answer(path: object) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 10**6, 256, 256, 0, 0, 0, 0, 255))

    monkeypatch.setattr("shortd.store.copies.os.statvfs", answer)


class TestCompacting:
    def test_it_gives_back_what_was_deleted(self, tmp_path: Path) -> None:
        make(tmp_path, fill, empty)
        before, after = compact(tmp_path)
        assert before > 4 * after
        assert (tmp_path / "db/data.mdb").stat().st_size == after
        assert (tmp_path / "db/data.mdb").stat().st_mode & 0o777 == 0o600
        assert accounts(tmp_path) == [account(0)]
        assert not list(tmp_path.glob("db-compact*"))

    def test_not_while_somebody_has_it(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        with pytest.raises(DataDirectoryInUse):
            compact(tmp_path)
        store.close()

    def test_not_without_room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make(tmp_path, fill)
        fill_disk(monkeypatch)
        before = content(tmp_path)
        with pytest.raises(StoreError, match=r"MiB free on the disk .* nothing was changed"):
            compact(tmp_path)
        assert content(tmp_path) == before

    def test_a_copy_that_lacks_rows_takes_no_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make(tmp_path, fill)
        other = tmp_path / "other"
        make(other)
        before = content(tmp_path)

        def wrong(environment: lmdb.Environment, copy: Path) -> None:
            with lmdb.open(str(other / "db"), max_dbs=128) as another:
                keep_copy(another, copy)

        monkeypatch.setattr(copies, "keep_copy", wrong)
        with pytest.raises(StoreError, match="lacks rows"):
            compact(tmp_path)
        assert content(tmp_path) == before

    def test_a_kill_leaves_the_old_one(self, tmp_path: Path) -> None:
        make(tmp_path, fill, empty)
        child = os.fork()
        if child == 0:
            # At the last moment before the copy has its place.
            Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore
            compact(tmp_path)
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        assert accounts(tmp_path) == [account(0)]
        compact(tmp_path)
        assert accounts(tmp_path) == [account(0)]
        assert not list(tmp_path.glob("db-compact*"))


def make_older(txn: WriteTxn) -> None:
    META.put(txn, VERSION_KEY, 1)


class TestUpgrading:
    def test_the_old_one_is_kept_and_the_way_back_told(self, tmp_path: Path) -> None:
        make(tmp_path, fill, make_older)
        with capture_logs() as logged:
            make(tmp_path)
        (told,) = [line for line in logged if line["event"] == "schema_migrated"]
        assert told["way_back"] == f"shortd restore {tmp_path / COPY} --data {tmp_path}"
        assert (tmp_path / COPY / "data.mdb").is_file()
        assert not list(tmp_path.glob("*.partial"))

    def test_without_room_nothing_is_touched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make(tmp_path, fill, make_older)
        fill_disk(monkeypatch)
        before = content(tmp_path)
        with pytest.raises(StoreError, match=r"the upgrade from schema 1 .* nothing was changed"):
            Store(tmp_path)
        assert content(tmp_path) == before

    def test_a_row_that_cannot_be_read_stops_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def spoil(txn: WriteTxn) -> None:
            txn.raw.put(b"x", b"\xc1", db=txn.databases["accounts"])

        make(tmp_path, fill, spoil, make_older)
        with pytest.raises(StoreError, match="it is as it was; start the older version"):
            Store(tmp_path)
        monkeypatch.setattr("shortd.store.SCHEMA_VERSION", 1)
        store = Store(tmp_path)
        with store.read() as txn:
            assert META.get(txn, VERSION_KEY) == 1
        store.close()

    def test_a_copy_of_an_earlier_try_is_replaced(self, tmp_path: Path) -> None:
        make(tmp_path, fill, make_older)
        (tmp_path / COPY).mkdir()
        (tmp_path / COPY / "data.mdb").write_bytes(b"torn")
        (tmp_path / f"{COPY}.partial").mkdir()
        make(tmp_path)
        with lmdb.open(str(tmp_path / COPY), max_dbs=128, readonly=True, lock=False) as kept:
            assert kept.stat()["entries"] > 0

    def test_every_older_schema_has_a_step(self) -> None:
        assert sorted(migrations.STEPS) == list(range(1, SCHEMA_VERSION))


def test_databases_of_older_schemas_go_after_their_time(tmp_path: Path) -> None:
    for name, age in (("2", 40), ("3", 20)):
        folder = tmp_path / f"db-before-schema-{name}"
        folder.mkdir()
        (folder / "data.mdb").write_bytes(b"")
        then = 1_800_000_000 - age * DAY_SECONDS
        os.utime(folder / "data.mdb", (then, then))
    (tmp_path / "db-before-fix-20261129T000000Z").mkdir()
    gone = forget_old_schemas(tmp_path, 1_800_000_000 - 30 * DAY_SECONDS)
    assert [path.name for path in gone] == ["db-before-schema-2"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "db-before-schema-3",
        "db-before-fix-20261129T000000Z",
    }
