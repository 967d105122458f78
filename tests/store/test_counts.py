"""Counts: how many rows share a key, kept by the table whatever is done to its rows."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shortd.store
import shortd.store.check
from shortd.store import Store
from shortd.store.check import faults
from shortd.store.index import Count, Index, UniqueViolation
from shortd.store.keys import TEXT, U32, Key
from shortd.store.schema import TABLES
from shortd.store.table import Table
from shortd.store.txn import WriteTxn
from tests.store.things import Thing, write

PER_LABEL: Count[tuple[str], Thing] = Count(
    "things_per_label", Key(TEXT), lambda row: (row.label,) if row.label else None
)
COUNTED: Table[tuple[int], Thing] = Table("counted", Key(U32), Thing, counts=(PER_LABEL,))

labels = st.sampled_from(["", "a", "b"])
steps = st.lists(
    st.tuples(st.sampled_from(["put", "insert", "delete"]), st.integers(0, 4), labels), max_size=30
)


Batch = tuple[list[tuple[str, int, str]], bool]
"""Steps, and whether their transaction fails in the end."""


class Refused(Exception):
    pass


def stored(store: Store) -> tuple[dict[str, int], list[str]]:
    with store.read() as txn:
        found = {label: PER_LABEL.get(txn, (label,)) for label in "ab"}
        return found, list(faults(txn))


@given(st.lists(st.tuples(steps, st.booleans()), max_size=4))
@settings(max_examples=40, deadline=None)
def test_counts_are_those_of_the_rows(batches: list[Batch]) -> None:
    tables = (*TABLES, COUNTED)
    with (
        tempfile.TemporaryDirectory() as directory,
        patch.object(shortd.store, "TABLES", tables),
        patch.object(shortd.store.check, "TABLES", tables),
    ):
        store = Store(Path(directory))
        rows: dict[int, str] = {}
        for batch, fails in batches:
            after = dict(rows)

            def work(
                txn: WriteTxn,
                batch: list[tuple[str, int, str]] = batch,
                after: dict[int, str] = after,
                fails: bool = fails,
            ) -> None:
                for step, key, label in batch:
                    if step == "delete":
                        COUNTED.delete(txn, (key,))
                        after.pop(key, None)
                    elif step == "put":
                        COUNTED.put(txn, (key,), Thing(label, 0, 0))
                        after[key] = label
                    elif COUNTED.insert(txn, (key,), Thing(label, 0, 0)):
                        after[key] = label
                if fails:
                    raise Refused

            try:
                write(store, work)
                rows = after
            except Refused:
                assert fails
            counts = Counter(rows.values())
            assert stored(store) == ({"a": counts["a"], "b": counts["b"]}, [])
        store.close()


def test_a_wrong_count_is_found(tmp_path: Path) -> None:
    tables = (*TABLES, COUNTED)
    with (
        patch.object(shortd.store, "TABLES", tables),
        patch.object(shortd.store.check, "TABLES", tables),
    ):
        store = Store(tmp_path)

        def wrong(txn: WriteTxn) -> None:
            COUNTED.put(txn, (1,), Thing("a", 0, 0))
            PER_LABEL.add(txn, b"a", 2)

        write(store, wrong)
        assert stored(store)[1] == ["count things_per_label is 3 for ('a',); right is 1"]
        store.close()


def test_a_put_that_is_refused_counts_nothing(tmp_path: Path) -> None:
    by_label: Index[tuple[str], Thing] = Index("one_per_label", Key(TEXT), PER_LABEL.of)
    both: Table[tuple[int], Thing] = Table(
        "both", Key(U32), Thing, (by_label,), counts=(PER_LABEL,)
    )
    with patch.object(shortd.store, "TABLES", (*TABLES, both)):
        store = Store(tmp_path)

        def twice(txn: WriteTxn) -> int:
            both.put(txn, (1,), Thing("a", 0, 0))
            with pytest.raises(UniqueViolation):
                both.put(txn, (2,), Thing("a", 0, 0))
            assert not both.insert(txn, (2,), Thing("a", 0, 0))
            return PER_LABEL.get(txn, ("a",))

        assert asyncio.run(store.write(twice)) == 1
        store.close()
