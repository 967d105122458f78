"""What schema 4 has left, opened by today's: every visit and every day is what it was, whenever the
upgrade was interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest
from click.testing import CliRunner

from shortd.clicks import history
from shortd.clicks.rollups import counts_of
from shortd.commands.cli import main
from shortd.models.clicks import DayStats
from shortd.store import Store, packing_clicks
from shortd.store.check import faults
from shortd.store.packing_clicks import OLD_COUNTS, OLD_VISITS
from shortd.store.schema import COUNTS, SCHEMA_VERSION, SIGHTINGS, STRINGS, VISITS
from shortd.testing import FakeClock, open_app

FOLDER = Path(__file__).parent / "directories/schema_4"
KNOWN: dict[str, Any] = json.loads((FOLDER / "known.json").read_bytes())
RESERVE = 1 << 20

INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from shortd.store import Store, packing_clicks
packing_clicks.PORTION_ROWS = 40
portions = int(sys.argv[2])
pack, end = packing_clicks._pack_portion, packing_clicks.Packing.end

def counted(*arguments):
    global portions
    portions -= 1
    if not portions:
        os.kill(os.getpid(), signal.SIGKILL)
    return pack(*arguments)

def killed(*arguments):
    end(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

packing_clicks._pack_portion = counted
packing_clicks.Packing.end = killed
Store(Path(sys.argv[1]), reserve_bytes=1 << 20)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    with tarfile.open(FOLDER / "directory.tar.xz") as archive:
        # Not every Python 3.11 has filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        archive.extractall(tmp_path / "data")
    return tmp_path / "data"


def told(store: Store) -> dict[str, Any]:
    """What `known.json` has of clicks."""
    links: dict[str, Any] = {}
    with store.read() as txn:
        for (link_id,), counts in COUNTS.scan(txn):
            links[str(link_id)] = {
                "totals": [counts.count, counts.count_qr, counts.unique, counts.visits],
                "visits": [msgspec.to_builtins(one) for one in history.visits(txn, link_id)],
                "days": {
                    str(day): msgspec.to_builtins(stats)
                    for day, stats in history.days(txn, link_id)
                },
            }
        return {"links": links, "sightings": SIGHTINGS.count(txn)}


def check(data_dir: Path) -> None:
    """That nothing was lost, and all of it is sound."""
    store = Store(data_dir, reserve_bytes=RESERVE)
    found = told(store)
    assert found == {name: KNOWN[name] for name in found}
    with store.read() as txn:
        assert list(faults(txn)) == []
        assert STRINGS.count(txn) > 20
        longest = max(len(link["visits"]) for link in KNOWN["links"].values())
        assert VISITS.count(txn) > 0
        assert longest > 100
    store.close()
    assert tables(data_dir).isdisjoint({OLD_COUNTS, OLD_VISITS})


def tables(data_dir: Path) -> set[str]:
    with (
        lmdb.open(str(data_dir / "db"), readonly=True, lock=False, max_dbs=128) as environment,
        environment.begin() as txn,
    ):
        return {name.decode() for name, _ in txn.cursor()}


def interrupted(data_dir: Path, portions: int) -> None:
    """Begins the upgrade and is killed in that portion, or before the end."""
    command = [sys.executable, "-c", INTERRUPTED, str(data_dir), str(portions)]
    done = subprocess.run(command, env={**os.environ}, stdout=subprocess.DEVNULL, timeout=60)
    assert done.returncode == -signal.SIGKILL


def counted_portions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by what each portion of an upgrade packs."""
    portions: list[int] = []
    pack = packing_clicks._pack_portion

    def counted(*arguments: Any) -> tuple[int, bool]:
        links, is_done = pack(*arguments)
        portions.append(links)
        return links, is_done

    monkeypatch.setattr(packing_clicks, "_pack_portion", counted)
    return portions


def test_every_visit_and_day_is_what_it_was(data_dir: Path) -> None:
    check(data_dir)


def test_days_are_of_both_forms() -> None:
    """Or the test above would be less than it says."""
    days = [day for link in KNOWN["links"].values() for day in link["days"].values()]
    rows = [msgspec.convert(day, DayStats) for day in days]
    assert any(row.dimensions for row in rows)
    assert any(len(row.profiles) > 1 for row in rows)
    assert all(sum(counts_of(row).get("country", {}).values()) == row.total for row in rows)


@pytest.mark.parametrize("portions", [1, 2, 5, 1000])
def test_an_upgrade_that_is_killed_goes_on_where_it_was(
    data_dir: Path, portions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(data_dir, portions)
    copy = data_dir / f"db-before-schema-{SCHEMA_VERSION}" / "data.mdb"
    kept = copy.stat().st_ino
    interrupted(data_dir, portions)
    packed = counted_portions(monkeypatch)
    check(data_dir)
    links = len(KNOWN["links"])
    # Twice so many portions but for the last one were kept.
    assert sum(packed) == links if portions == 1 else sum(packed) < links
    assert portions == 1 or copy.stat().st_ino == kept


def test_what_somebody_wrote_in_between_is_not_lost(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older version was started again, and has counted."""
    interrupted(data_dir, 3)
    with lmdb.open(str(data_dir / "db"), max_dbs=128) as environment:
        counts = environment.open_db(OLD_COUNTS.encode(), create=False)
        with environment.begin(write=True, db=counts) as txn:
            cursor = txn.cursor()
            assert cursor.first()
            first, raw = cursor.item()
            row = msgspec.msgpack.decode(raw)
            row[0] += 7
            txn.put(first, msgspec.msgpack.encode(row))
    packed = counted_portions(monkeypatch)
    store = Store(data_dir, reserve_bytes=RESERVE)
    link_id = str(int.from_bytes(first, "big"))
    assert told(store)["links"][link_id]["totals"][0] == KNOWN["links"][link_id]["totals"][0] + 7
    assert sum(packed) == len(KNOWN["links"])
    with store.read() as txn:
        assert list(faults(txn)) == []
    store.close()


def test_a_row_that_cannot_be_read_leaves_all_as_it_was(data_dir: Path) -> None:
    with lmdb.open(str(data_dir / "db"), max_dbs=128) as environment:
        visits = environment.open_db(OLD_VISITS.encode(), create=False)
        with environment.begin(write=True, db=visits) as txn:
            cursor = txn.cursor()
            assert cursor.last()
            key = bytes(cursor.key())
            raw = bytes(cursor.value())
            txn.put(key, b"\xc1")
    result = CliRunner().invoke(main, ["doctor", "--data", str(data_dir)], env=KNOWN["environ"])
    assert result.exit_code != 0
    with pytest.raises(Exception, match="it is as it was"):
        Store(data_dir, reserve_bytes=RESERVE)
    with lmdb.open(str(data_dir / "db"), max_dbs=128) as environment:
        visits = environment.open_db(OLD_VISITS.encode(), create=False)
        with environment.begin(write=True, db=visits) as txn:
            txn.put(key, raw)
    check(data_dir)


def test_clicks_go_on_and_compact_gives_the_disk_back(data_dir: Path) -> None:
    clock = FakeClock(KNOWN["utime"])
    with open_app(data_dir, clock=clock, environ=KNOWN["environ"]) as app:
        before = told(app.services.store)["links"]
        assert app.get("https://s.example/CaseMatters").status_code == 302
        app.drain()
        after = told(app.services.store)["links"]
        [link] = [link for link in after if after[link] != before[link]]
        assert after[link]["visits"][:-1] == before[link]["visits"]
        used = app.services.store.used_bytes()
    result = CliRunner().invoke(main, ["compact", "--data", str(data_dir)], env=KNOWN["environ"])
    assert result.exit_code == 0, result.output
    assert (data_dir / "db" / "data.mdb").stat().st_size <= used + (1 << 16)
    result = CliRunner().invoke(main, ["doctor", "--data", str(data_dir)], env=KNOWN["environ"])
    assert "Everything stored agrees with itself." in result.output
