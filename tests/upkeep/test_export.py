"""Moving out: everything leaves, whole, and comes to another server as it was."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from shortd.commands.cli import main
from shortd.links.sheets import COLUMNS
from shortd.store.check import faults
from shortd.store.looking import looked_at
from shortd.store.schema import TABLES
from shortd.upkeep import link_rows
from shortd.upkeep.row_types import ALONE, STAYS, TOLD
from tests.upkeep import full

DOCS = Path(__file__).parents[2] / "docs/moving-out.md"
Row = dict[str, Any]


class Exported(NamedTuple):
    """A server that is stopped, and what it has exported."""

    known: dict[str, Any]
    data: Path
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        return dict(self.known["environ"])

    def run(self, *command: str | Path, data: Path | None = None) -> Result:
        words = [*map(str, command), "--data", str(data or self.data)]
        return CliRunner().invoke(main, words, env=self.environ, catch_exceptions=False)

    def did(self, *command: str | Path, data: Path | None = None) -> str:
        result = self.run(*command, data=data)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Nobody may change it."""
    place = tmp_path_factory.mktemp("full")
    known = full.unpacked(place / "data")
    with full.opened(place / "data", known) as app:
        full.fill(app)
        assert full.empty_tables(app) == set()
    one = Exported(known, place / "data", place / "export")
    assert "link" in one.did("export", one.folder)
    return one


@pytest.fixture
def empty(exported: Exported, tmp_path: Path) -> Path:
    """The data directory of a server that nobody has used."""
    with full.opened(tmp_path / "empty", exported.known):
        pass
    return tmp_path / "empty"


def rows_of(folder: Path) -> list[Row]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]


def manifest_of(folder: Path) -> Row:
    read: Row = json.loads((folder / "manifest.json").read_bytes())
    return read


def check(data: Path) -> None:
    """What is stored agrees with itself, and with what is on the disk."""
    blobs = {
        path.name: path.stat().st_size
        for path in (data / "files").rglob("*")
        if path.is_file() and path.parent.name != "unfinished"
    }
    with looked_at(data) as store, store.read() as txn:
        assert list(faults(txn, blobs)) == []


def altered(source: Path, folder: Path, rows: list[bytes]) -> Path:
    """An export with other rows, whose sums are right."""
    folder.mkdir()
    (folder / "files").symlink_to(source / "files")
    content = b"".join(row + b"\n" for row in rows)
    (folder / "rows.jsonl").write_bytes(content)
    sums = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest_of(source) | {"rows": sums}))
    return folder


def report_of(result: Result) -> list[Row]:
    """The rows of a report on standard output."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_table_leaves_or_says_why_not() -> None:
    names = {table.name for table in TABLES}
    assert names == TOLD.keys() | STAYS.keys()
    assert not TOLD.keys() & STAYS.keys()
    assert all(STAYS.values())


def test_the_page_has_every_type_and_field() -> None:
    """docs/moving-out.md, for whoever writes a reader."""
    text = DOCS.read_text()
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    types = {**{name: one.names for name, one in ALONE.items()}, **link_rows.NAMES}
    assert sections.keys() == types.keys()
    for name, fields in types.items():
        told = set(re.findall(r"^\| `(\w+)` \|", sections[name], re.M))
        more = {"answered"} if name == "domain" else set()
        assert told == {*fields} - {"type"} | more, name
    for reason in STAYS.values():
        assert reason in text, reason


class TestExport:
    def test_it_has_everything(self, exported: Exported) -> None:
        rows = rows_of(exported.folder)
        types = Counter(row["type"] for row in rows)
        assert types.keys() == {*TOLD.values()}
        manifest = manifest_of(exported.folder)
        assert manifest["counts"] == dict(types)
        for path, kept in manifest["files"].items():
            content = (exported.folder / path).read_bytes()
            assert len(content) == kept["size"]
            assert hashlib.sha256(content).hexdigest() == kept["sha256"]
        named = {part["blob"] for row in rows if row["type"] == "file" for part in row["parts"]}
        assert {path.name for path in (exported.folder / "files").rglob("??*/*")} == named
        assert {path.name for path in exported.folder.iterdir()} == {
            *("manifest.json", "rows.jsonl", "files")
        }
        clicks = {row["link"]: row["count"] for row in rows if row["type"] == "counts"}
        urls = {row["short_url"]: row["id"] for row in rows if row["type"] == "link"}
        for short_url, count in exported.known["counts"].items():
            # Those of the journal, which no server of today had drained, among them.
            assert clicks.get(urls[short_url], 0) == count

    def test_every_type_has_all_its_fields(self, exported: Exported) -> None:
        types = {**{name: one.names for name, one in ALONE.items()}, **link_rows.NAMES}
        for row in rows_of(exported.folder):
            more = ("answered",) if row["type"] == "domain" else ()
            assert set(row) == {*types[row["type"]], *more}

    def test_files_take_no_room_twice(self, exported: Exported) -> None:
        path = next(iter(manifest_of(exported.folder)["files"]))
        assert (exported.folder / path).samefile(exported.data / path)

    def test_it_is_nobody_elses_to_read(self, exported: Exported) -> None:
        for path in (exported.folder, *exported.folder.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path

    def test_an_old_one_is_not_replaced(self, exported: Exported, tmp_path: Path) -> None:
        for place in (exported.folder, exported.data):
            result = exported.run("export", place)
            assert result.exit_code == 1
            assert "is there already" in result.stderr
        result = exported.run("export", exported.data / "mine")
        assert result.exit_code == 1 and "is in the data directory" in result.stderr
        assert exported.run("export").exit_code == 2
        assert exported.run("export", tmp_path / "no" / "where").exit_code == 1

    def test_what_a_killed_one_left_is_cleared(self, exported: Exported, tmp_path: Path) -> None:
        left = tmp_path / "export.partial"
        (left / "db" / "db").mkdir(parents=True)
        (left / "rows.jsonl").write_text("{")
        said = json.loads(exported.did("export", tmp_path / "export", "--json"))
        assert said["counts"] == manifest_of(exported.folder)["counts"]
        assert said["path"] == str(tmp_path / "export")
        assert [path.name for path in tmp_path.iterdir()] == ["export"]
        (tmp_path / "other.partial").mkdir()
        (tmp_path / "other.partial" / "mine.txt").touch()
        assert "is in the way" in exported.run("export", tmp_path / "other").stderr
        assert (tmp_path / "other.partial" / "mine.txt").exists()

    def test_links_as_a_table(self, exported: Exported, tmp_path: Path) -> None:
        said = json.loads(exported.did("export", "--csv", tmp_path / "links.csv", "--json"))
        with (tmp_path / "links.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        links = {row["short_url"]: row for row in rows_of(exported.folder) if row["type"] == "link"}
        assert {row["short_url"] for row in table} == links.keys()
        assert said["counts"] == {"link": len(links)}
        assert tuple(table[0]) == COLUMNS
        busy = next(row for row in table if row["short_url"] == "https://s.example/y5rTCm")
        assert busy["clicks"] == "132" and busy["owner"] == "Ann"
        assert [path.name for path in tmp_path.iterdir()] == ["links.csv"]
