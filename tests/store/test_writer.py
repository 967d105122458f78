"""The writer thread: group commit, failures that undo only themselves, full maps, shutdown."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import lmdb
import pytest

from shortd import errors
from shortd.models.accounts import Account, AccountType
from shortd.models.limits import Holding
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, EVERYBODY, HOLDINGS, LINKS, META
from shortd.store.sizes import stored_size
from shortd.store.txn import Change, WriteTxn
from shortd.store.writer import BATCH_LIMIT, Writer
from tests.store.things import open_store, write

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "data") as opened:
        yield opened


def commits(store: Store) -> int:
    with store.read() as txn:
        number: int = txn.raw.id()
        return number


def put(name: str, value: int = 1) -> Callable[[WriteTxn], None]:
    return lambda txn: META.put(txn, (name,), value)


def names(store: Store) -> dict[str, int]:
    with store.read() as txn:
        return {name: value for (name,), value in META.scan(txn) if name != "schema_version"}


class Gate:
    """A write function that keeps the writer busy until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._opened = threading.Event()

    def __call__(self, txn: WriteTxn) -> None:
        self.entered.set()
        assert self._opened.wait(60)

    def open(self) -> None:
        self._opened.set()


@contextmanager
def busy(store: Store) -> Iterator[None]:
    """Everything that is queued inside waits behind a running commit, so shares the next one."""
    gate = Gate()
    blocker = asyncio.ensure_future(store.write(gate))
    blocker.get_loop().call_soon(gate.entered.wait, 60)
    try:
        yield
    finally:
        gate.open()


async def queued(
    store: Store, functions: list[Callable[[WriteTxn], Any]]
) -> list[asyncio.Task[Any]]:
    """Tasks whose functions wait in the writer's queue."""
    tasks = [asyncio.create_task(store.write(function)) for function in functions]
    await asyncio.sleep(0)
    return tasks


def put_and_tell(number: int, txn: WriteTxn) -> int:
    META.put(txn, ("n",), number)
    return number


def test_a_result_comes_back_and_a_later_read_sees_the_write(store: Store) -> None:
    async def work() -> None:
        for number in range(20):
            assert await store.write(partial(put_and_tell, number)) == number
            assert names(store) == {"n": number}

    asyncio.run(work())


def test_a_function_that_fails_undoes_only_itself(store: Store) -> None:
    def fail(txn: WriteTxn) -> None:
        META.put(txn, ("kept",), 2)
        META.put(txn, ("lost",), 1)
        META.delete(txn, ("other",))
        raise errors.CODE_TAKEN(field="code")

    def crash(txn: WriteTxn) -> None:
        META.put(txn, ("lost",), 1)
        raise ZeroDivisionError

    async def work() -> list[Any]:
        with busy(store):
            tasks = await queued(store, [put("kept"), fail, put("other"), crash, put("last")])
            before = commits(store)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert commits(store) == before + 1  # what kept it busy changed nothing
        return outcomes

    kept, failed, other, crashed, last = asyncio.run(work())
    assert (kept, other, last) == (None, None, None)
    assert isinstance(failed, errors.ShortdError)
    assert failed.code == "code_taken"
    assert isinstance(crashed, ZeroDivisionError)
    assert names(store) == {"kept": 1, "other": 1, "last": 1}


def test_many_writes_run_in_order_and_share_commits(store: Store) -> None:
    count = 3 * BATCH_LIMIT

    def increment(txn: WriteTxn) -> int:
        number = (META.get(txn, ("n",)) or 0) + 1
        META.put(txn, ("n",), number)
        return number

    async def work() -> list[int]:
        with busy(store):
            tasks = await queued(store, [increment] * count)
        before = commits(store)
        results = await asyncio.gather(*tasks)
        assert commits(store) - before <= 4
        return results

    assert asyncio.run(work()) == list(range(1, count + 1))
    assert names(store) == {"n": count}


def test_a_function_sees_what_the_one_before_it_wrote(store: Store) -> None:
    def check(txn: WriteTxn) -> int | None:
        return META.get(txn, ("first",))

    async def work() -> list[Any]:
        with busy(store):
            tasks = await queued(store, [put("first", 7), check])
        return await asyncio.gather(*tasks)

    assert asyncio.run(work()) == [None, 7]


def test_a_cancelled_caller_stops_nothing(store: Store) -> None:
    async def work() -> None:
        with busy(store):
            first, cancelled, last = await queued(store, [put("a"), put("b"), put("c")])
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        await asyncio.gather(first, last)
        await store.write(put("d"))

    asyncio.run(work())
    assert names(store) == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_a_caller_whose_event_loop_is_gone_stops_nothing(store: Store) -> None:
    gate = Gate()

    async def leave() -> None:
        blocker = asyncio.create_task(store.write(gate))
        await asyncio.sleep(0)
        assert gate.entered.wait(60)
        assert not blocker.done()

    asyncio.run(leave())
    gate.open()
    write(store, put("a"))
    assert names(store) == {"a": 1}


def fill(number: int) -> Callable[[WriteTxn], None]:
    def function(txn: WriteTxn) -> None:
        txn.raw.put(b"fill %d" % number, b"x" * 50_000, db=txn.databases["positions"])

    return function


def filled(store: Store) -> set[bytes]:
    with store.read() as txn:
        cursor = txn.raw.cursor(db=txn.databases["positions"])
        return {cast(bytes, key) for key in cursor.iternext(values=False)}


def test_a_full_map_refuses_writes_and_keeps_all_else_working(tmp_path: Path) -> None:
    with open_store(tmp_path / "data", map_bytes=MIB) as store:
        write(store, put("before"))
        kept = set()
        with pytest.raises(errors.ShortdError) as refusal:
            for number in range(100):
                write(store, fill(number))
                kept.add(b"fill %d" % number)
        assert refusal.value.kind is errors.STORAGE_FULL
        assert len(kept) > 5
        assert filled(store) == kept
        assert names(store) == {"before": 1}
        # Room is found again where rows are deleted.
        write(store, lambda txn: txn.raw.delete(b"fill 0", db=txn.databases["positions"]))
        write(store, lambda txn: txn.raw.delete(b"fill 1", db=txn.databases["positions"]))
        write(store, fill(1))
        assert filled(store) == kept - {b"fill 0"}
    with open_store(tmp_path / "data") as store:
        assert filled(store) == kept - {b"fill 0"}


def test_a_write_that_does_not_fit_fails_alone(tmp_path: Path) -> None:
    def too_much(txn: WriteTxn) -> None:
        META.put(txn, ("half",), 1)
        for number in range(100):
            fill(number)(txn)

    async def work(store: Store) -> list[Any]:
        with busy(store):
            tasks = await queued(store, [put("a"), too_much, put("b")])
        return await asyncio.gather(*tasks, return_exceptions=True)

    with open_store(tmp_path / "data", map_bytes=MIB) as store:
        first, failed, last = asyncio.run(work(store))
        assert (first, last) == (None, None)
        assert isinstance(failed, errors.ShortdError)
        assert failed.kind is errors.STORAGE_FULL
        assert names(store) == {"a": 1, "b": 1}
        assert filled(store) == set()


class FailingEnvironment:
    """An environment whose next commit fails as on a full disk."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment
        self.failing = True

    @contextmanager
    def begin(
        self, write: bool = False, parent: lmdb.Transaction | None = None
    ) -> Iterator[lmdb.Transaction]:
        if parent is not None or not self.failing:
            with self._environment.begin(write=write, parent=parent) as transaction:
                yield transaction
            return
        transaction = self._environment.begin(write=write)
        yield transaction
        transaction.abort()
        self.failing = False
        raise lmdb.DiskError("mdb_txn_commit", errno.ENOSPC)


def test_a_commit_that_fails_fails_all_its_functions(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), max_dbs=1) as environment:
        database = environment.open_db(b"meta")
        failing = FailingEnvironment(environment)
        writer = Writer(failing, {"meta": database})  # type: ignore[arg-type]

        def own_fault(txn: WriteTxn) -> None:
            raise errors.NOT_FOUND()

        async def work() -> list[Any]:
            tasks = [writer.write(put("a")), writer.write(own_fault), writer.write(put("b"))]
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await writer.write(put("later"))
            return outcomes

        first, own, last = asyncio.run(work())
        writer.close()
        assert [first.kind, own.kind] == [errors.STORAGE_FULL, errors.NOT_FOUND]
        # The last may have come too late for that batch; then it is on disk.
        stored = set(environment.begin(db=database).cursor().iternext(values=False))
        assert stored in ({b"later"}, {b"later", b"b"})
        assert (last is None) == (b"b" in stored)


def lmdb_error(text: str, code: int) -> lmdb.Error:
    """What LMDB raises for a fault of the system's: it makes EIO of a write that is cut short."""
    error = lmdb.Error(text)
    vars(error)["code"] = code
    return error


@pytest.mark.parametrize(
    ("fault", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (lmdb.Error("mdb_put: No space left on device"), True),
        (lmdb_error("mdb_txn_commit: Input/output error", errno.EIO), True),
        (lmdb_error("mdb_txn_commit: File too large", errno.EFBIG), True),
        (lmdb_error("mdb_put: Invalid argument", errno.EINVAL), False),
        (lmdb.BadValsizeError("mdb_put"), False),
    ],
    ids=str,
)
def test_only_missing_room_is_called_so(store: Store, fault: Exception, full: bool) -> None:
    def fail(txn: WriteTxn) -> None:
        raise fault

    with pytest.raises(Exception) as raised:
        write(store, fail)
    if full:
        assert isinstance(raised.value, errors.ShortdError)
        assert raised.value.kind is errors.STORAGE_FULL
    else:
        assert raised.value is fault


def test_closing_commits_what_waits_and_takes_nothing_more(tmp_path: Path) -> None:
    store = Store(tmp_path)

    async def work() -> list[Any]:
        tasks = await queued(store, [put(f"n{number}") for number in range(10)])
        store.close()
        return await asyncio.gather(*tasks)

    assert asyncio.run(work()) == [None] * 10
    with pytest.raises(errors.ShortdError) as refusal:
        write(store, put("late"))
    assert refusal.value.kind is errors.BUSY
    with open_store(tmp_path) as reopened:
        assert names(reopened) == {f"n{number}": 1 for number in range(10)}


def test_changes_of_links_are_told_before_their_writes_return(store: Store) -> None:
    heard: list[object] = []
    kept = Link(1, "owner", 0, "kept", "https://example.com/", 1)
    moved = Link(2, "owner", 0, "moved", "https://example.com/", 2)
    store.watch(heard.extend)

    def change(txn: WriteTxn) -> None:
        LINKS.put(txn, (0, "kept"), kept)
        LINKS.insert(txn, (0, "moved"), moved)
        LINKS.insert(txn, (0, "moved"), kept)
        LINKS.delete(txn, (0, "moved"))
        META.put(txn, ("unwatched",), 1)

    def fail(txn: WriteTxn) -> None:
        change(txn)
        raise errors.NOT_FOUND()

    async def work() -> None:
        with busy(store):
            [task, failed] = await queued(store, [change, fail])
            task.add_done_callback(lambda _: heard.append("returned"))
        await asyncio.gather(task, failed, return_exceptions=True)

    asyncio.run(work())
    assert heard == [
        Change("links", (0, "kept"), None, kept),
        Change("links", (0, "moved"), None, moved),
        Change("links", (0, "moved"), moved, None),
        "returned",
    ]


def test_a_watcher_that_fails_costs_nobody_his_answer(store: Store) -> None:
    def fail(changes: Sequence[Change]) -> None:
        raise RuntimeError(f"cannot take {len(changes)} changes")

    heard: list[object] = []
    store.watch(fail)
    store.watch(heard.extend)
    kept = Link(1, "owner", 0, "kept", "https://example.com/", 1)
    write(store, lambda txn: LINKS.put(txn, (0, "kept"), kept))
    assert heard == [Change("links", (0, "kept"), None, kept)]


def link(number: int, code: str = "") -> Link:
    return Link(number, "owner", 0, code or f"code{number}", "https://example.com/", number)


def insert(row: Link) -> Callable[[WriteTxn], Link]:
    def function(txn: WriteTxn) -> Link:
        if not LINKS.insert(txn, (0, row.code), row):
            raise errors.CODE_TAKEN(field="code")
        return row

    return function


async def outcomes(store: Store, functions: Sequence[Callable[[WriteTxn], Any]]) -> list[Any]:
    """What functions that may share a transaction come to, all of them in one commit."""
    with busy(store):
        tasks = [
            asyncio.create_task(store.write(function, is_repeatable=True)) for function in functions
        ]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_repeatable_functions_share_a_transaction_and_are_told_of_one_by_one(store: Store) -> None:
    followed: list[list[list[Any]]] = []
    heard: list[list[Any]] = []

    def follow(txn: WriteTxn, changes: Sequence[Sequence[Change]], is_roomy: bool) -> None:
        followed.append([[change.after.id for change in of_one] for of_one in changes])
        LINKS.put(txn, (0, "log"), link(99, "log"))

    store.follow(follow)
    store.watch(lambda changes: heard.append([change.after.id for change in changes]))
    rows = [link(number) for number in range(1, 5)]
    assert asyncio.run(outcomes(store, [insert(row) for row in rows])) == rows
    assert followed == [[[1], [2], [3], [4]]]
    assert heard == [[1], [2], [3], [4, 99]]


def test_where_one_repeatable_function_fails_the_others_are_as_if_it_had_never_been(
    store: Store,
) -> None:
    runs: list[int] = []

    def counted(number: int, code: str) -> Callable[[WriteTxn], Link]:
        def function(txn: WriteTxn) -> Link:
            runs.append(number)
            return insert(link(number, code))(txn)

        return function

    heard: list[list[Any]] = []
    store.watch(lambda changes: heard.append([change.after.id for change in changes]))
    codes = ["a", "b", "a", "c"]
    functions = [counted(number, code) for number, code in enumerate(codes)]
    first, second, failed, last = asyncio.run(outcomes(store, functions))
    assert (first.id, second.id, last.id) == (0, 1, 3)
    assert failed.code == "code_taken"
    assert heard == [[0], [1], [3]]
    assert runs == [0, 1, 2, 0, 1, 2, 3]  # once together, and each by itself
    with store.read() as txn:
        assert [row.id for _, row in LINKS.scan(txn)] == [0, 1, 3]


def test_a_guard_that_refuses_some_refuses_only_those(store: Store) -> None:
    def guard(txn: WriteTxn) -> None:
        if sum(1 for _ in LINKS.scan(txn)) > 2:
            raise errors.QUOTA_EXCEEDED()

    store.guard(guard)
    account = Account("owner", AccountType.TEMPORARY, 0, clients=("0:x",))
    write(store, lambda txn: ACCOUNTS.put(txn, ("owner",), account))
    found = asyncio.run(outcomes(store, [insert(link(number)) for number in range(1, 5)]))
    assert [getattr(one, "code", None) for one in found[2:]] == ["quota_exceeded"] * 2
    with store.read() as txn:
        rows = [row for _, row in LINKS.scan(txn)]
        held = [HOLDINGS.get(txn, (key,)) for key in ("owner", "0:x", EVERYBODY)]
    assert [row.id for row in rows] == [1, 2]
    size = sum(stored_size(len(LINKS.encode(row))) for row in rows)
    assert held == [Holding(size)] * 3
