"""Backups: made beside a running server, whole or not there, and put back."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from shortd.commands.cli import main
from shortd.store.check import faults
from shortd.store.looking import looked_at
from shortd.upkeep.backup import back_up, last_backup
from shortd.upkeep.backup_manifest import read_manifest
from shortd.upkeep.restore import check
from tests import processes
from tests.commands.shell import snapshot
from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.ledger import Ledger
from tests.server.load import all_entries, run_load
from tests.server.wire import follow
from tests.server_process import PLAIN, ServerProcess
from tests.sharing.sharing import FORM_TYPE, file_form

ROUNDS = int(os.environ.get("BACKUP_ROUNDS", "2"))
"""How often a side is killed."""


def shortd(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own."""
    environ = {**os.environ, "SHORTD_CONFIG": os.devnull}
    return subprocess.run(
        [sys.executable, "-m", "shortd", *command],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        **options,
    )


def did(*command: str | Path) -> str:
    """What a command printed, which must succeed."""
    ended = shortd(*command)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def refused(*command: str | Path, status: int = 1) -> list[str]:
    """The lines of a command that must fail."""
    ended = shortd(*command)
    assert (ended.returncode, ended.stdout) == (status, b""), ended.stderr.decode()
    lines = ended.stderr.decode().splitlines()
    assert all(line.startswith("shortd: ") for line in lines), lines
    return [line.removeprefix("shortd: ") for line in lines]


def command(*words: str | Path) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main, [*map(str, words)], env={"SHORTD_CONFIG": os.devnull})


def upload(server: ServerProcess, userid: str, data: bytes) -> str:
    """The short URL of a file."""
    query = {"userid": userid, "filename": "notes.txt", "filesize": len(data)}
    answer = httpx.post(
        f"{server.url}/v2/file",
        content=file_form(query, data),
        headers={"content-type": FORM_TYPE},
        verify=PLAIN,
    ).json()
    assert answer["status"] == "success", answer
    return str(answer["output"]["entry"]["shorturl"])


def fetched(url: str) -> bytes:
    return httpx.get(url, follow_redirects=True, verify=PLAIN).content


class Lived:
    """A server that somebody has used: a link with three clicks, a file."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.userid = server.call("temporary_account")["userid"]
        self.link = server.call("url", userid=self.userid, url="https://example.com/")["entry"][
            "shorturl"
        ]
        assert follow(self.link, 3) == [302] * 3
        self.content = os.urandom(100_000)
        self.file = upload(server, self.userid, self.content)

    def clicks(self) -> int:
        entry = self.server.call("get_entry", userid=self.userid, shorturl=self.link)["entry"]
        return int(entry["count"])


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Lived]:
    with running(ServerProcess(tmp_path / "data", GENEROUS)) as server:
        yield Lived(server)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """One for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("used")
    with running(ServerProcess(folder / "data", GENEROUS)) as server:
        yield Lived(server)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def test_what_was_backed_up_comes_back(lived: Lived, dest: Path) -> None:
    server = lived.server
    data = server.data_dir
    did("backup", dest, "--data", data, "--verify")
    later = server.call("url", userid=lived.userid, url="https://example.org/")["entry"]
    assert follow(lived.link, 2) == [302] * 2
    server.stop()
    said = did("restore", dest / "latest", "--data", data, "--yes")
    [kept] = data.parent.glob("data.before-restore-*")
    assert str(kept) in said
    server.start()
    assert lived.clicks() == 3
    assert fetched(lived.file) == lived.content
    assert follow(later["shorturl"], 1) == [404]
    # Nothing that the server writes now is written to the backup.
    server.call("url", userid=lived.userid, url="https://example.net/")
    server.stop()
    check((dest / "latest").resolve())
    assert "agrees" in did("doctor", "--data", data)
    assert "agrees" in did("doctor", "--data", dest / "latest")
    server.start()


def test_the_server_need_not_run(lived: Lived, dest: Path) -> None:
    lived.server.stop()
    before = snapshot(lived.server.data_dir / "db")
    did("backup", dest, "--data", lived.server.data_dir)
    # Reading may make no more than a table of readers.
    after = snapshot(lived.server.data_dir / "db")
    assert [path for path in after if after[path][-1] != before[path][-1]] in (
        [],
        [str(lived.server.data_dir / "db" / "lock.mdb")],
    )
    assert check((dest / "latest").resolve()).counts["files"] == 1
    lived.server.start()


def test_files_take_no_more_room(used: Lived, dest: Path) -> None:
    data = used.server.data_dir
    first = json.loads(did("backup", dest, "--data", data, "--json"))
    second = json.loads(did("backup", dest, "--data", data, "--json"))
    assert first["path"] != second["path"] == str((dest / "latest").resolve())
    [original] = [path for path in (data / "files").rglob("*") if path.is_file()]
    name = Path("files", original.parent.name, original.name)
    for made in (first, second):
        assert (Path(made["path"]) / name).stat().st_ino == original.stat().st_ino
        assert made["counts"] == {"accounts": first["counts"]["accounts"], "links": 2, "files": 1}


def test_the_oldest_go(used: Lived, dest: Path) -> None:
    data = used.server.data_dir
    (dest / "20200101T000000Z").mkdir(parents=True)
    (dest / "20200101T000000Z.partial").mkdir()
    (dest / "notes").mkdir()
    # Somebody else's.
    (dest / "film.partial").mkdir()
    (dest / "20190101T000000Z").touch()
    for _ in range(3):
        did("backup", dest, "--data", data, "--keep", "2")
    (dest / "film.partial").rmdir()
    (dest / "20190101T000000Z").unlink()
    names = sorted(path.name for path in dest.iterdir())
    assert len(names) == 4 and names[2:] == ["latest", "notes"], names
    assert (dest / "latest").resolve().name == names[1]


def test_a_clock_that_goes_back_keeps_the_new_one(used: Lived, dest: Path) -> None:
    """What a clock that ran ahead has dated is older than what is made now, whatever it says."""
    data = used.server.data_dir
    did("backup", dest, "--data", data)
    [older] = [path for path in dest.iterdir() if not path.is_symlink()]
    for name in ("20400101T000000Z", "20410101T000000Z"):
        shutil.copytree(older, dest / name)
    made = json.loads(did("backup", dest, "--data", data, "--keep", "2", "--json"))["path"]
    assert (dest / "latest").resolve() == Path(made)
    assert {path.name for path in dest.iterdir()} == {"latest", older.name, Path(made).name}


def test_a_disk_without_links_and_modes(
    used: Lived, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT is, which most sticks have."""

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("symlink", "link", "chmod"):
        monkeypatch.setattr(os, name, refuse)
    made, manifest = back_up(used.server.data_dir, dest, verify=True)
    assert [path.name for path in dest.iterdir()] == [made.name]
    assert check(made) == manifest


class TestLostFiles:
    """A shared file that the disk has lost keeps nobody from backing up the rest."""

    @pytest.fixture
    def data(self, whole: Path, tmp_path: Path) -> Path:
        done = command("restore", whole, "--data", tmp_path / "data")
        assert done.exit_code == 0, done.stderr
        return tmp_path / "data"

    @pytest.mark.parametrize("how", ["gone", "changed", "cut"])
    def test_all_else_is_backed_up(self, data: Path, dest: Path, tmp_path: Path, how: str) -> None:
        [blob] = [path for path in (data / "files").rglob("*") if path.is_file()]
        content = blob.read_bytes()
        blob.unlink()
        if how != "gone":
            blob.write_bytes(content[:-1] if how == "cut" else b"x" + content[1:])
        done = command("backup", dest, "--data", data, "--verify", "--json")
        assert done.exit_code == 3
        name = f"files/{blob.parent.name}/{blob.name}"
        assert json.loads(done.stdout)["lost"] == [name]
        # Of which link it is, is told by who reads all of them.
        checked = command("doctor", "--data", data, "--files")
        assert checked.exit_code == 1
        assert re.search(r"part 0 of \w+ \(link \w+\) (is not|has)", checked.stderr)
        assert command("doctor", "--data", data).exit_code == (0 if how == "changed" else 1)
        assert name in done.stderr
        # Nobody has to be asked again when it is put back.
        done = command("restore", dest / "latest", "--data", tmp_path / "again")
        assert done.exit_code == 0, done.stderr
        done = command("doctor", "--data", dest / "latest")
        assert done.exit_code == 1
        assert f"{name} was lost" in done.stderr
        # An export, too.
        done = command("export", tmp_path / "export", "--data", data)
        assert done.exit_code == (3 if how == "gone" else 0), done.stderr
        assert (name in done.stderr) is (how == "gone")

    @pytest.mark.parametrize("how", ["gone", "changed"])
    def test_a_backup_that_lost_one(self, whole: Path, tmp_path: Path, how: str) -> None:
        backup, new = tmp_path / "backup", tmp_path / "new"
        shutil.copytree(whole, backup)
        [blob] = [path for path in (backup / "files").rglob("*") if path.is_file()]
        blob.unlink()
        if how == "changed":
            blob.write_bytes(b"x")
        assert command("doctor", "--data", backup).exit_code == 1
        done = command("restore", backup, "--data", new)
        assert done.exit_code == 1
        assert "--accept-faults" in done.stderr
        assert not new.exists()
        done = command("restore", backup, "--data", new, "--accept-faults")
        assert done.exit_code == 0, done.stderr
        assert command("link", "list", "--data", new).exit_code == 0

    def test_never_a_database_that_is_another(self, whole: Path, tmp_path: Path) -> None:
        backup = Path(shutil.copytree(whole, tmp_path / "backup"))
        with (backup / "db" / "data.mdb").open("r+b") as database:
            database.seek(5000)
            database.write(b"x")
        done = command("restore", backup, "--data", tmp_path / "new", "--accept-faults")
        assert done.exit_code == 1
        assert "--accept-faults" not in done.stderr
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("init", "--config", "new.toml"),
        ("user", "lock", "@anonymous"),
        ("link", "add", "https://example.org/"),
        ("compact",),
        ("doctor", "--fix"),
        ("stats", "rebuild"),
        ("clock", "believe"),
    ],
    ids=" ".join,
)
def test_nothing_changes_a_backup(
    whole: Path, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = snapshot(whole)
    done = command(*words, "--data", whole)
    assert done.exit_code == 1
    assert "is a backup, which nothing changes" in done.stderr
    assert snapshot(whole) == before


def test_no_server_starts_in_a_backup(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORTD_PUBLIC_URL", "http://s.example.org")
    before = snapshot(whole)
    [line] = refused("serve", "--host", f"unix:{tmp_path / 'socket'}", "--data", whole)
    assert "is a backup, which nothing changes" in line
    assert snapshot(whole) == before


def test_a_data_directory_behind_a_link(whole: Path, tmp_path: Path) -> None:
    """It stays on the disk that the link leads to, and so does what was there."""
    disk, data = tmp_path / "disk", tmp_path / "data"
    (disk / "real").mkdir(parents=True)
    (disk / "real" / "something").touch()
    data.symlink_to(disk / "real")
    done = command("restore", whole, "--data", data, "--yes")
    assert done.exit_code == 0, done.stderr
    assert data.is_symlink()
    assert (disk / "real" / "db").is_dir()
    [kept] = disk.glob("real.before-restore-*")
    assert (kept / "something").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
def test_roots_restore_is_the_directorys_owners(whole: Path, tmp_path: Path) -> None:
    """A backup that came from elsewhere is root's, or of a user with another number here."""
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 12345, 12345)
    done = command("restore", whole, "--data", data)
    assert done.exit_code == 0, done.stderr
    assert {path.stat().st_uid for path in (data, *data.rglob("*"))} == {12345}


def test_paths_that_are_no_text(whole: Path, tmp_path: Path) -> None:
    dest, new = (tmp_path / os.fsdecode(name) for name in (b"dest\xff", b"new\xff"))
    assert json.loads(did("backup", dest, "--data", whole, "--json"))["counts"]["links"] == 2
    did("restore", dest / "latest", "--data", new)
    for words in (("status", "--json"), ("config", "show", "--json")):
        assert json.loads(did(*words, "--data", new))


def test_a_backup_is_not_put_back_over_itself(whole: Path) -> None:
    before = snapshot(whole)
    for place in (whole, whole / "new"):
        done = command("restore", whole, "--data", place, "--yes")
        assert done.exit_code == 1
        assert "is the backup itself" in done.stderr
    assert snapshot(whole) == before


def test_a_part_of_a_backup(whole: Path, tmp_path: Path) -> None:
    done = command("restore", whole / "db", "--data", tmp_path / "new")
    assert done.exit_code == 1
    assert f"restore {whole}" in done.stderr


def test_metrics_tell_when(lived: Lived, dest: Path) -> None:
    def figure() -> list[str]:
        text = httpx.get(f"{lived.server.url}/-/metrics", verify=PLAIN).text
        return [line for line in text.splitlines() if line.startswith("shortd_backup_last")]

    assert figure() == []
    did("backup", dest, "--data", lived.server.data_dir)
    [line] = figure()
    utime = read_manifest(dest / "latest").created_utime
    assert float(line.split()[1]) == pytest.approx(utime / 1e6)


def test_as_tar(used: Lived, tmp_path: Path) -> None:
    data = used.server.data_dir
    before = {path.name for path in data.iterdir()}
    ended = shortd("backup", "--to-stdout", "--data", data)
    assert ended.returncode == 0
    [note] = ended.stderr.decode().splitlines()
    assert note.startswith("shortd: data ")
    (tmp_path / "backup.tar").write_bytes(ended.stdout)
    with tarfile.open(tmp_path / "backup.tar") as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        tar.extractall(tmp_path / "unpacked")
    [backup] = (tmp_path / "unpacked").iterdir()
    assert check(backup).counts["links"] == 2
    assert {path.name for path in data.iterdir()} - before <= {"last-backup.json"}


def test_no_tar_goes_to_a_terminal(whole: Path) -> None:
    master, slave = pty.openpty()
    environ = {**os.environ, "SHORTD_CONFIG": os.devnull}
    words = [sys.executable, "-m", "shortd", "backup", "--to-stdout", "--data", str(whole)]
    ended = subprocess.run(words, env=environ, stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    os.close(master)
    assert ended.returncode == 2
    assert b"A terminal takes no tar" in ended.stderr


def test_a_running_server_keeps_its_place(used: Lived, dest: Path) -> None:
    data = used.server.data_dir
    did("backup", dest, "--data", data)
    [line] = refused("restore", dest / "latest", "--data", data, "--yes")
    assert "in use by another shortd" in line
    assert used.clicks() == 3


def test_nothing_is_replaced_unasked(lived: Lived, dest: Path) -> None:
    data = lived.server.data_dir
    did("backup", dest, "--data", data)
    lived.server.stop()
    before = snapshot(data)
    [line] = refused("restore", dest / "latest", "--data", data, status=2)
    assert "--yes" in line
    assert snapshot(data) == before
    lived.server.start()


@pytest.fixture(scope="module")
def whole(used: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, _ = back_up(used.server.data_dir, tmp_path_factory.mktemp("whole"))
    return made


EMPTY = b'{"version": "1", "schema": 5, "created_utime": 0, "counts": {}, "files": {}}'


class TestDamaged:
    @pytest.fixture
    def backup(self, whole: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(whole, tmp_path / "backup"))

    def refusal(self, backup: Path, tmp_path: Path) -> str:
        """What is said; nothing may be made."""
        new = tmp_path / "new"
        result = CliRunner().invoke(main, ["restore", str(backup), "--data", str(new)])
        assert (result.exit_code, result.stdout) == (1, "")
        assert not list(tmp_path.glob("new*"))
        return result.stderr

    @pytest.mark.parametrize("what", ["db/data.mdb", "files"])
    @pytest.mark.parametrize("how", ["changed", "cut", "gone"])
    def test_a_file(self, backup: Path, tmp_path: Path, what: str, how: str) -> None:
        manifest = read_manifest(backup)
        name = next(name for name in manifest.files if name.startswith(what))
        content = (backup / name).read_bytes()
        (backup / name).unlink()
        if how == "changed":
            (backup / name).write_bytes(content[:5000] + b"x" + content[5001:])
        elif how == "cut":
            (backup / name).write_bytes(content[:-1])
        said = self.refusal(backup, tmp_path)
        assert "is damaged, and nothing was changed" in said
        assert name in said

    @pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "db/../../outside"])
    def test_a_manifest_that_leads_elsewhere(self, backup: Path, tmp_path: Path, name: str) -> None:
        path = backup / "manifest.json"
        manifest = json.loads(path.read_bytes())
        manifest["files"][name] = {"size": 0, "sha256": ""}
        path.write_text(json.dumps(manifest))
        assert "leads out of the backup" in self.refusal(backup, tmp_path)

    @pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"files": 3}', b"\xff", EMPTY])
    def test_the_manifest(self, backup: Path, tmp_path: Path, content: bytes | None) -> None:
        path = backup / "manifest.json"
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        said = self.refusal(backup, tmp_path)
        assert "is no backup" in said if content is None else "is damaged" in said


@pytest.mark.parametrize("source", ["nothing", "file", "empty"])
def test_what_is_no_backup(tmp_path: Path, source: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    [line] = refused("restore", tmp_path / source, "--data", tmp_path / "new")
    assert str(tmp_path / source) in line
    assert not (tmp_path / "new").exists()


def test_places_where_no_backup_can_be(used: Lived, tmp_path: Path) -> None:
    data = used.server.data_dir
    [line] = refused("backup", data / "backups", "--data", data)
    assert "would be lost with it" in line
    (tmp_path / "file").touch()
    refused("backup", tmp_path / "file", "--data", data)
    refused("backup", tmp_path / "file" / "below", "--data", data)
    [line] = refused("backup", tmp_path / "dest", "--data", tmp_path / "nowhere")
    assert "is not there" in line
    assert not (tmp_path / "dest").exists()


def test_one_at_a_time(used: Lived, dest: Path) -> None:
    data = used.server.data_dir
    seen: list[list[str]] = []

    def told(_: int) -> None:
        if not seen:
            seen.append(refused("backup", dest, "--data", data))

    back_up(data, dest, told=told)
    assert seen == [[f"another backup is being made in {dest}"]]
    assert last_backup(data) is not None


@contextmanager
def sharing(server: ServerProcess, userid: str) -> Iterator[None]:
    """Somebody who shares files and deletes them again, meanwhile."""
    over = Event()

    def share() -> None:
        urls: list[str] = []
        try:
            while not over.is_set():
                urls.append(upload(server, userid, os.urandom(3000)))
                if len(urls) > 5:
                    server.call("delete", userid=userid, shorturls=[urls.pop(0)])
        except (httpx.HTTPError, AssertionError):
            # The server was killed.
            pass

    thread = Thread(target=share)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Siege:
    """A server with much to do, a backup of it, and the end of one of them."""

    def __init__(self, server: ServerProcess, dest: Path, chance: Random, killed: str) -> None:
        self._server = server
        self._command = [sys.executable, "-m", "shortd", "backup", str(dest)]
        self._command += ["--data", str(server.data_dir)]
        self._chance = chance
        self._killed = killed
        self._process: subprocess.Popen[bytes] | None = None
        self.ledger = Ledger()
        self.acknowledged: Mapping[str, int] = {}
        """Clicks by URL, when the backup was begun."""

    async def round(self, userid: str) -> None:
        begun = asyncio.ensure_future(self._begin())
        steps = self._chance.randint(1500, 3500)
        await run_load(
            self._server,
            userid,
            self.ledger,
            self._chance,
            writers=2,
            visitors=4,
            steps=steps,
            end=self._end,
        )
        await begun
        assert self._process is not None
        self._process.wait()

    async def _begin(self) -> None:
        await self.ledger.reach(self._chance.randint(200, 800))
        self.acknowledged = dict(self.ledger.answered)
        self._process = processes.start(self._command, stderr=subprocess.DEVNULL)

    def _end(self) -> None:
        if self._killed == "backup" and self._process is not None:
            self._process.send_signal(signal.SIGKILL)
        self._server.kill()


@pytest.mark.parametrize("killed", ["backup", "server"])
def test_a_side_is_killed(tmp_path: Path, dest: Path, killed: str) -> None:
    """Every backup that is there is whole, and has what was acknowledged before it was begun."""
    server = ServerProcess(tmp_path / "data", {**GENEROUS, "SHORTD_CLICKS__SYNC_MS": "5"})
    server.start()
    try:
        userid = server.call("temporary_account")["userid"]
        sharer = server.call("temporary_account")["userid"]
        one = Siege(server, dest, Random(killed), killed)
        known: dict[str, Mapping[str, int]] = {}
        for _ in range(ROUNDS):
            with sharing(server, sharer):
                asyncio.run(one.round(userid))
            for path in sorted(dest.glob("*Z")) if dest.exists() else ():
                known.setdefault(path.name, one.acknowledged)
            server.start()
            one.ledger.settle(asyncio.run(all_entries(server, userid)))
        for name, acknowledged in known.items():
            hold(dest / name, tmp_path / f"restored-{name}", acknowledged, userid)
        # One that nobody kills.
        did("backup", dest, "--data", server.data_dir, "--verify")
        assert not list(dest.glob("*.partial"))
        assert killed == "backup" or known
    finally:
        server.kill()


def hold(backup: Path, directory: Path, acknowledged: Mapping[str, int], userid: str) -> None:
    """Holds a backup against what was acknowledged before it was begun."""
    check(backup)
    did("restore", backup, "--data", directory)
    with looked_at(directory) as store, store.read() as txn:
        assert list(faults(txn)) == []
    restored = ServerProcess(directory, GENEROUS)
    restored.start()
    try:
        counts = {
            entry["url"]: entry["count"] for entry in asyncio.run(all_entries(restored, userid))
        }
        for url in counts.keys() & acknowledged.keys():
            assert counts[url] >= acknowledged[url]
        assert restored.stop() == 0
    finally:
        restored.kill()
