"""Moving out: everything leaves, whole, and comes to another server as it was."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from shortd.links.sheets import COLUMNS
from shortd.store.check import faults
from shortd.store.looking import looked_at
from shortd.store.schema import API_KEYS, TABLES
from shortd.upkeep import link_rows
from shortd.upkeep.plugin_folders import FILE, FileRow
from shortd.upkeep.row_types import ALONE, STAYS, TOLD
from tests.conftest import GENEROUS
from tests.open_files import files_below
from tests.server.conftest import running
from tests.server.wire import follow
from tests.server_process import ServerProcess
from tests.sharing.sharing import wait_for
from tests.upkeep import full
from tests.upkeep.full import Exported
from tests.upkeep.test_backup import did, fetched, upload
from tests.web.surfer import Surfer

DOCS = Path(__file__).parents[2] / "docs/moving-out.md"
Row = dict[str, Any]


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
    types[FILE] = FileRow.__struct_fields__
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
        assert types.keys() == {*TOLD.values(), FILE}
        manifest = manifest_of(exported.folder)
        assert manifest["counts"] == dict(types)
        for path, kept in manifest["files"].items():
            content = (exported.folder / path).read_bytes()
            assert len(content) == kept["size"]
            assert hashlib.sha256(content).hexdigest() == kept["sha256"]
        named = {part["blob"] for row in rows if row["type"] == "file" for part in row["parts"]}
        named |= {row["blob"] for row in rows if row["type"] == FILE}
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
        types[FILE] = FileRow.__struct_fields__
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


class TestImport:
    def test_into_an_empty_server_and_out_again(
        self, exported: Exported, empty: Path, tmp_path: Path
    ) -> None:
        dry = json.loads(exported.did("import", "shortd", exported.folder, "--json", data=empty))
        assert not dry["applied"]
        exported.did("export", tmp_path / "before", data=empty)
        assert {row["type"] for row in rows_of(tmp_path / "before")} == {"host"}
        report = tmp_path / "report.jsonl"
        command = ("import", "shortd", exported.folder, "--apply", "--report", report, "--json")
        done = json.loads(exported.did(*command, data=empty))
        assert done == dry | {"applied": True}
        assert done["results"]["skipped"] == 0
        check(empty)
        exported.did("export", tmp_path / "again", data=empty)
        assert rows_of(tmp_path / "again") == rows_of(exported.folder)
        before, after = manifest_of(exported.folder), manifest_of(tmp_path / "again")
        assert before.pop("created_utime") != after.pop("created_utime")
        assert before == after
        kept = {
            f"files/{row['blob'][:2]}/{row['blob']}": f"plugins/{row['plugin']}/{row['path']}"
            for row in rows_of(exported.folder)
            if row["type"] == FILE
        }
        for path in before["files"]:
            here = empty / kept.get(path, path)
            assert (tmp_path / "again" / path).read_bytes() == here.read_bytes()
            # What an export holds is nobody's to change by writing elsewhere.
            assert not here.samefile(exported.folder / path)
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        assert Counter(line["result"] for line in lines) == {
            result: number for result, number in done["results"].items() if number
        }
        [link] = [line for line in lines if line["code"] == "ZoesLink1"]
        assert link["shorturl"] == "https://s.example/ZoesLink1"
        assert (link["host"], link["url"]) == ("s.example", "https://zoe.example/")

        again = json.loads(exported.did(*command, data=empty))
        assert again["results"] == {
            **{"made": 0, "made_with_notes": 0, "skipped": 0},
            "unchanged": sum(done["results"].values()),
        }
        exported.did("export", tmp_path / "twice", data=empty)
        assert rows_of(tmp_path / "twice") == rows_of(exported.folder)

    def test_what_came_works(self, exported: Exported, empty: Path) -> None:
        exported.did("import", "shortd", exported.folder, "--apply", data=empty)
        with full.opened(empty, exported.known) as app:
            for short_url, url in exported.known["lasting"].items():
                assert app.get(short_url).headers["location"] == url
            zoe = Surfer(app, full.OWN)
            # Her authenticator is asked for, too.
            assert "One more proof" in zoe.sign_in("zoe").text
            rows = rows_of(exported.folder)
            [letter] = [row for row in rows if row.get("filename") == "letter.txt"]
            [item] = [row for row in rows if row["type"] == "box_item"]
            assert item["filekey"] == letter["filekey"]

    def test_everything_becomes_somebodys(
        self, exported: Exported, empty: Path, tmp_path: Path
    ) -> None:
        with full.opened(empty, exported.known) as app:
            Surfer(app, full.OWN).sign_up("eve")
        command = ("import", "shortd", exported.folder, "--account", "eve", "--apply", "--json")
        result = exported.run(*command, data=empty)
        check(empty)
        # Hosts that are not this server's are told.
        assert result.exit_code == 3, result.output
        done = json.loads(result.stdout)
        assert done["reasons"].keys() >= {"unknown_host", "team_left_out"}
        exported.did("export", tmp_path / "out", data=empty)
        rows = rows_of(tmp_path / "out")
        eve = next(row["userid"] for row in rows if row["type"] == "account")
        assert {row["owner"] for row in rows if "owner" in row} == {eve}
        assert {row["type"] for row in rows} >= {"link", "file", "box", "day", "visit", "operation"}
        mapped = (*command, *("--map-domain", "gone.example=", "--map-domain", "go.shop.example="))
        more = json.loads(exported.run(*mapped, data=empty).stdout)
        assert more["results"]["made"] + more["results"]["made_with_notes"] == 2
        check(empty)

    def test_nothing_that_is_there_is_replaced(self, exported: Exported, empty: Path) -> None:
        with full.opened(empty, exported.known) as app:
            other = Surfer(app, full.OWN)
            other.sign_up("ann", email="other@nowhere.example")
            other.call("url", url="https://mine.example/", code="Z8ujRG")
        result = exported.run("import", "shortd", exported.folder, "--apply", "--json", data=empty)
        assert result.exit_code == 3
        reasons = json.loads(result.stdout)["reasons"]
        assert reasons["code_taken"] == 1
        assert reasons["username_taken"] == 1
        # Ann's links have nobody here to belong to.
        assert reasons["account_missing"] > 1
        check(empty)
        with full.opened(empty, exported.known) as app:
            location = app.get("https://s.example/Z8ujRG").headers["location"]
            assert location == "https://mine.example/"

    def test_a_key_that_was_deleted_stays_deleted(self, exported: Exported, empty: Path) -> None:
        exported.did("import", "shortd", exported.folder, "--apply", data=empty)
        with full.opened(empty, exported.known) as app:
            account = app.services.accounts.accounts.named("ann")
            assert account is not None
            app.run(app.services.upkeep.administration.sign_out(account.userid, end_keys=True))
        exported.did("import", "shortd", exported.folder, "--apply", data=empty)
        with looked_at(empty) as store, store.read() as txn:
            assert list(API_KEYS.scan(txn, (account.userid,))) == []

    def test_an_old_default_host_is_the_new_one(self, exported: Exported, tmp_path: Path) -> None:
        known = {**exported.known, "environ": {"SHORTD_PUBLIC_URL": "https://new.example"}}
        with full.opened(tmp_path / "new", known):
            pass
        other = exported._replace(known=known, data=tmp_path / "new")
        report = tmp_path / "report"
        other.did("import", "shortd", exported.folder, "--apply", "--report", report)
        check(tmp_path / "new")
        told = report.read_text()
        assert "host_renamed" in told and "host_not_configured" in told
        with full.opened(tmp_path / "new", known) as app:
            answer = app.get("https://new.example/ZoesLink1")
            assert answer.headers["location"] == "https://zoe.example/"


class TestWhileItRuns:
    """Both servers run, and what one of them is asked for is in its export."""

    def test_from_one_to_the_other(self, tmp_path: Path) -> None:
        with (
            running(ServerProcess(tmp_path / "one", GENEROUS)) as one,
            running(ServerProcess(tmp_path / "two", GENEROUS)) as two,
        ):
            userid = one.call("temporary_account")["userid"]
            link = one.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
            content = b"x" * 3_000_000
            file = upload(one, userid, content)
            assert follow(link, 3) == [302] * 3
            did("export", tmp_path / "out", "--data", one.data_dir)
            [counts] = [row for row in rows_of(tmp_path / "out") if row["type"] == "counts"]
            # None of which has been drained, perhaps.
            assert counts["count"] == 3
            command = ("import", "shortd", tmp_path / "out", "--apply", "--json")
            made = json.loads(did(*command, "--data", two.data_dir))
            assert made["results"] == {
                **{"made": 3, "made_with_notes": 1, "unchanged": 0, "skipped": 0}
            }
            assert made["clicks"] == 3
            again = json.loads(did(*command, "--data", two.data_dir))
            assert (again["results"]["made"], again["results"]["unchanged"]) == (0, 3)
            here = two.url + urlsplit(link).path
            assert follow(here, 1) == [302]
            assert fetched(two.url + urlsplit(file).path) == content
            entry = two.call("get_entry", userid=userid, shorturl=here)["entry"]
            assert entry["count"] == 4
            assert sorted(path.name for path in two.data_dir.glob("restoring-*")) == []
            did("user", "export", userid, tmp_path / "one.tar", "--data", two.data_dir)
            did("user", "delete", userid, "--yes", "--data", two.data_dir)
            assert follow(here, 1) == [404]
            # Files go every other second.
            wait_for(lambda: not [*files_below(two.data_dir / "files")])
        for data in (tmp_path / "one", tmp_path / "two"):
            check(data)


class TestBadExports:
    def refusal(self, exported: Exported, folder: Path, data: Path) -> str:
        """The one line of an import that changes nothing."""
        before = (data / "db" / "data.mdb").read_bytes()
        result = exported.run("import", "shortd", folder, "--apply", data=data)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert (data / "db" / "data.mdb").read_bytes() == before
        [line] = result.stderr.splitlines()
        return line

    def test_what_is_none(self, exported: Exported, empty: Path, tmp_path: Path) -> None:
        assert "no export" in self.refusal(exported, tmp_path / "nowhere", empty)
        assert "no export" in self.refusal(exported, tmp_path, empty)
        manifest = tmp_path / "manifest.json"
        for text in ("", "[", "[]", "{}", "[" * 100_000, '{"format": 1}'):
            manifest.write_text(text)
            assert "no manifest" in self.refusal(exported, tmp_path, empty)
        good = manifest_of(exported.folder)
        for change, told in (
            ({"format": "another"}, "another format"),
            ({"format_version": 2}, "newer shortd"),
            ({"account": "u" * 32}, "one person"),
            ({}, "is damaged"),
        ):
            manifest.write_text(json.dumps(good | change))
            assert told in self.refusal(exported, tmp_path, empty)

    def test_torn_rows(self, exported: Exported, empty: Path, tmp_path: Path) -> None:
        content = (exported.folder / "rows.jsonl").read_bytes()
        shutil.copy(exported.folder / "manifest.json", tmp_path)
        for torn in (b"", content[:-1], content[: len(content) // 2], content + b"{}\n"):
            (tmp_path / "rows.jsonl").write_bytes(torn)
            assert "its sum differs" in self.refusal(exported, tmp_path, empty)
        (tmp_path / "rows.jsonl").unlink()
        (tmp_path / "rows.jsonl").symlink_to(exported.folder / "rows.jsonl")
        assert "is damaged" in self.refusal(exported, tmp_path, empty)

    def test_damaged_files(self, exported: Exported, empty: Path, tmp_path: Path) -> None:
        shutil.copytree(exported.folder, tmp_path / "bad")
        blobs = [
            row["parts"][0]["blob"]
            for row in rows_of(exported.folder)
            if row["type"] == "file" and row["stored_size"] > 0
        ]
        paths = [f"files/{blob[:2]}/{blob}" for blob in blobs]
        (tmp_path / "bad" / paths[0]).unlink()
        (tmp_path / "bad" / paths[1]).write_bytes(b"another")
        secret = tmp_path / "secret"
        secret.write_text("secret")
        (tmp_path / "bad" / paths[2]).unlink()
        (tmp_path / "bad" / paths[2]).symlink_to(secret)
        dry = exported.run("import", "shortd", tmp_path / "bad", "--json", data=empty)
        result = exported.run("import", "shortd", tmp_path / "bad", "--json", "--apply", data=empty)
        assert dry.exit_code == result.exit_code == 3
        assert json.loads(dry.stdout)["results"] == json.loads(result.stdout)["results"]
        assert json.loads(result.stdout)["reasons"]["file_damaged"] == 3
        check(empty)

    @pytest.mark.parametrize("seed", range(6))
    def test_any_rows(self, exported: Exported, empty: Path, tmp_path: Path, seed: int) -> None:
        """Whatever stands there: what cannot come is told, and what came is whole."""
        random = Random(seed)
        lines = [
            spoiled(line, random) if random.random() < 0.3 else line
            for line in (exported.folder / "rows.jsonl").read_bytes().splitlines()
        ]
        if seed % 2:
            random.shuffle(lines)
        bad = altered(exported.folder, tmp_path / "bad", lines)
        result = exported.run("import", "shortd", bad, "--apply", "--json", data=empty)
        assert result.exit_code == 3, result.output
        assert json.loads(result.stdout)["results"]["skipped"] > 0
        check(empty)
        exported.did("export", tmp_path / "out", data=empty)
        with full.opened(empty, exported.known) as app:
            for row in rows_of(tmp_path / "out"):
                if row["type"] == "link":
                    assert app.get(row["short_url"].replace(" ", "%20")).status_code < 500


def spoiled(line: bytes, random: Random) -> bytes:
    """A line with something in it that is not as it should be, perhaps."""
    row = json.loads(line)
    way = random.randrange(6)
    if way == 0:
        return line[: random.randrange(len(line))]
    name = random.choice(list(row))
    if way == 1:
        del row[name]
    elif way == 2:
        row["surprise"] = 1
    else:
        row[name] = random.choice(JUNK)
    return json.dumps(row).encode()


JUNK: list[Any] = [
    *(None, True, -1, 2**63, 2**70, 1.5, "", "x", "\0", "a\r\nb: c", "x" * 100_000, "../..", "ä"),
    *([], {}, [[]], {"": None}, [None], ["x"], {"x": 1}, 0, "@deleted", "javascript:alert(1)"),
    *("https://s.example/ZoesLink1", "http://[", -(2**63), {"salt": "", "digests": []}),
]
