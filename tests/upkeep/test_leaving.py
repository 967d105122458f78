"""Somebody asks for his data, or wants to be forgotten."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import lmdb
import pytest
from click.testing import CliRunner

from shortd.commands.cli import main
from shortd.models.audit import Action
from shortd.store.looking import looked_at
from shortd.store.schema import ACCOUNTS, AUDIT
from tests.upkeep.full import Exported
from tests.upkeep.test_export import check

PEOPLE = ("zoe", "ann", "cara", "fay", "ben@nowhere.example")
SECRETS = ("password", "digest", "credential", "secret", "recovery", "token", "signature")


@pytest.fixture
def server(exported: Exported, tmp_path: Path) -> Exported:
    """One that may be changed."""
    shutil.copytree(exported.data, tmp_path / "data")
    return exported._replace(data=tmp_path / "data")


def account_of(server: Exported, name: str) -> Any:
    with looked_at(server.data) as store, store.read() as txn:
        [account] = [
            row
            for _, row in ACCOUNTS.scan(txn)
            if name in (row.username.casefold(), row.email.casefold())
        ]
    return account


def traces(data: Path, text: str) -> set[str]:
    """The databases that a text stands in, keys or values."""
    environment = lmdb.open(str(data / "db"), max_dbs=128, readonly=True, lock=False)
    try:
        with environment.begin() as txn:
            names = [bytes(key) for key, _ in txn.cursor()]
        opened = {name: environment.open_db(name, create=False) for name in names}
        with environment.begin() as txn:
            return {
                name.decode()
                for name, database in opened.items()
                for key, value in txn.cursor(db=database)
                if text.casefold().encode() in (bytes(key) + b"\0" + bytes(value)).lower()
            }
    finally:
        environment.close()


@pytest.mark.parametrize("name", PEOPLE)
def test_whoever_is_deleted_leaves_no_trace(server: Exported, name: str) -> None:
    account = account_of(server, name)
    assert traces(server.data, account.userid) - {"audit"}
    blobs = {path.name for path in (server.data / "files").rglob("??/*")}
    said = server.did("user", "delete", name, "--yes")
    assert account.userid in said
    left = traces(server.data, account.userid) | traces(server.data, account.email)
    assert left <= {"audit"}
    check(server.data)
    with looked_at(server.data) as store, store.read() as txn:
        *_, (_, line) = AUDIT.scan(txn)
    assert (line.action, line.subject_userid) == (Action.REMOVE_ACCOUNT, account.userid)
    if name in ("zoe", "ann"):
        # Her files are gone from the disk by now.
        assert {path.name for path in (server.data / "files").rglob("??/*")} < blobs
    assert f"There is no account '{name}'" in server.run("user", "delete", name, "--yes").stderr


def test_its_old_name_does_the_same(server: Exported) -> None:
    server.did("user", "remove", "zoe", "--yes")
    assert "zoe" not in server.did("user", "list")
    assert "remove" not in CliRunner().invoke(main, ["user", "--help"]).stdout


def test_all_of_ones_own(server: Exported, tmp_path: Path) -> None:
    account = account_of(server, "zoe")
    target = tmp_path / "zoe.tar"
    said = json.loads(server.did("user", "export", "zoe", target, "--json"))
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as tar:
        names = tar.getnames()
        content = {name: _content(tar, name) for name in names}
    assert names[:2] == ["manifest.json", "rows.jsonl"]
    manifest = json.loads(content["manifest.json"])
    assert (manifest["account"], manifest["format"]) == (account.userid, "shortd export")
    rows = [json.loads(line) for line in content["rows.jsonl"].splitlines()]
    assert said["counts"] == manifest["counts"]
    types = {row["type"] for row in rows}
    assert types >= {"account", "login", "preferences", "passkey", "second_factor", "identity"}
    assert types >= {"api_key", "known_client", "link", "counts", "day", "visit", "box"}
    assert types >= {"box_item", "report", "operation"}
    for row in rows:
        assert not {*SECRETS} & {*row}, row
        assert row.get("userid", account.userid) == account.userid
        for path in row.get("paths", ()):
            assert path in names
    [letter] = [row for row in rows if row["type"] == "box_item"]
    assert content[letter["paths"][0]] == b"Dear Zoe"
    text = content["rows.jsonl"].decode()
    for other in ("ann@nowhere.example", "ben@nowhere.example", "198.51.100.9"):
        assert other not in text
    with looked_at(server.data) as store, store.read() as txn:
        *_, (_, line) = AUDIT.scan(txn)
    assert (line.action, line.subject) == (Action.EXPORT_ACCOUNT, "zoe")
    assert "is there already" in server.run("user", "export", "zoe", target).stderr
    assert server.run("user", "export", "nobody", tmp_path / "x.tar").exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "zoe.tar"]


def test_what_is_not_on_the_disk_is_told(server: Exported, tmp_path: Path) -> None:
    for path in (server.data / "files").rglob("??/*"):
        path.unlink()
    result = server.run("user", "export", "ann", tmp_path / "ann.tar")
    assert result.exit_code == 3
    assert "is not on the disk, and was left out" in result.stderr
    with tarfile.open(tmp_path / "ann.tar") as tar:
        assert "rows.jsonl" in tar.getnames()


def test_files_are_as_they_were_given(server: Exported, tmp_path: Path) -> None:
    server.did("user", "export", "ann", tmp_path / "ann.tar")
    with tarfile.open(tmp_path / "ann.tar") as tar:
        [parts] = [name for name in tar.getnames() if name.endswith("/parts.txt")]
        [empty] = [name for name in tar.getnames() if name.endswith("/empty")]
        # Which came in three parts.
        assert len(_content(tar, parts)) == 1374
        assert _content(tar, empty) == b""


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert isinstance(member, io.BufferedReader)
    return member.read()
