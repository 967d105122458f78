"""What lies in a stopped server's directory, looked at without its code: is everything there?"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec

NO_TABLES = ("_by_", "_in_", "_per_")
"""In the names of indexes and counts."""


def check_rows(data_dir: Path) -> None:
    """Every table, index and count has rows, and every field of every row something to say in one
    of them. So whatever becomes unreadable, or is read as something else, is asked for.
    """
    for name, values in databases(data_dir).items():
        assert values, f"nothing is in {name}"
        if any(mark in name for mark in NO_TABLES) or name == "secrets":
            continue
        rows = [msgspec.msgpack.decode(value) for value in values]
        check_fields(name, rows)
        if name == "links":
            check_fields("extras", [row[-1] for row in rows if row[-1]])
        if name == "counts":
            # A day that has dimensions has a row of its own.
            check_fields("days in counts", [[*row[8][:2], row[8][3]] for row in rows if row[8]])


def check_fields(name: str, rows: list[Any]) -> None:
    """Every position of rows that are arrays has a value that is not nothing."""
    said: dict[int, bool] = defaultdict(bool)
    for row in rows:
        for position, value in enumerate(row if isinstance(row, list) else [row]):
            said[position] |= bool(value)
    silent = [position for position, is_said in said.items() if not is_said]
    assert not silent, f"no row of {name} has fields {silent}"


def databases(data_dir: Path) -> dict[str, list[bytes]]:
    """The values of every database in the environment, by its name."""
    environment = lmdb.open(str(data_dir / "db"), max_dbs=128, readonly=True, lock=False)
    try:
        with environment.begin() as txn:
            names = [bytes(key) for key, _ in txn.cursor()]
        opened = {name: environment.open_db(name, create=False) for name in names}
        with environment.begin() as txn:
            return {
                name.decode(): [bytes(value) for _, value in txn.cursor(db=database)]
                for name, database in opened.items()
            }
    finally:
        environment.close()


def cut_last_record(data_dir: Path) -> None:
    """As power loss does."""
    segment = max((data_dir / "journal").iterdir())
    segment.write_bytes(segment.read_bytes()[:-3])


def check_journal(data_dir: Path) -> None:
    """Clicks of all kinds wait there, and the last of them is torn."""
    [drained] = databases(data_dir)["positions"]
    segment, offset = msgspec.msgpack.decode(drained)
    data = (data_dir / f"journal/{segment:016d}.clicks").read_bytes()[offset:]
    assert max((data_dir / "journal").iterdir()).name == f"{segment:016d}.clicks"
    clicks = list(records(data))
    assert len(clicks) > 20, f"only {len(clicks)} clicks wait"
    check_fields("clicks", clicks)
    assert {click[2] for click in clicks} == {0, 1, 2}, "not all kinds of clicks wait"


def records(data: bytes) -> Iterator[Any]:
    """Those of a journal that are whole."""
    header = struct.Struct("<II")
    start = 0
    while start + header.size <= len(data):
        length, _ = header.unpack_from(data, start)
        start += header.size + length
        if start > len(data):
            return
        yield msgspec.msgpack.decode(data[start - length : start])
