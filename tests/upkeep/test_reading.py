"""Looking through rows that no index helps to find: in slices, as far as is allowed, each once."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.models.audit import Action, AuditEntry, Way
from shortd.store.schema import AUDIT
from shortd.store.txn import Txn, WriteTxn
from shortd.testing import RunningApp
from shortd.upkeep.audit import newest
from shortd.upkeep.reading import ROWS_READ, SLICE, Looked, look_through

ROWS = 3000


def fill(app: RunningApp, rows: int = ROWS) -> None:
    def write(txn: WriteTxn) -> None:
        for number in range(rows):
            row = AuditEntry(number, Way.COMMAND, Action.LOCK_ACCOUNT, subject=str(number))
            AUDIT.put(txn, (number, 0), row)

    app.run(app.services.store.write(write))


async def turns_while(work: asyncio.Task[Looked[tuple[int, int], AuditEntry]]) -> int:
    """How often others have their turn meanwhile."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


def test_others_have_their_turns_in_between(app: RunningApp) -> None:
    fill(app)

    async def look() -> tuple[int, Looked[tuple[int, int], AuditEntry]]:
        store = app.services.store
        task = asyncio.ensure_future(look_through(store, newest, lambda txn, row: False, None))
        return await turns_while(task), await task

    turns, found = app.run(look())
    assert turns >= ROWS / SLICE
    assert (found.rows, found.older, found.is_cut) == ([], None, False)


def test_no_more_is_read_than_is_allowed(app: RunningApp) -> None:
    fill(app, ROWS_READ + 500)
    seen = 0

    def never(txn: Txn, row: AuditEntry) -> bool:
        nonlocal seen
        seen += 1
        return False

    found = app.run(look_through(app.services.store, newest, never, None))
    assert seen == ROWS_READ
    assert found.is_cut
    assert found.older == (500, 0)
    rest = app.run(look_through(app.services.store, newest, never, found.older))
    assert (seen, rest.is_cut, rest.older) == (ROWS_READ + 500, False, None)


def test_pages_have_each_row_once(app: RunningApp) -> None:
    fill(app, 300)
    store = app.services.store

    @settings(max_examples=60, deadline=None)
    @given(wanted=st.sets(st.integers(0, 299)), most=st.integers(1, 60))
    def check(wanted: set[int], most: int) -> None:
        found: list[int] = []
        after: tuple[int, int] | None = None
        while True:
            page = app.run(
                look_through(store, newest, lambda txn, row: row.utime in wanted, after, most=most)
            )
            assert len(page.rows) <= most
            found += [row.utime for row in page.rows]
            if page.older is None:
                break
            assert len(page.rows) == most
            after = page.older
        assert found == sorted(wanted, reverse=True)

    check()
