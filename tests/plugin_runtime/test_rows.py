"""Tables of plugins: what they hold, whose they are, and how much fits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import post
from litestar.params import FromPath
from msgspec import Struct

from shortd.plugin import Access, BadRow, NoServer, Plugin, Server, StoreFull, Table, hookimpl
from shortd.store.check import faults
from shortd.testing import RunningApp, StartApp, open_app

QUOTA = 'plugins.quota = "64 KiB"'
ROW_BYTES = 256


class Note(Struct):
    text: str
    seen: int = 0


class Keeper(Plugin[None, None]):
    """Keeps notes."""

    name = "keeper"


class Other(Plugin[None, None]):
    """Keeps notes in tables of the same names."""

    name = "other"


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("keepers")
    with open_app(folder / "data", plugins=[Keeper, Other], tolerant=True) as app:
        yield app


KEYS = st.one_of(
    st.sampled_from(["a", "ab", "abc", "b", "a\0b", "a\0", "é", "e\u0301", "😀", "a/b", " "]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.text(max_size=30)),
        st.tuples(st.just("delete"), KEYS, st.just("")),
        st.tuples(st.just("update"), KEYS, st.sampled_from(["", "more"])),
    ),
    max_size=25,
)
numbers = iter(range(1_000_000))


@given(steps=STEPS, prefix=st.one_of(st.just(""), KEYS), after=KEYS, limit=st.integers(0, 8))
def test_a_table_is_what_a_dict_would_be(
    apps: RunningApp, steps: list[tuple[str, str, str]], prefix: str, after: str, limit: int
) -> None:
    store = apps.plugin(Keeper).store
    name = f"notes{next(numbers)}"
    table, used = store.table(name, Note), store.used_bytes
    model: dict[str, Note] = {}

    def change(note: Note | None, more: str) -> Note | None:
        if not more:
            return None
        return Note(more, note.seen + 1 if note else 0)

    for step, key, text in steps:
        if step == "put":
            apps.run(table.put(key, Note(text)))
            model[key] = Note(text)
        elif step == "delete":
            assert apps.run(table.delete(key)) is (model.pop(key, None) is not None)
        else:
            expected = change(model.get(key), text)
            assert apps.run(table.update(key, partial(change, more=text))) == expected
            if expected is None:
                model.pop(key, None)
            else:
                model[key] = expected
        assert table.get(key) == model.get(key)
    assert table.count() == len(model)
    rows = sorted(model.items(), key=lambda row: row[0].encode())
    assert table.items() == rows
    wanted = [row for row in rows if row[0].startswith(prefix)]
    assert table.items(prefix) == wanted
    assert table.items(prefix, limit=limit) == wanted[:limit]
    behind = [row for row in wanted if row[0].encode() > after.encode()]
    assert table.items(prefix, after=after) == behind
    paged: list[tuple[str, Note]] = []
    while page := table.items(after=paged[-1][0] if paged else "", limit=2):
        paged += page
    assert paged == rows
    assert apps.plugin(Other).store.table(name, Note).items() == []
    assert apps.plugin(Other).store.used_bytes == 0
    for key in model:
        apps.run(table.delete(key))
    assert store.used_bytes == used
    with apps.services.store.read() as txn:
        assert list(faults(txn)) == []


def test_two_plugins_never_see_each_others_rows(apps: RunningApp) -> None:
    """Whatever their tables and keys are called."""
    one = apps.plugin(Keeper).store.table("shared", Note)
    other = apps.plugin(Other).store.table("shared", Note)
    apps.run(one.put("k", Note("mine")))
    assert other.get("k") is None and other.count() == 0
    apps.run(other.put("k", Note("theirs")))
    assert apps.run(other.delete("k"))
    assert one.items() == [("k", Note("mine"))]
    assert apps.plugin(Keeper).store.table("share", Note).items() == []
    apps.run(one.delete("k"))


@pytest.mark.parametrize("key", ["", "x" * 201, "é" * 101, "\ud800"])
def test_what_cannot_be_a_key_is_refused(apps: RunningApp, key: str) -> None:
    table = apps.plugin(Keeper).store.table("keys", int)
    with pytest.raises(ValueError, match="a key"):
        apps.run(table.put(key, 1))
    with pytest.raises(ValueError, match="a key"):
        table.get(key)
    apps.run(table.put("x" * 200, 1))
    apps.run(table.delete("x" * 200))


@pytest.mark.parametrize("value", [5, Note(5), {"a": object()}, "\ud800", lambda: None])  # type: ignore[arg-type]
def test_what_does_not_fit_the_type_is_refused_at_once(apps: RunningApp, value: Any) -> None:
    table: Table[Any] = apps.plugin(Keeper).store.table("typed", Note)
    with pytest.raises(ValueError, match="cannot be a row of typed"):
        apps.run(table.put("k", value))
    assert table.get("k") is None


def test_names_and_types_of_tables_are_looked_at(apps: RunningApp) -> None:
    store = apps.plugin(Keeper).store
    for name in ("", "Notes", "1st", "a-b", "a\0b", "x" * 33):
        with pytest.raises(ValueError, match="no name of a table"):
            store.table(name, int)
    with pytest.raises(TypeError, match="cannot be the type of rows"):
        store.table("notes", dict[tuple[int, ...] | str, Note | dict[str, int]])
    with pytest.raises(ValueError, match="at most"):
        store.table("notes", int).items(limit=10_001)


def test_rows_of_older_types(apps: RunningApp) -> None:
    """What no longer fits is told by `get`, passed over by `items`, and may be replaced."""
    store = apps.plugin(Keeper).store
    numbers, notes = store.table("aged", int), store.table("aged", Note)
    apps.run(numbers.put("a", 1))
    apps.run(notes.put("b", Note("new")))
    with pytest.raises(BadRow, match="'a' of aged"):
        notes.get("a")
    with pytest.raises(BadRow):
        apps.run(notes.update("a", lambda note: note))
    assert notes.items() == [("b", Note("new"))]
    assert notes.count() == 2
    state = apps.get("/-/health").json()["plugins"]["states"]["keeper"]
    assert state["bad_data"] >= 3
    apps.run(notes.put("a", Note("again")))
    assert [key for key, _ in notes.items()] == ["a", "b"]
    for key in "ab":
        assert apps.run(notes.delete(key))


def test_the_quota_is_kept_to_the_byte(shortd_app: StartApp) -> None:
    app = shortd_app(Keeper, Other, config=QUOTA)
    store = app.plugin(Keeper).store
    table = store.table("blobs", bytes)
    assert store.quota_bytes == 64 << 10
    # 3 bytes are msgpack's, for the length.
    rows = 63
    for number in range(rows):
        app.run(table.put(str(number), bytes(1024 - ROW_BYTES - 3)))
    assert store.used_bytes == rows * 1024
    app.run(table.put("last", bytes(1024 - ROW_BYTES - 3)))
    assert store.used_bytes == store.quota_bytes
    for write in (table.put("0", bytes(1024 - ROW_BYTES - 2)), table.put("more", b"")):
        with pytest.raises(StoreFull, match="65536 bytes") as refusal:
            app.run(write)
        assert refusal.value.code == "plugin_store_full"
    with pytest.raises(StoreFull):
        app.run(table.update("new", lambda _: b""))
    assert (store.used_bytes, table.count()) == (store.quota_bytes, rows + 1)
    app.run(table.put("0", b"x"))
    app.run(app.plugin(Other).store.table("blobs", bytes).put("k", bytes(10_000)))
    with pytest.raises(ValueError, match="at most 1048576 bytes"):
        app.run(table.put("huge", bytes(1 << 20)))


def test_a_quota_that_became_smaller_lets_rows_shrink(shortd_app: StartApp) -> None:
    app = shortd_app(Keeper)
    app.run(app.plugin(Keeper).store.table("t", bytes).put("k", bytes(5000)))
    app = shortd_app(Keeper, config='plugins.quota = "1 KiB"')
    table = app.plugin(Keeper).store.table("t", bytes)
    app.run(table.put("k", bytes(3000)))
    with pytest.raises(StoreFull):
        app.run(table.put("k", bytes(5000)))
    assert app.run(table.delete("k"))


def test_updates_from_both_loops_and_threads_lose_nothing(apps: RunningApp) -> None:
    """The server's loop, a plugin's own in another thread, and threads that read."""
    table = apps.plugin(Keeper).store.table("counts", int)

    async def add(times: int) -> None:
        for _ in range(times):
            await table.update("n", lambda n: (n or 0) + 1)

    seen: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(table.get("n") or 0)
            table.items()

    async def all_together() -> None:
        with ThreadPoolExecutor() as pool:
            loop = asyncio.get_running_loop()
            watching = loop.run_in_executor(pool, watch)
            others = [loop.run_in_executor(pool, asyncio.run, add(20)) for _ in range(2)]
            await asyncio.gather(*(add(20) for _ in range(3)), *others)
            stop.set()
            await watching

    apps.run(all_together())
    assert table.get("n") == 100
    assert seen == sorted(seen)
    apps.run(table.delete("n"))


def test_without_a_server_there_is_a_word_for_it() -> None:
    plugin = Keeper(None, Server("https://s.example", (), b""))
    for asked in ("store", "folder", "http"):
        with pytest.raises(NoServer, match=f"self.{asked} is there only while"):
            getattr(plugin, asked)


def test_after_the_end_of_the_server_nothing_breaks(shortd_app: StartApp) -> None:
    app = shortd_app(Keeper)
    table = app.plugin(Keeper).store.table("notes", Note)
    app.run(table.put("k", Note("kept")))
    again = shortd_app(Keeper)
    with pytest.raises(NoServer, match="stopped"):
        table.get("k")
    with pytest.raises(NoServer, match="stopped"):
        asyncio.run(table.put("k", Note("late")))
    assert again.plugin(Keeper).store.table("notes", Note).get("k") == Note("kept")


def test_a_route_without_room_answers_507(shortd_app: StartApp) -> None:
    class Writer(Plugin[None, None]):
        """Writes what it is sent."""

        name = "writer"

        @hookimpl
        def routes(self) -> list[Any]:
            table = self.store.table("bodies", bytes)

            @post("/keep/{size:int}", access=Access.PUBLIC)
            async def keep(size: FromPath[int]) -> None:
                await table.put("body", bytes(size))

            return [keep]

    app = shortd_app(Writer, config=QUOTA, tolerant=True)
    assert app.request("POST", "/-/x/writer/keep/1").status_code == 201
    answer = app.request("POST", "/-/x/writer/keep/70000")
    assert answer.status_code == 507
    assert app.plugin(Writer).store.table("bodies", bytes).get("body") == b"\0"
